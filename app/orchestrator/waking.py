"""Waking sagas from elsewhere in the house: whoever decides what they wait for calls this."""

from collections.abc import Awaitable, Callable, Sequence

from app.clock import Clock
from app.compliance.cases import Tell
from app.orchestrator.store import SagaStore


def waking(sagas: SagaStore, clock: Clock, hint: Callable[[], Awaitable[None]]) -> Tell:
    """Wakes whatever waits for these references, and lets the workers know."""

    async def wake(refs: Sequence[str]) -> None:
        if await sagas.wake(list(refs), clock.now()):
            await hint()

    return wake
