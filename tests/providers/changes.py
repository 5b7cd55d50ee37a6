"""Every call that changes something at a vendor: what has to be there before it, and how often it has happened."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pydantic import SecretStr

from app.ids import new_id
from app.money import USD, Money
from app.providers.bank_ports import BookOrder, CardStatus, DepositAccountStatus
from app.providers.outcomes import Declined, Unavailable
from app.providers.ports import PaymentStatus
from app.providers.registry import Providers
from app.providers.screening_ports import Payment
from app.providers.tatum.chains import CHAINS
from tests.providers.calls import Word, coins_of
from tests.providers.shop import Shop
from tests.providers.test_against_sandbox import pull

DOLLARS = Money(1_000, USD)
CARD_TOKEN = SecretStr("tok_visa_debit")


class Again(Enum):
    """What the same call means once it has happened."""

    SAME = "it is found, and answered like the first"
    REFUSED = "the vendor refuses it"
    ANOTHER = "it would happen once more, so it is never made again"


@dataclass(frozen=True, slots=True)
class Begun:
    """A change, ready to be made."""

    make: Callable[[Providers], Awaitable[Any]]
    count: Callable[[], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Change:
    """``refused``: the word for the vendor's definite no; ``keeps_refusals``: what was refused is in its book too."""

    vendor: str
    operation: str
    begin: Callable[[Shop, str], Awaitable[Begun]]
    again: Again = Again.SAME
    refused: Word = Declined
    keeps_refusals: bool = False


async def _ach_payment(shop: Shop, ref: str) -> Begun:
    return Begun(lambda to: to.ach.create_payment(pull(shop.bank_token, ref), key=ref), lambda: _payments(shop, ref))


async def _payments(shop: Shop, ref: str) -> int:
    booked = await shop.book("unit", "payments")
    return sum(each["tags"].get("opId") == ref and each["status"] != "Rejected" for each in booked)


async def _cancelled_payment(shop: Shop, ref: str) -> Begun:
    made = await shop.calm.ach.create_payment(pull(shop.bank_token, ref), key=ref)

    async def cancelled() -> int:
        found = await shop.calm.ach.payment(made.id)
        return int(found is not None and found.status is PaymentStatus.CANCELED)

    return Begun(lambda to: to.ach.cancel_payment(made.id), cancelled)


async def _application(shop: Shop, ref: str) -> Begun:
    return Begun(
        lambda to: to.accounts.apply(shop.person, reference=ref, key=ref), lambda: shop.tagged("/applications", ref)
    )


async def _account(shop: Shop, ref: str) -> Begun:
    return Begun(
        lambda to: to.accounts.open_account(shop.customer_id, reference=ref, key=ref),
        lambda: shop.tagged("/accounts", ref),
    )


async def _opened(shop: Shop, ref: str) -> str:
    return (await shop.calm.accounts.open_account(shop.customer_id, reference=ref, key=ref)).id


async def _account_is(shop: Shop, account_id: str, status: DepositAccountStatus) -> int:
    found = await shop.calm.accounts.account(account_id)
    return int(found is not None and found.status is status)


async def _frozen_account(shop: Shop, ref: str) -> Begun:
    account_id = await _opened(shop, ref)
    return Begun(
        lambda to: to.accounts.freeze_account(account_id, "A person has asked for it."),
        lambda: _account_is(shop, account_id, DepositAccountStatus.FROZEN),
    )


async def _unfrozen_account(shop: Shop, ref: str) -> Begun:
    account_id = await _opened(shop, ref)
    await shop.calm.accounts.freeze_account(account_id, "A person has asked for it.")
    return Begun(
        lambda to: to.accounts.unfreeze_account(account_id),
        lambda: _account_is(shop, account_id, DepositAccountStatus.OPEN),
    )


async def _closed_account(shop: Shop, ref: str) -> Begun:
    account_id = await _opened(shop, ref)
    return Begun(
        lambda to: to.accounts.close_account(account_id),
        lambda: _account_is(shop, account_id, DepositAccountStatus.CLOSED),
    )


async def _movement(shop: Shop, ref: str) -> Begun:
    order = BookOrder(DOLLARS, "10", await _opened(shop, f"{ref}-to"), ref, "moved")
    return Begun(lambda to: to.inside.move(order, key=ref), lambda: _payments(shop, ref))


async def _issued_card(shop: Shop, ref: str) -> Begun:
    return Begun(lambda to: to.cards.issue_card("10", reference=ref, key=ref), lambda: shop.tagged("/cards", ref))


async def _card_is(shop: Shop, card_id: str, status: CardStatus) -> int:
    found = await shop.calm.cards.card(card_id)
    return int(found is not None and found.status is status)


async def _frozen_card(shop: Shop, ref: str) -> Begun:
    card = await shop.calm.cards.issue_card("10", reference=ref, key=ref)
    return Begun(lambda to: to.cards.freeze_card(card.id), lambda: _card_is(shop, card.id, CardStatus.FROZEN))


