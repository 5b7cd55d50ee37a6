"""What is taken back of card payments, and payouts that come back, after the saga that made them had ended.

| What happened | DR / CR |
|---|---|
| a payment was refunded | customer, or receivable / cards |
| a payment was disputed | customer, or receivable / cards · cardfee_out / cards |
| a dispute was won, or a refund failed | the mirror |
| a payout that was paid has failed | cards / customer |
| a payment was paid that a person had ended | cards, cardfee_out / customer |
| a move took place that was given up | nothing here: a person decides |

A charge may be taken back in parts, and given back again. What is booked is the difference to what was booked before,
and a new watch begins from there.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.ledger.accounts import Account
from app.ledger.transactions import Leg, credit, debit
from app.money import Money
from app.orchestrator.flows import chart
from app.orchestrator.flows.card_topup import CARD_DISPUTE, CARD_REFUND, DISPUTE_WINDOW, paid, see, watches_on
from app.orchestrator.flows.late import Recovery, customers_account
from app.orchestrator.flows.params import money, read_money
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Outcome, Progress, Run, Settled, Stuck, Waiting
from app.orchestrator.watches import Watch
from app.providers.card_ports import CardCharge, CardPayout, CardPayoutStatus

CARD_DISPUTED = "card-disputed"
"""The kind of watches on payments that are disputed already: what follows does not stop the account again."""


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What is gone of a charge by now, each with how much of it has been booked."""

    charge: CardCharge
    refunded: tuple[Money, Money]
    disputed: tuple[Money, Money]
    fee: tuple[Money, Money]


def _difference(pair: tuple[Money, Money]) -> Money:
    now, booked = pair
    return now - booked


@dataclass(frozen=True, slots=True)
class Refunded:
    """A payment that was refunded, whole or in part."""

    freezes: bool = False

    async def look(self, object_id: str, facts: Mapping[str, str], outside: Outside) -> TakenBack | None:  # noqa: ARG002
        return await _look(facts, outside)

    def happened(self, seen: TakenBack | None) -> str | None:
        if seen is None:
            return "vanished"
        difference = _difference(seen.refunded)
        return None if not difference else "refunded" if difference.minor > 0 else "refund-failed"

    def book(self, run: Run, seen: TakenBack | None) -> Progress:
        if seen is None:
            return Stuck("charge-vanished")
        posting = run.transaction("refunded", *_moved(run, _difference(seen.refunded), _cards(run)))
        watch = _watch_on(run, CARD_REFUND, {"refunded": money(seen.refunded[0])})
        return Settled(Outcome((posting,)), (watch,))


@dataclass(frozen=True, slots=True)
class Disputed:
    """A payment that its cardholder's bank took back, or gives back again. Its fee is ours to pay."""

    freezes: bool

    async def look(self, object_id: str, facts: Mapping[str, str], outside: Outside) -> TakenBack | None:  # noqa: ARG002
        return await _look(facts, outside)

    def happened(self, seen: TakenBack | None) -> str | None:
        if seen is None:
            return "vanished"
        difference = _difference(seen.disputed)
        if difference:
            return "disputed" if difference.minor > 0 else "dispute-won"
        return "dispute-fee" if _difference(seen.fee) else None

    def book(self, run: Run, seen: TakenBack | None) -> Progress:
        if seen is None:
            return Stuck("charge-vanished")
        amount, fee = _difference(seen.disputed), _difference(seen.fee)
        postings = []
        if amount:
            postings.append(run.transaction("disputed", *_moved(run, amount, _cards(run))))
        if fee:
            paid = chart.card_fees(run.book, fee.asset)
            postings.append(run.transaction("dispute-fee", *_between(paid, _cards(run), fee)))
        facts = {"disputed": money(seen.disputed[0]), "dispute_fee": money(seen.fee[0])}
        return Settled(Outcome(tuple(postings)), (_watch_on(run, CARD_DISPUTED, facts),))


