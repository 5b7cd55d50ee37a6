"""May this card take that much? Answered from the ledger, as a hold, within the bank's time.

The answer is kept in the commit that places the hold, under an id that comes from the question: asked again, it is the
same. Whatever goes wrong on the way, time included, is a no. When the bank says that nothing came of a question, a hold
that such a no has left behind is given back, and one that is still on its way finds the question closed.
"""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from app.clock import Clock
from app.errors import (
    AccountClosed,
    AccountFrozen,
    InsufficientFunds,
    LimitExceeded,
    StaleGuard,
    WalletError,
)
from app.ids import book_of
from app.ledger.accounts import system_account
from app.ledger.changes import Change
from app.ledger.committer import Committer
from app.ledger.limits import UNLIMITED, Limits, Spending
from app.ledger.transactions import hold
from app.money import USD
from app.providers.unit.webhooks import CardQuestion
from app.wallets.card_store import CardStore
from app.wallets.cards import Card, CardAuthorization, Standing, authorization_companion, authorization_id

RAIL = "card"
HOLD_LIFETIME = timedelta(days=30)
"""The card networks' longest; a merchant who clears later finds no hold, and is paid all the same."""

_DECLINED = "DoNotHonor"
_REASONS: dict[type[WalletError], str] = {
    InsufficientFunds: "InsufficientFunds",
    LimitExceeded: "CardExceedsAmountLimit",
    AccountFrozen: "RestrictedCard",
    AccountClosed: "AccountClosed",
}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Answer:
    """Yes, or no with the bank's word for why."""

    reason: str | None

    @property
    def approves(self) -> bool:
        return self.reason is None


class CardUse:
    """Answers the bank's questions."""

    def __init__(
        self,
        door: Committer,
        store: CardStore,
        clock: Clock,
        *,
        answer_s: float,
        limits: Limits = UNLIMITED,
    ) -> None:
        self._door = door
        self._store = store
        self._clock = clock
        self._answer_s = answer_s
        self._limits = limits

    async def answer(self, question: CardQuestion) -> Answer:
        """Yes or no, within ``answer_s``; it never raises."""
        try:
            async with asyncio.timeout(self._answer_s):
                return await self._decide(question)
        except TimeoutError:
            log.warning("card-answer-late", reason="timeout")
        except Exception as error:
            log.exception("card-answer-failed", reason=type(error).__name__)
        return Answer(_DECLINED)

    async def close(self, card: Card, question: CardQuestion) -> None:
        """Nothing came of a question that is not answered here: a yes that is still on its way finds it closed.

        Raises StaleGuard when that yes was faster.
        """
        closed = replace(self._asked(card, question), reason=_DECLINED)
        kept = authorization_companion(None, closed)
        await self._door.submit(Change(book_of(card.id), companions=(kept,), fact=True))

    def _asked(self, card: Card, question: CardQuestion) -> CardAuthorization:
        return CardAuthorization(
            id=authorization_id(book_of(card.id), question.request_id),
            card_id=card.id,
            request_id=question.request_id,
            amount=question.amount,
            reason=None,
            asked_at=self._clock.now(),
        )

    async def _decide(self, question: CardQuestion) -> Answer:
        card = await self._store.card_at_bank(question.card_id)
        if card is None:
            return Answer(_DECLINED)
        asked = self._asked(card, question)
        earlier = await self._store.authorization(asked.id)
        if earlier is not None:
            return _again(earlier, asked)
        if card.standing is not Standing.ACTIVE:
            return await self._decline(asked, "RestrictedCard")
        return await self._hold(card, asked)

    async def _hold(self, card: Card, asked: CardAuthorization) -> Answer:
        book = book_of(card.id)
        bank = system_account(book, "bank", USD)
        until = asked.asked_at + HOLD_LIFETIME
        holds = (hold(asked.hold_id, card.account_id, bank, asked.amount, expires_at=until),) if asked.amount else ()
        change = Change(
            book,
            holds,
            companions=(authorization_companion(None, asked),),
            spendings=Spending.of(card.user_id, RAIL, asked.amount, self._limits) if holds else (),
        )
        try:
            await self._door.submit(change, deadline_s=self._answer_s)
        except StaleGuard:  # the same question at the same moment
            earlier = await self._store.authorization(asked.id)
            return _again(earlier, asked) if earlier else Answer(_DECLINED)
        except WalletError as refusal:
            return await self._decline(asked, _REASONS.get(type(refusal), _DECLINED))
        return Answer(None)

    async def _decline(self, asked: CardAuthorization, reason: str) -> Answer:
        """No, and no for good, as far as that can be written in time."""
        declined = replace(asked, reason=reason)
        change = Change(book_of(asked.id), companions=(authorization_companion(None, declined),))
        try:
            await self._door.submit(change, deadline_s=self._answer_s)
        except WalletError as error:
            log.warning("card-answer-not-kept", reason=error.code)
        return Answer(reason)


def _again(earlier: CardAuthorization, asked: CardAuthorization) -> Answer:
    """The answer given before; to the same question with another amount, no."""
    return Answer(earlier.reason if earlier.amount == asked.amount else _DECLINED)
