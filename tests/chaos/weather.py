"""Lets the forecast come true, lies in wait at the moments that are still wanting, and counts what happened."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from tests.chaos.coverage import Coverage
from tests.chaos.forecast import TELLING, Blow
from tests.chaos.moments import Moment
from tests.chaos.stack import PRODUCT, Stack
from tests.chaos.traffic import Traffic
from tests.chaos.waiting import within

IN_FLIGHT_MIN = 20
_TOO_MANY = 2.5
"""With so many times what customers keep in flight everybody is busy with what was left, and little comes to an end."""
_ENOUGH_WITHIN_S = 15.0
_RAREST_WITHIN_S = 2.5
_WANTING_WITHIN_S = 2.5
_OTHERS_WITHIN_S = 1.0
_CALM_WITHIN_S = 30.0
_LOSS = 0.001
_TOLD_EACH_S = 60.0


class Weather:
    """``in_flight_at_kills``: how many sagas were under way each time that a process was killed or frozen."""

    def __init__(self, stack: Stack, traffic: Traffic, coverage: Coverage, tell: Callable[[str], None]) -> None:
        self._stack = stack
        self._traffic = traffic
        self._coverage = coverage
        self._tell = tell
        self._lurking: set[str] = set()
        self.happened: Counter[str] = Counter()
        self.in_flight_at_kills: list[int] = []
        for name in PRODUCT:
            stack.wires[name].may_die = self._may_die

    async def rage(self, blows: Iterator[Blow], ends_at: float) -> None:
        """Blow after blow until that moment of the monotonic clock."""
        self._stack.set_loss(_LOSS)
        began_at = told_at = time.monotonic()
        for blow in blows:
            await asyncio.sleep(blow.pause_s)
            now = time.monotonic()
            if now >= ends_at:
                return
            if now >= told_at + _TOLD_EACH_S:
                told_at = now
                self._tell(f"{(now - began_at) / 60:.0f} min, {self.happened.total()} blows, {self._coverage}")
            await self._strike(blow)

    async def calm(self) -> None:
        """Everything alive and thawed, nobody misbehaving."""
        self._stack.set_loss(0.0)
        self._stack.thaw_all()
        self._count_the_dead()
        for wires in self._stack.wires.values():
            wires.armed = ()
        await within(_CALM_WITHIN_S, lambda: self._stack.control("DELETE", "faults"))
        for vendor in TELLING:
            normal: dict[str, object] = {"vendor": vendor, "mode": "normal"}
            await within(_CALM_WITHIN_S, partial(self._stack.control, "POST", "webhooks", normal))

    async def _strike(self, blow: Blow) -> None:
        if blow.kind in {"crash", "kill", "freeze"}:
            await within(_ENOUGH_WITHIN_S, self._ready)
            if self._traffic.in_flight < IN_FLIGHT_MIN:
                return
        self._tell(f"{self._traffic.in_flight:>4} in flight  {blow}")
        match blow.kind:
            case "crash":
                await self._crash()
            case "kill":
                self._count(f"kill {blow.victim}")
                self._stack.kill(blow.victim)
            case "freeze":
                self._count(f"freeze {blow.victim}")
                self._stack.freeze(blow.victim)
                await asyncio.sleep(blow.lasts_s)
                self._stack.thaw(blow.victim)
            case "cut":
                self.happened[f"cut {blow.victim} from {blow.dial['wire']}"] += 1
                self._stack.wires[blow.victim].cut(str(blow.dial["wire"]))
            case "fault":
                self.happened[f"{blow.dial['vendor']} {blow.dial['fault']}"] += 1
                await self._stack.control("POST", "faults", blow.dial)
            case _:
                self.happened[f"{blow.dial['vendor']} webhooks {blow.dial['mode']}"] += 1
                await self._stack.control("POST", "webhooks", blow.dial)
        self._count_the_dead()

    def _is_enough(self) -> bool:
        return IN_FLIGHT_MIN <= self._traffic.in_flight <= _TOO_MANY * self._traffic.target

    def _may_die(self) -> bool:
        """Asked right before a crash."""
        enough = self._is_enough()
        if enough:
            self.in_flight_at_kills.append(self._traffic.in_flight)
        return enough

    async def _ready(self) -> bool:
        """Whether enough is in flight, and everybody who was killed is at work again."""
        return self._is_enough() and not any(self._stack.wires[name].silent for name in PRODUCT)

    async def _crash(self) -> None:
        """Whichever process first comes to one of the moments that are covered least dies there, and so do the others
        if they come to one right after it. When nobody does, any moment that is still wanting will do; and when nobody
        comes to those either, they lie in wait until somebody does.
        """
        self._lie_in_wait(self._coverage.rarest())
        if not await within(_RAREST_WITHIN_S, self._came):
            self._lie_in_wait(self._coverage.wanting())
            if not await within(_WANTING_WITHIN_S, self._came):
                return
        await within(_OTHERS_WITHIN_S, self._all_came)

    def _lie_in_wait(self, moments: Sequence[Moment]) -> None:
        self._lurking = set(PRODUCT)
        for name in PRODUCT:
            self._stack.wires[name].armed = moments

    async def _came(self) -> bool:
        return any(not self._stack.wires[name].armed for name in self._lurking)

    async def _all_came(self) -> bool:
        return not any(self._stack.wires[name].armed for name in self._lurking)

    def _count_the_dead(self) -> None:
        """Who came to a moment since the last look; the others are left in peace then, until the next crash."""
        dead = {name for name in self._lurking if not self._stack.wires[name].armed}
        if not dead:
            return
        self.happened.update(f"crash {name}" for name in dead)
        for name in PRODUCT:
            self._stack.wires[name].armed = ()
        self._lurking = set()

    def _count(self, what: str) -> None:
        self.happened[what] += 1
        self.in_flight_at_kills.append(self._traffic.in_flight)