async def _unfrozen_card(shop: Shop, ref: str) -> Begun:
    card = await shop.calm.cards.issue_card("10", reference=ref, key=ref)
    await shop.calm.cards.freeze_card(card.id)
    return Begun(lambda to: to.cards.unfreeze_card(card.id), lambda: _card_is(shop, card.id, CardStatus.ACTIVE))


def _answered_request(reason: str | None) -> Callable[[Shop, str], Awaitable[Begun]]:
    async def begin(shop: Shop, ref: str) -> Begun:
        card = await shop.calm.cards.issue_card("10", reference=ref, key=ref)
        body = {"card_id": card.id, "amount": DOLLARS.minor, "by_event": True, "answer_s": 3_600}
        asked = (await shop.world.desk.post("/control/unit/card-request", json=body)).json()
        request = await shop.calm.cards.card_request(asked["request_id"])
        assert request is not None

        async def answered() -> int:
            now = await shop.calm.cards.card_request(request.id)
            return int(now is not None and not now.is_open and now.was_declined is (reason is not None))

        return Begun(lambda to: to.cards.answer_request(request, reason), answered)

    return begin


async def _referring(shop: Shop, kind: str, ref: str) -> int:
    return sum(each["metadata"].get("reference") == ref for each in await shop.book("stripe", kind))


async def _card_payment(shop: Shop, ref: str) -> Begun:
    return Begun(
        lambda to: to.card_payments.create_payment(DOLLARS, reference=ref, key=ref),
        lambda: _referring(shop, "payment_intents", ref),
    )


async def _cancelled_card_payment(shop: Shop, ref: str) -> Begun:
    made = await shop.calm.card_payments.create_payment(DOLLARS, reference=ref, key=f"{ref}-made")

    async def cancelled() -> int:
        intents = await shop.book("stripe", "payment_intents")
        return sum(each["id"] == made.id and each["status"] == "canceled" for each in intents)

    return Begun(lambda to: to.card_payments.cancel_payment(made.id, key=ref), cancelled)


async def _payee(shop: Shop, ref: str) -> Begun:
    return Begun(
        lambda to: to.card_payouts.create_payee(shop.person, reference=ref, key=ref),
        lambda: _referring(shop, "accounts", ref),
    )


async def _enrolled(shop: Shop, ref: str) -> str:
    return await shop.calm.card_payouts.create_payee(shop.person, reference=f"{ref}-payee", key=f"{ref}-payee")


async def _card_on_file(shop: Shop, ref: str) -> Begun:
    payee = await _enrolled(shop, ref)
    return Begun(
        lambda to: to.card_payouts.attach_card(payee, CARD_TOKEN, reference=ref, key=ref),
        lambda: _referring(shop, "cards", ref),
    )


async def _transfer(shop: Shop, ref: str) -> Begun:
    payee = await _enrolled(shop, ref)
    return Begun(
        lambda to: to.card_payouts.transfer(payee, DOLLARS, reference=ref, key=ref),
        lambda: _referring(shop, "transfers", ref),
    )


async def _reversal(shop: Shop, ref: str) -> Begun:
    payee = await _enrolled(shop, ref)
    made = await shop.calm.card_payouts.transfer(payee, DOLLARS, reference=ref, key=f"{ref}-made")

    async def reversed_() -> int:
        transfers = await shop.book("stripe", "transfers")
        taken_back = sum(int(each["amount_reversed"]) for each in transfers if each["id"] == made.id)
        return taken_back // DOLLARS.minor

    return Begun(lambda to: to.card_payouts.reverse_transfer(made.id, reference=ref, key=ref), reversed_)


async def _payout(shop: Shop, ref: str) -> Begun:
    payee = await _enrolled(shop, ref)
    payouts = shop.calm.card_payouts
    card = await payouts.attach_card(payee, CARD_TOKEN, reference=f"{ref}-card", key=f"{ref}-card")
    await payouts.transfer(payee, DOLLARS, reference=f"{ref}-moved", key=f"{ref}-moved")
    return Begun(
        lambda to: to.card_payouts.pay_out(payee, card.id, DOLLARS, reference=ref, key=ref),
        lambda: _referring(shop, "payouts", ref),
    )


async def _applicants(shop: Shop, ref: str) -> int:
    return sum(each["externalUserId"] == ref for each in await shop.book("sumsub", "applicants"))


async def _applicant(shop: Shop, ref: str) -> Begun:
    return Begun(lambda to: to.people.applicant_for(ref), lambda: _applicants(shop, ref))


async def _reused(shop: Shop, ref: str) -> Begun:
    token = SecretStr(await shop.share_token(f"donor-{ref}"))
    return Begun(lambda to: to.people.reuse(token, ref), lambda: _applicants(shop, ref))


