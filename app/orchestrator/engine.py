"""The worker's loop: claim what is due, as much as there is room for, drive it as far as it goes, let it go.

A saga continues in-process from commit to commit; a poll of ``(status, wake_at)`` lies underneath, so a lost hint costs
latency and never a saga. MongoDB is the only queue.
"""

import asyncio
from datetime import timedelta

import structlog

from app.clock import Clock
from app.errors import StaleGuard, WalletError
from app.ids import book_of
from app.ledger.changes import Change, Door
from app.orchestrator.driver import Driver, UnknownDefinition
from app.orchestrator.journal import SAGAS, Event, SagaRecord, progress
from app.orchestrator.lifecycle import PARKED
from app.orchestrator.onward import Announced, Standing
from app.orchestrator.store import SagaStore
from app.plumbing.correlation import correlation_id
from app.values import replace

_IN_FLIGHT_MAX = 128
_BREATH_S = 0.01
"""Between two claims that find something: what becomes due meanwhile costs one claim together, not one each."""
_ERRORS_MAX = 10
_ERROR_PAUSE_S = 1.0

log = structlog.get_logger()


class Claim:
    """A lease on one saga, and when, by this process's own steady clock, it certainly still lasts."""

    def __init__(self, store: SagaStore, saga: SagaRecord, lease_s: float, claimed_at_s: float) -> None:
        self._store = store
        self._saga = saga
        self._lease_s = lease_s
        self._ends_at = claimed_at_s + lease_s

    async def covers(self, seconds: float) -> bool:
        """Whether it lasts that long from now, lengthened if need be; False once somebody else holds the saga."""
        loop = asyncio.get_running_loop()
        if self._ends_at - loop.time() > seconds:
            return True
        asked_at = loop.time()
        if not await self._store.renew(self._saga, self._lease_s):
            return False
        self._ends_at = asked_at + self._lease_s
        return self._ends_at - loop.time() > seconds


class Engine:
    """Drives due sagas, at most ``_IN_FLIGHT_MAX`` at a time."""

    def __init__(
        self, store: SagaStore, driver: Driver, door: Door, clock: Clock, *, lease_s: float, poll_s: float
    ) -> None:
        self._store = store
        self._driver = driver
        self._door = door
        self._clock = clock
        self._lease_s = lease_s
        self._poll_s = poll_s
        self._in_flight = 0
        self._room = asyncio.Event()
        self._room.set()
        self._hint = asyncio.Event()
        self._closing = False

    def hint(self) -> None:
        """Something may be due; look now instead of at the next poll."""
        self._hint.set()

    def close(self) -> None:
        """Claim nothing more; ``run`` returns when what is in flight has been let go."""
        self._closing = True
        self._hint.set()

    async def run(self) -> None:
        """Claim and drive until closed."""
        async with asyncio.TaskGroup() as group:
            while not self._closing:
                await self._room.wait()
                self._hint.clear()
                claimed = await self._claim_or_log(_IN_FLIGHT_MAX - self._in_flight)
                for saga, claim in claimed:
                    self._take_slot()
                    group.create_task(self._drive_in_slot(saga, claim))
                if claimed:
                    await asyncio.sleep(_BREATH_S)
                else:
                    await self._rest()

    async def drive(self, saga: SagaRecord, claim: Claim) -> None:
        """Take a claimed saga as far as it goes."""
        current: Standing | None = saga
        token = correlation_id.set(saga.correlation_id)
        try:
            while current is not None:
                saga = current.saga if isinstance(current, Announced) else current
                current = await self._driver.advance(current, claim)
        except UnknownDefinition:
            log.warning("saga-definition-unknown", saga_id=saga.id, saga_type=saga.type, def_version=saga.def_version)
            await self._note_error(saga, "definition-unknown", "UnknownDefinition")
        except Exception as error:
            if isinstance(error, StaleGuard) and error.collection == SAGAS:
                log.info("saga-taken-over", saga_id=saga.id, state=saga.state)
                return
            log.exception("saga-step-failed", saga_id=saga.id, state=saga.state)
            await self._note_error(saga, "internal-error", type(error).__name__)
        finally:
            correlation_id.reset(token)

    async def hasten(self, saga_id: str) -> None:
        """Drive that saga here and now if it is due and nobody else does: somebody is waiting for what it finds out."""
        for saga, claim in await self._claim(1, only=saga_id):
            await self.drive(saga, claim)

    async def claim_and_drive(self) -> bool:
        """Drive one due saga, if there is one."""
        for saga, claim in await self._claim(1):
            await self.drive(saga, claim)
            return True
        return False

    async def _claim(self, limit: int, *, only: str | None = None) -> list[tuple[SagaRecord, Claim]]:
        asked_at = asyncio.get_running_loop().time()
        sagas = await self._store.claim(self._clock.now(), self._lease_s, limit, only=only)
        return [(saga, Claim(self._store, saga, self._lease_s, asked_at)) for saga in sagas]

    async def _claim_or_log(self, limit: int) -> list[tuple[SagaRecord, Claim]]:
        """An outage of the database must not end what is in flight: there a call may be on its way."""
        try:
            return await self._claim(limit)
        except Exception as error:
            log.exception("claim-failed", reason=type(error).__name__)
            return []

    def _take_slot(self) -> None:
        self._in_flight += 1
        if self._in_flight == _IN_FLIGHT_MAX:
            self._room.clear()

    async def _drive_in_slot(self, saga: SagaRecord, claim: Claim) -> None:
        try:
            await self.drive(saga, claim)
        finally:
            self._in_flight -= 1
            self._room.set()

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(self._poll_s):
                await self._hint.wait()
        except TimeoutError:
            return

    async def _note_error(self, saga: SagaRecord, reason: str, error: str) -> None:
        """An unexpected failure: try again later, a bounded number of times, then hand the saga to a person.

        While releases overlap, whoever tries next may be of another one.
        """
        now = self._clock.now()
        errors = saga.errors + 1
        after = replace(
            saga, errors=errors, wake_at=now + timedelta(seconds=_ERROR_PAUSE_S * 2**errors), updated_at=now
        )
        events: tuple[Event, ...] = ()
        if errors >= _ERRORS_MAX:
            after = replace(after, state=PARKED, parked_from=saga.state, wake_at=None, reason=reason)
            events = (Event("parked", "", {"reason": error}),)
            log.warning("saga-parked", saga_id=saga.id, reason=reason)
        try:
            await self._door.submit(
                Change(book_of(saga.id), companions=progress(saga, after, events, released=True), fact=True)
            )
        except WalletError:
            log.warning("saga-error-not-recorded", saga_id=saga.id)
