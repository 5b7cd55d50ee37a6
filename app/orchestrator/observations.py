"""Working off the inbox: an event never says what is true, it says where to look.

An event about a payment or a chain transaction wakes the sagas that wait for that object; they fetch it themselves.
What is watched, and what belongs to an effect that had ended, is looked at by the lookout, which opens recoveries; so
is what a worker was answered after somebody else had taken its saga over. An event about an applicant has the review
fetched here, and wakes their onboarding. An event that nobody understands yet (it may have overtaken the answer that
tells us its object's id) is tried again, later each time, and parked in the end, never dropped.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeVar

import structlog

from app.clock import Clock
from app.compliance.kyc import apply_review
from app.errors import StaleGuard, WalletError
from app.identity.store import Users
from app.inbox.inbox import finished, postponed
from app.inbox.store import InboxStore
from app.ledger.changes import Change, Companion, Document, Door
from app.orchestrator.effects import Effect, EffectStatus
from app.orchestrator.late_answers import LATE_ANSWER
from app.orchestrator.lookout import Lookout
from app.orchestrator.scribe import INBOX_BOOK
from app.orchestrator.store import SagaStore
from app.plumbing.gathered import Gathered
from app.providers.outcomes import ProviderOutcome
from app.providers.ports import VerifiesPeople
from app.providers.sumsub.webhooks import happened_at

_BATCH = 100
_NEWS_ATTEMPTS = 3
"""An event that nobody knows is news for a second and a half (0.2 + 0.4 + 0.8 s): where much is going on, the answer to
a call takes longer to be written down than its events to come, and looking for each of them would make it longer yet.
"""
_TAKES_BACK = frozenset({"payment.returned", "charge.refunded", "charge.dispute.created", "payout.failed"})
"""Events that are no old news before a watch, or the end of their effect, accounts for them."""

_MAY_BE_STOPPED = frozenset({"payment.created", "payment.pendingReview"})
_ON_ITS_WAY = _MAY_BE_STOPPED | {"payment.clearing"}
"""Events that settle nothing for a payment that is known to be ours. Only as long as it may yet be called off, whoever
waits for it looks.
"""

_ARRIVED = frozenset({"payment.sent", "KMS_COMPLETED_TX", "OUTGOING_NATIVE_TX", "OUTGOING_FUNGIBLE_TX"})
"""Events that something has gone well: whoever waits for it looks, and whoever watches it knew."""

_UNANSWERED = {EffectStatus.SENDING, EffectStatus.UNKNOWN}
"""What such an effect has become its saga will find by itself, whatever is told of it."""

_UNDER_WAY = _UNANSWERED | {EffectStatus.CONFIRMED}

T = TypeVar("T")
Listener = Callable[[str, list[str], Mapping[str, Any]], Awaitable[bool | None]]
"""Hears an event's type, refs and payload. None: not its business; False: not understood yet.

