"""Doors behind which a process dies."""

from collections.abc import Awaitable

from app.errors import StaleGuard
from app.ledger.changes import Change, Door, Duplicate, Posted
from app.orchestrator.journal import EVENTS, events_in


class Crashed(BaseException):
    """The process is gone; nothing in it can catch this."""


def steps_told(change: Change) -> list[str]:
    """The steps that a change tells of, in order: more than one where several moved on in one commit."""
    return list(dict.fromkeys(filter(None, (str(each["step"]) for each in events_in(change.companions)))))


def refuse_several(change: Change) -> None:
    """Raises StaleGuard for a change that moves several steps on: whoever submits it then moves one after the other."""
    if len(steps_told(change)) > 1:
        raise StaleGuard(EVENTS, "several")


class FallingDoor:
    """Lets so many commits through and then dies, either just before the next one or just after it."""

    def __init__(self, door: Door, dies_at: int, *, committed: bool) -> None:
        self._door = door
        self._dies_at = dies_at
        self._committed = committed
        self.commits = 0
        self.dead = False

    async def submit(self, change: Change, *, deadline_s: float = 10.0) -> Posted | Duplicate:
        if self.dead:
            raise Crashed
        self.commits += 1
        if self.commits < self._dies_at:
            return await self._door.submit(change, deadline_s=deadline_s)
        self.dead = True
        if self._committed:
            await self._door.submit(change, deadline_s=deadline_s)
        raise Crashed


class StumblingDoor:
    """Kills a worker at every commit that no worker has died at yet, just before it or just after it."""

    def __init__(self, door: Door, *, committed: bool) -> None:
        self._door = door
        self._committed = committed
        self._died_at: set[tuple[str, ...]] = set()
        self.dead = False

    @property
    def deaths(self) -> int:
        """How many workers have died."""
        return len(self._died_at)

    def let_another_live(self) -> None:
        """The next worker begins."""
        self.dead = False

    async def submit(self, change: Change, *, deadline_s: float = 10.0) -> Posted | Duplicate:
        if self.dead:
            raise Crashed
        told = tuple(f"{each['type']} {each['step']}" for each in events_in(change.companions))
        if told in self._died_at:
            return await self._door.submit(change, deadline_s=deadline_s)
        self._died_at.add(told)
        self.dead = True
        if self._committed:
            await self._door.submit(change, deadline_s=deadline_s)
        raise Crashed


async def outlive(work: Awaitable[object]) -> None:
    """Wait for the work; that its process died is no error, anything else is."""
    try:
        await work
    except BaseExceptionGroup as group:
        others = group.split(Crashed)[1]
        if others is not None:
            raise others from None
    except Crashed:
        return
