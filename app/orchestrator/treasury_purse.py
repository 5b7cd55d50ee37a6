"""Outputs of the treasury for the sends of one process: read once for many of them, and each given to one.

Nothing is decided here. The commit that announces a send takes its outputs, and is refused those that another process
has taken meanwhile; the send is then given others. What was given and never taken is found by a later reading.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.money import Money
from app.orchestrator.treasury import FreeInput, enough_of
from app.providers.chain_ports import Input

FRESH = timedelta(seconds=5)
"""How long a reading is drawn on. The vendor itself may be half a minute behind its chain."""

Read = Callable[[Sequence[Input]], Awaitable[Sequence[FreeInput]]]
"""Reads what is free but for those inputs, which somebody here was given a moment ago."""


@dataclass(slots=True)
class _Reading:
    """What was free, and what was given since then, or shortly before."""

    at: datetime
    left: Sequence[FreeInput] = ()
    given: list[tuple[datetime, Input]] = field(default_factory=list)

    def is_fresh(self, now: datetime) -> bool:
        return self.at <= now < self.at + FRESH  # a clock that was set back ends it

    def draw(self, needed: Money, now: datetime) -> Sequence[FreeInput] | None:
        number = enough_of(self.left, needed)
        if number is None:
            return None
        drawn, self.left = self.left[:number], self.left[number:]
        self.given += [(now, each.input) for each in drawn]
        return drawn


class Purse:
    """The latest reading of each chain."""

    def __init__(self) -> None:
        self._readings: dict[str, _Reading] = {}
        self._looking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def give(self, chain: str, needed: Money, now: datetime, read: Read) -> Sequence[FreeInput] | None:
        """Outputs worth at least that, read anew where too little is left; None while too little of all is free.

        Raises what ``read`` raises.
        """
        async with self._looking[chain]:
            reading = self._readings.get(chain) or _Reading(now)
            drawn = reading.draw(needed, now) if reading.is_fresh(now) else None
            if drawn is not None:
                return drawn
            lately = [(at, each) for at, each in reading.given if at <= now < at + FRESH]
            free = await read([each for _, each in lately])
            self._readings[chain] = latest = _Reading(now, free, lately)
            return latest.draw(needed, now)
