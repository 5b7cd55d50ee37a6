"""Looking after what counts as over: watches, and effects that were taken never to have taken place.

Whatever is heard only says where to look. The object is fetched, and what its state contradicts opens a recovery, whose
id is derived from the watch (or the effect) and from what was seen: seen twice, by a webhook and by a look of our own,
it is opened once.
"""

import asyncio
from collections.abc import Mapping, Sequence

import structlog

from app.clock import Clock
from app.errors import StaleGuard
from app.ids import book_of
from app.ledger.changes import Change, Door
from app.orchestrator.effects import Effect
from app.orchestrator.flows.chain import TATUM, asks_for
from app.orchestrator.flows.late import Recovery
from app.orchestrator.flows.recovery import KINDS, RECOVERY, needs_recovery, recovery_from_effect
from app.orchestrator.outside import Outside
from app.orchestrator.starting import Asked, Flows
from app.orchestrator.store import SagaStore
from app.orchestrator.transit import taken_from, write_off_id
from app.orchestrator.watch_store import WatchStore
from app.orchestrator.watches import WatchRecord, WatchStatus, looked
from app.orchestrator.weighing import (
    Bearing,
    bearing_on,
    misses,
    most_concerned,
    recovery_of_effect,
    recovery_of_watch,
)
from app.plumbing.loops import every
from app.providers.card_ports import CardPayment, CardTransfer
from app.providers.outcomes import Declined, ProviderOutcome
from app.providers.ports import AchPayment

_BATCH = 100
_CANDIDATES_MAX = 200
OPERATION = f"{TATUM}:kms:"
"""How references to operations of the key daemon's begin."""

log = structlog.get_logger()