@dataclass(frozen=True, slots=True)
class PayoutFailed:
    """A payout that was paid, and came back: the money is at the card processor again, and the customer's."""

    freezes: bool = False

    async def look(self, object_id: str, facts: Mapping[str, str], outside: Outside) -> CardPayout | None:
        return await outside.providers.card_payouts.payout(facts["payee_id"], object_id)

    def happened(self, seen: CardPayout | None) -> str | None:
        back = seen is not None and seen.status in {CardPayoutStatus.FAILED, CardPayoutStatus.CANCELED}
        return "failed" if back else None

    def book(self, run: Run, seen: CardPayout) -> Progress:
        back = run.transaction("came-back", *_moved(run, -run.params.amount, _cards(run)))
        return Settled(Outcome((back,), result={"reason": seen.reason}))


@dataclass(frozen=True, slots=True)
class PaidAfterAll:
    """A payment that a person had ended, and that the customer has made. It is watched like any other from then on."""

    freezes: bool = False

    async def look(self, object_id: str, facts: Mapping[str, str], outside: Outside) -> CardCharge | None:  # noqa: ARG002
        return (await see(object_id, outside)).charge

    def happened(self, seen: CardCharge | None) -> str | None:
        return None if seen is None else "paid"

    def book(self, run: Run, seen: CardCharge) -> Progress:
        recovery: Recovery = run.params
        if seen.fee is None:
            return Waiting(refs=(recovery.ref,))
        account = customers_account(run, seen.amount.asset)
        watches = watches_on(run, recovery.facts["account_id"], recovery.object_id, seen)
        return Settled(paid(run, account, seen.amount, seen.fee), watches)


@dataclass(frozen=True, slots=True)
class MoveLanded:
    """A transfer, its reversal or a payout that took place although it was concluded that it did not.

    Whether the books miss it depends on what the saga has undone since, which a person must look at.
    """

    freezes: bool = False

    async def look(self, object_id: str, facts: Mapping[str, str], outside: Outside) -> str:  # noqa: ARG002
        return object_id

    def happened(self, seen: str) -> str | None:  # noqa: ARG002
        return "landed"

    def book(self, run: Run, seen: str) -> Progress:  # noqa: ARG002
        return Stuck("card-move-landed")


async def _look(facts: Mapping[str, str], outside: Outside) -> TakenBack | None:
    charge = await outside.providers.card_payments.charge_of(facts["payment_id"])
    if charge is None:
        return None
    none = money(charge.amount - charge.amount)
    booked = {name: read_money(facts.get(name, none)) for name in ("refunded", "disputed", "dispute_fee")}
    return TakenBack(
        charge,
        (charge.refunded, booked["refunded"]),
        (charge.disputed, booked["disputed"]),
        (charge.dispute_fee, booked["dispute_fee"]),
    )


def _cards(run: Run) -> Account:
    return chart.card_balance(run.book, run.params.amount.asset)


def _moved(run: Run, taken: Money, cards: Account) -> tuple[Leg, Leg]:
    """So much is taken from the customer; given to them, if it is negative."""
    account = customers_account(run, taken.asset)
    return _between(account, cards, taken)


def _between(source: Account | str, to: Account, amount: Money) -> tuple[Leg, Leg]:
    if amount.minor > 0:
        return debit(source, amount), credit(to, amount)
    return debit(to, -amount), credit(source, -amount)


def _watch_on(run: Run, kind: str, booked: Mapping[str, str]) -> Watch:
    """The watch that goes on from what is booked now."""
    recovery: Recovery = run.params
    return Watch(kind, recovery.ref, run.now + DISPUTE_WINDOW, {**recovery.facts, **booked})


REFUNDED, DISPUTED, STILL_DISPUTED = Refunded(), Disputed(freezes=True), Disputed(freezes=False)
PAYOUT_FAILED, MOVE_LANDED, PAID_AFTER_ALL = PayoutFailed(), MoveLanded(), PaidAfterAll()
KIND_OF_MOVES = "card-move-landed"
DISPUTE_KINDS = {CARD_DISPUTE: DISPUTED, CARD_DISPUTED: STILL_DISPUTED}