Raises what reading from the provider raises.
"""

log = structlog.get_logger()


class Observations:
    """Applies what has come in."""

    def __init__(
        self,
        inbox: InboxStore,
        sagas: SagaStore,
        users: Users,
        people: VerifiesPeople,
        door: Door,
        clock: Clock,
        hint: Callable[[], None],
        lookout: Lookout,
        *,
        hearing: Mapping[str, Listener] = MappingProxyType({}),
        poll_s: float,
    ) -> None:
        self._inbox = inbox
        self._sagas = sagas
        self._users = users
        self._people = people
        self._door = door
        self._clock = clock
        self._hint = hint
        self._lookout = lookout
        self._hearing = hearing
        self._poll_s = poll_s
        self._closing = False
        self._arrived = asyncio.Event()
        self._waking: Gathered[bool] = Gathered(self._wake_those)
        self._behind: Gathered[list[Effect]] = Gathered(self._effects_behind)
        self._beside: Gathered[list[str]] = Gathered(inbox.named_together)
        self._watched: Gathered[bool] = Gathered(lookout.watched)

    def close(self) -> None:
        """Take up nothing more."""
        self._closing = True
        self._arrived.set()

    def hint(self) -> None:
        """Something may have come in; look now instead of at the next poll."""
        self._arrived.set()

    async def run(self) -> None:
        """Work off what is due, until closed."""
        gathering = (self._waking, self._behind, self._beside, self._watched)
        async with asyncio.TaskGroup() as group:
            for each in gathering:
                group.create_task(each.run())
            await self._work()
            for each in gathering:
                each.close()

    async def _work(self) -> None:
        while not self._closing:
            self._arrived.clear()
            if await self.work_off() or self._closing:
                continue
            try:
                async with asyncio.timeout(self._poll_s):
                    await self._arrived.wait()
            except TimeoutError:
                continue

    async def work_off(self) -> int:
        """Apply everything that is due now; says how many events that were."""
        due = await self._inbox.due(self._clock.now(), _BATCH)
        async with asyncio.TaskGroup() as group:
            for document in due:
                group.create_task(self._settle(document))
        return len(due)

    async def _settle(self, document: Document) -> None:
        try:
            understood = await self._apply(document)
        except Exception as error:
            log.exception("event-failed", event_id=document["_id"], reason=type(error).__name__)
            understood = False
        at = self._clock.now()
        after = finished(document, at) if understood else postponed(document, at)
        companion = Companion("inbox", document["_id"], {"version": document["version"]}, _without_id(after))
        try:
            await self._door.submit(Change(INBOX_BOOK, companions=(companion,), fact=True))
        except StaleGuard:
            return
        except WalletError as busy:
            log.warning("event-not-settled", event_id=document["_id"], reason=busy.code)

    async def _apply(self, document: Document) -> bool:
        refs = document["refs"]
        if document["provider"] == "sumsub":
            understood = await self._review(refs, happened_at(document["payload"]) or document["received_at"])
            await self._wake(refs)
            return understood
        if not refs:
            return True
        seen = await self._glance(document["type"], refs, is_news=document["attempts"] < _NEWS_ATTEMPTS)
        return await self._look_into(document) if seen is None else seen

    async def _glance(self, type_: str, refs: list[str], *, is_news: bool) -> bool | None:
        """Whether the event is accounted for, as far as nothing has to be fetched to say so; None: that is too far.

        Who waits for an operation of the key daemon's waits for the transaction that another event has named with it.
        What nobody knows when it is news has most likely overtaken the answer to the call that made it.
        """
        if type_ not in _ON_ITS_WAY | _ARRIVED:
            return None
        if type_ in _ARRIVED:
            named = dict.fromkeys(each for beside in await _all(self._beside, refs) for each in beside)
            if await self._wake(named):
                return True
            watched = await _all(self._watched, refs)
            if watched and all(watched):
                return True
            statuses = await self._statuses_behind(named)
            is_unanswered = not watched and bool(statuses & _UNANSWERED)
            return False if is_unanswered or (is_news and statuses & _UNDER_WAY) else None
        if EffectStatus.CONFIRMED not in await self._statuses_behind(refs):
            return False if is_news else None
        if type_ in _MAY_BE_STOPPED:
            await self._wake(refs)
        return True

    async def _look_into(self, document: Document) -> bool:
        refs = document["refs"]
        try:
            heard = await self._tell(document)
            if heard is not None:
                await self._wake(refs)
                return heard
            if document["type"] == LATE_ANSWER:
                return await self._weigh(document["payload"])
            return await self._look_round(refs, takes_back=document["type"] in _TAKES_BACK)
        except ProviderOutcome:
            return False

    async def _tell(self, document: Document) -> bool | None:
        listener = self._hearing.get(document["provider"])
        return await listener(document["type"], document["refs"], document["payload"]) if listener else None

    async def _look_round(self, refs: list[str], *, takes_back: bool) -> bool:
        """Wake who waits and look at what is watched; says whether the event is accounted for."""
        woken = await self._wake(refs)
        if await self._lookout.hear(refs):
            return True
        if woken and not takes_back:
            return True
        known = await self._sagas.effects_behind(refs)
        if not known:
            return await self._lookout.is_late(refs)
        return not takes_back or all(effect.status is EffectStatus.CANCELLED for effect in known)

    async def _statuses_behind(self, refs: Iterable[str]) -> set[EffectStatus]:
        return {effect.status for effects in await _all(self._behind, refs) for effect in effects}

    async def _effects_behind(self, refs: list[str]) -> Mapping[str, list[Effect]]:
        found: dict[str, list[Effect]] = {ref: [] for ref in refs}
        for effect in await self._sagas.effects_behind(refs):
            for ref in refs:
                if ref.rpartition(":")[2] in {effect.provider_ref, effect.approved_ref}:
                    found[ref].append(effect)
        return found

    async def _wake(self, refs: Iterable[str]) -> bool:
        """Let those who wait for one of these look at once; says whether anybody does."""
        woken = await _all(self._waking, refs)
        return any(woken)

    async def _wake_those(self, refs: list[str]) -> Mapping[str, bool]:
        awaited = await self._sagas.books_waiting_for(refs)
        if awaited:
            await self._sagas.wake(list(awaited), self._clock.now())
            self._hint()
        return dict.fromkeys(awaited, True)

    async def _weigh(self, told: dict[str, str]) -> bool:
        effect = await self._sagas.effect(told["effect_id"])
        return effect is None or await self._lookout.weigh(effect, told["ref"])

    async def _review(self, refs: list[str], at: datetime) -> bool:
        for ref in refs:
            applicant_id = ref.rpartition(":")[2]
            known = await self._users.by_applicant(applicant_id)
            try:
                review = await self._people.review(applicant_id)
            except ProviderOutcome:
                return False
            if review is None or await apply_review(review, self._users, at, known) is None:
                return False
        return True


async def _all(gathered: Gathered[T], keys: Iterable[str]) -> list[T]:
    """What is found under any of the keys, all asked for at once."""
    found = await asyncio.gather(*map(gathered.get, keys))
    return [each for each in found if each is not None]


def _without_id(document: Document) -> Document:
    return {name: value for name, value in document.items() if name != "_id"}