async def _screening(shop: Shop, ref: str) -> Begun:
    payment = Payment(ref, DOLLARS, "bank", "lnk_1")

    async def checked() -> int:
        return sum(each["txnId"] == ref for each in await shop.book("sumsub", "transactions"))

    return Begun(lambda to: to.screening.screen(shop.applicant_id, payment), checked)


async def _exchanged(shop: Shop, _ref: str) -> Begun:
    token, before = await shop.public_token(), {each["id"] for each in await shop.book("plaid", "items")}

    async def linked() -> int:
        return len({each["id"] for each in await shop.book("plaid", "items")} - before)

    return Begun(lambda to: to.banks.exchange(token), linked)


async def _removed(shop: Shop, _ref: str) -> Begun:
    login = shop.logins.pop()

    async def gone() -> int:
        return int(all(each["id"] != login.item_id for each in await shop.book("plaid", "items")))

    return Begun(lambda to: to.banks.remove(login.access_token), gone)


def _sent(chain: str) -> Callable[[Shop, str], Awaitable[Begun]]:
    async def begin(shop: Shop, ref: str) -> Begun:
        order = coins_of(chain, ref)

        async def queued() -> int:
            queue = await shop.calm.coins.pending_sends(chain)
            return sum((each.to, each.amount) == (order.to, order.amount) for each in queue)

        return Begun(lambda to: to.coins.send(order), queued)

    return begin


async def _cancelled_send(shop: Shop, ref: str) -> Begun:
    pending_id = await shop.calm.coins.send(coins_of("bitcoin", ref))

    async def gone() -> int:
        return int(await shop.calm.coins.pending_send(pending_id) is None)

    return Begun(lambda to: to.coins.cancel_send(pending_id), gone)


CHANGES = {
    "UnitAdapter.create_payment": Change("unit", "create_payment", _ach_payment),
    "UnitAdapter.cancel_payment": Change("unit", "cancel_payment", _cancelled_payment, Again.REFUSED),
    "UnitAccounts.apply": Change(
        "unit", "create_application", _application, refused=None, keeps_refusals=True
    ),  # that it was denied is the application's state, not the call's
    "UnitAccounts.open_account": Change("unit", "create_account", _account),
    "UnitAccounts.freeze_account": Change("unit", "freeze_account", _frozen_account, Again.REFUSED),
    "UnitAccounts.unfreeze_account": Change("unit", "unfreeze_account", _unfrozen_account, Again.REFUSED),
    "UnitAccounts.close_account": Change("unit", "close_account", _closed_account, Again.REFUSED),
    "UnitAccounts.move": Change("unit", "create_payment", _movement),
    "UnitCards.issue_card": Change("unit", "create_card", _issued_card),
    "UnitCards.freeze_card": Change("unit", "freeze_card", _frozen_card, Again.REFUSED),
    "UnitCards.unfreeze_card": Change("unit", "unfreeze_card", _unfrozen_card, Again.REFUSED),
    "UnitCards.answer_request/yes": Change(
        "unit", "approve_authorization_request", _answered_request(None), Again.REFUSED
    ),
    "UnitCards.answer_request/no": Change(
        "unit", "decline_authorization_request", _answered_request("DoNotHonor"), Again.REFUSED
    ),
    "StripeCards.create_payment": Change("stripe", "create_payment_intent", _card_payment),
    "StripeCards.cancel_payment": Change("stripe", "cancel_payment_intent", _cancelled_card_payment),
    "StripePayouts.create_payee": Change("stripe", "create_account", _payee),
    "StripePayouts.attach_card": Change("stripe", "create_external_account", _card_on_file),
    "StripePayouts.transfer": Change("stripe", "create_transfer", _transfer),
    "StripePayouts.reverse_transfer": Change("stripe", "create_transfer_reversal", _reversal),
    "StripePayouts.pay_out": Change("stripe", "create_payout", _payout),
    "SumsubAdapter.applicant_for": Change("sumsub", "create_applicant", _applicant),
    "SumsubAdapter.reuse": Change("sumsub", "reuse_identity", _reused),
    "SumsubScreening.screen": Change("sumsub", "submit_transaction", _screening),
    "PlaidAdapter.exchange": Change("plaid", "exchange_public_token", _exchanged, Again.REFUSED),
    "PlaidAdapter.remove": Change("plaid", "remove_item", _removed),
    "TatumAdapter.cancel_send": Change("tatum", "kms_delete", _cancelled_send, refused=Unavailable),
    **{f"TatumAdapter.send/{chain}": Change("tatum", "send", _sent(chain), Again.ANOTHER) for chain in CHAINS},
}


async def all_begun(shop: Shop) -> dict[str, Begun]:
    """Every change, each under a reference of its own."""
    begun = await asyncio.gather(*(change.begin(shop, new_id("eff")) for change in CHANGES.values()))
    return dict(zip(CHANGES, begun, strict=True))