class Lookout:
    """Opens recoveries."""

    def __init__(
        self,
        watches: WatchStore,
        sagas: SagaStore,
        flows: Flows,
        outside: Outside,
        door: Door,
        clock: Clock,
        *,
        poll_s: float,
    ) -> None:
        self._watches = watches
        self._sagas = sagas
        self._flows = flows
        self._outside = outside
        self._door = door
        self._clock = clock
        self._poll_s = poll_s
        self._closed = asyncio.Event()

    def close(self) -> None:
        """Take up nothing more."""
        self._closed.set()

    async def run(self) -> None:
        """Look after what is due, until closed."""
        await every(self._poll_s, self.sweep, self._closed)

    async def sweep(self) -> int:
        """Look after every watch whose time has come, a batch at most; how many were due.

        One whose provider does not answer stays due; one whose provider will not tell is looked after at its next time.
        """
        due = await self._watches.watches_due(self._clock.now(), _BATCH)
        async with asyncio.TaskGroup() as group:
            for watch in due:
                group.create_task(self._look_after(watch))
        return len(due)

    async def hear(self, refs: Sequence[str]) -> bool:
        """Something has happened to one of these objects: look at those that are watched; says whether any is.

        Raises what reading from the provider raises.
        """
        watches = await self._watches.watches_about(refs)
        for watch in watches:
            await self._look_at(watch)
        return bool(watches)

    async def watched(self, refs: Sequence[str]) -> Mapping[str, bool]:
        """Of these objects, those that are watched: whether by whoever takes it to be there, so that it is no news."""
        found: dict[str, bool] = {}
        for watch in await self._watches.watches_about(refs):
            found[watch.ref] = found.get(watch.ref, True) and not misses(watch)
        return found

    async def is_late(self, refs: Sequence[str]) -> bool:
        """An object that nobody knows: whether it belongs to an effect of ours that had ended, and so is dealt with.

        Raises what reading from the provider raises.
        """
        for ref in refs:
            effect = await self._made_by(ref)
            if effect is not None and await self.weigh(effect, ref.rpartition(":")[2]):
                return True
        return False

    async def _made_by(self, ref: str) -> Effect | None:
        """The effect that made an object: by our reference in it, or, where it has none, by what it is to do."""
        if not ref.startswith(OPERATION):
            reference = await self._reference_in(ref)
            return await self._sagas.effect(reference) if reference else None
        pending = await self._outside.providers.coins.pending_send(ref.removeprefix(OPERATION))
        if pending is None:
            return None
        paid = {"$or": [{"request.to": pending.to}, {"request.paid_at": pending.to}]}
        query = {"provider": TATUM, "operation": "send", "request.amount": str(pending.amount), **paid}
        effects = await self._sagas.effects_where(query, _CANDIDATES_MAX, newest_first=True)
        return most_concerned([each for each in effects if asks_for(each, pending)], pending.id)

    async def _reference_in(self, ref: str) -> str | None:
        """Our reference in that object, as its provider has it; a payout is read only through its payee."""
        kind, _, object_id = ref.rpartition(":")
        providers = self._outside.providers
        found: AchPayment | CardPayment | CardTransfer | None = None
        match kind:
            case "unit:payment":
                found = await providers.ach.payment(object_id)
            case "stripe:payment_intent":
                found = await providers.card_payments.payment(object_id)
            case "stripe:transfer":
                found = await providers.card_payouts.transferred(object_id)
        return found.reference if found else None

    async def weigh(self, effect: Effect, object_id: str) -> bool:
        """Whether this object of the provider is accounted for by what is known of the effect that made it.

        If the effect had ended in vain, or has become another object, it is by the recovery that this opens; not yet,
        if the effect is open: its saga will find the object itself. Raises what reading from the provider raises.
        """
        match bearing_on(effect, object_id):
            case Bearing.AWAITED:
                return False
            case Bearing.KNOWN:
                return True
            case Bearing.CONTRADICTS if not needs_recovery(effect):
                return True
        made = await self._made_of(effect, object_id)
        if made is not None and not await self.hear([recovery_from_effect(effect, made, "").ref]):
            await self.recover(effect, made)
        return True

    async def _made_of(self, effect: Effect, object_id: str) -> str | None:
        """What an object has moved by: of an operation of the key daemon's, the transaction it was broadcast as."""
        if effect.provider != TATUM:
            return object_id
        pending = await self._outside.providers.coins.pending_send(object_id)
        return pending.tx_id if pending else None

    async def recover(self, effect: Effect, made: str) -> None:
        """Open the recovery of what an effect has made although it had ended, if that has moved anything; once.

        Raises what reading from the provider raises.
        """
        supposed = recovery_from_effect(effect, made, "")
        seen = await KINDS[supposed.kind].look(supposed.object_id, supposed.facts, self._outside)
        recovery = recovery_of_effect(effect, made, seen)
        if recovery is not None:
            saga = await self._sagas.saga(effect.saga_id)
            await self._open(effect.id, saga.user_id if saga else "", recovery)

    async def _look_after(self, watch: WatchRecord) -> None:
        try:
            await self._look_at(watch)
        except Declined as declined:
            log.warning("watch-not-readable", saga_id=watch.saga_id, reason=declined.reason)
        except ProviderOutcome:
            return
        try:
            await self._door.submit(
                Change(book_of(watch.id), companions=(looked(watch, self._clock.now()),), fact=True)
            )
        except StaleGuard:
            return

    async def _look_at(self, watch: WatchRecord) -> None:
        if watch.status is WatchStatus.TRIPPED:
            return
        seen = await KINDS[watch.kind].look(watch.object_id, watch.facts, self._outside)
        recovery = recovery_of_watch(watch, seen)
        if recovery is not None:
            await self._open(watch.id, watch.user_id, recovery)

    async def _open(self, cause: str, user_id: str, recovery: Recovery) -> None:
        """Open the recovery of what was seen, unless it is open or over already."""

        async def prepare(_saga_id: str) -> Recovery:
            given_up = await self._outside.kept.legs(write_off_id(recovery.saga_id, recovery.amount.asset.code))
            facts = taken_from(recovery.facts, given_up, book_of(recovery.saga_id))
            return recovery.model_copy(update={"facts": facts})

        content = {"cause": cause, "ref": recovery.ref, "happened": recovery.happened}
        key = f"{cause}|{recovery.ref}|{recovery.happened}"
        saga = await self._flows.start(RECOVERY, Asked(book_of(cause), user_id, key, content), prepare)
        log.warning("recovery-opened", saga_id=saga.id, reason=recovery.happened)
