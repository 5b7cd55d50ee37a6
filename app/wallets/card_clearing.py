"""What became of a card's use: cleared, given up, expired, refunded. The bank's events say where to look.

What a merchant has taken is a fact, whatever was asked before it, however much was, and however late it comes: it draws
on the hold of its authorization as far as that goes, and is booked once, under an id that comes from the bank's
transaction. What an authorization reserves is given back once the bank says that it is over.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.errors import HoldUnavailable, Missing, StaleGuard
from app.ids import book_of, derived_id, public_id, stored_id
from app.ledger import verbs
from app.ledger.accounts import system_account
from app.ledger.changes import Change, Companion
from app.ledger.committer import Committer
from app.ledger.store import LedgerStore
from app.ledger.transactions import Transaction, credit, debit
from app.money import USD
from app.providers.bank_ports import CardAuthorization as VendorAuthorization
from app.providers.bank_ports import CardMovement, CardRequest, IssuesCards
from app.providers.unit.webhooks import CardQuestion
from app.wallets.card_issuing import CardIssuing
from app.wallets.card_store import CardStore
from app.wallets.card_use import CardUse
from app.wallets.cards import Card, CardAuthorization, authorization_companion, authorization_id

_ABOUT = ("transaction", "authorization", "authorizationRequest", "card")


class CardClearing:
    """Books what became of cards' use."""

    def __init__(
        self,
        door: Committer,
        ledger: LedgerStore,
        store: CardStore,
        bank: IssuesCards,
        issuing: CardIssuing,
        use: CardUse,
    ) -> None:
        self._door = door
        self._ledger = ledger
        self._store = store
        self._bank = bank
        self._issuing = issuing
        self._use = use

    async def hear(self, event_type: str, refs: list[str], payload: Mapping[str, Any]) -> bool | None:
        """Look at what an event of the bank is about. None: it is about no card; False: not understood yet.

        Raises what reading from the bank raises.
        """
        about = event_type.partition(".")[0]
        if about not in _ABOUT or not refs:
            return None
        object_id = refs[0].rpartition(":")[2]
        try:
            match about:
                case "transaction":
                    return await self._look_at_transaction(str(payload.get("account_id")), object_id)
                case "authorization":
                    return await self._look_at_authorization(object_id)
                case "authorizationRequest":
                    return await self._look_at_request(object_id)
                case _:
                    return await self._issuing.refresh(object_id)
        except StaleGuard:
            return False

    async def _look_at_transaction(self, account_id: str, transaction_id: str) -> bool:
        movement = await self._bank.card_movement(account_id, transaction_id)
        if movement is None:
            return True  # no card made it
        card = await self._store.card_at_bank(movement.card_id)
        if card is None:
            return False
        posting_id = stored_id(book_of(card.id), derived_id("txn", "unit", "transaction", movement.id))
        if await self._ledger.transaction(posting_id) is None:
            await self._book(card, movement, posting_id)
        return True

    async def _book(self, card: Card, movement: CardMovement, posting_id: str) -> None:
        bank = system_account(book_of(card.id), "bank", USD)
        answer = None if movement.is_credit else await self._answer_behind(movement)
        holds, links = await self._drawn_on(answer, movement.authorization_id)
        source, target = (bank, card.account_id) if movement.is_credit else (card.account_id, bank)
        posting = Transaction(
            posting_id,
            "card.refunded" if movement.is_credit else "card.cleared",
            (debit(source, movement.amount), credit(target, movement.amount)),
            hold_ids=holds,
            closes_holds=bool(holds),
            metadata={"card_id": public_id(card.id)},
        )
        await self._door.submit(Change(book_of(card.id), (posting,), links, fact=True))

    async def _answer_behind(self, movement: CardMovement) -> CardAuthorization | None:
        """Our answer that led to what is cleared, if there was one."""
        if movement.authorization_id is None:
            return None
        linked = await self._store.authorization_at_bank(movement.authorization_id)
        if linked is not None:
            return linked
        authorization = await self._bank.card_authorization(movement.authorization_id)
        return await self._answer_to(authorization) if authorization else None

    async def _answer_to(self, authorization: VendorAuthorization) -> CardAuthorization | None:
        """Our answer that the bank made this authorization of.

        Its pages do not show whether an authorization names the question it began with. Where it does not, it is the
        oldest of that amount on that card that nothing else was made of.
        """
        linked = await self._store.authorization_at_bank(authorization.id)
        card = await self._store.card_at_bank(authorization.card_id)
        if linked is not None or card is None:
            return linked
        if authorization.request_id is not None:
            named = authorization_id(book_of(card.id), authorization.request_id)
            return await self._store.authorization(named)
        return await self._store.oldest_unlinked(card.id, authorization.amount)

    async def _drawn_on(
        self, answer: CardAuthorization | None, vendor_id: str | None
    ) -> tuple[tuple[str, ...], tuple[Companion, ...]]:
        """The hold that a clearing draws on, and the link that is written with it."""
        if answer is None:
            return (), ()
        holds = (answer.hold_id,) if await self._ledger.transaction(answer.hold_id) else ()
        if answer.vendor_id is not None:
            return holds, ()
        return holds, (authorization_companion(answer, replace(answer, vendor_id=vendor_id)),)

    async def _look_at_authorization(self, vendor_id: str) -> bool:
        authorization = await self._bank.card_authorization(vendor_id)
        if authorization is None or await self._store.card_at_bank(authorization.card_id) is None:
            return False
        answer = await self._answer_to(authorization)
        if answer is None:
            return True  # approved without us: there is nothing to give back
        if answer.vendor_id is None:
            link = authorization_companion(answer, replace(answer, vendor_id=vendor_id))
            await self._door.submit(Change(book_of(answer.id), companions=(link,), fact=True))
        if not authorization.is_open and not authorization.was_cleared:
            await self._release(answer)
        return True

    async def _look_at_request(self, request_id: str) -> bool:
        """An open question is answered by a call, as the bank's older way of asking wants it.

        One that came to nothing reserves nothing, even if our yes was too late to be heard.
        """
        request = await self._bank.card_request(request_id)
        if request is not None and request.is_open:
            answer = await self._use.answer(CardQuestion(request.id, request.card_id, request.amount))
            await self._bank.answer_request(request, answer.reason)
        elif request is not None and request.was_declined:
            await self._let_go_of(request)
        return True

    async def _let_go_of(self, request: CardRequest) -> None:
        """Reserve nothing for it: what was answered is given back, and nothing is answered any more."""
        card = await self._store.card_at_bank(request.card_id)
        if card is None:
            return
        answer = await self._store.authorization(authorization_id(book_of(card.id), request.id))
        if answer is not None:
            await self._release(answer)
        else:
            await self._use.close(card, CardQuestion(request.id, request.card_id, request.amount))

    async def _release(self, answer: CardAuthorization) -> None:
        try:
            await verbs.expire_hold(self._door, self._ledger, answer.hold_id)
        except (Missing, HoldUnavailable):
            return  # it never was, or is used up
