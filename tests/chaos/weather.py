"""What goes wrong, when, and to whom: drawn from the seed before it happens, so that a seed tells the same again.

What it meets is the operating system's affair: which commit is under way when a process is killed is not repeatable.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random

from tests.chaos.moments import Moment, least_covered
from tests.chaos.provocations import Provocation, provocation_of, reachable
from tests.chaos.stack import MORTALS, PRODUCT, Stack
from tests.chaos.traffic import Traffic
from tests.chaos.waiting import within

IN_FLIGHT_MIN = 20
_MANY, _TOO_MANY = 1.5, 2.5
"""With so many times what customers keep in flight everybody is busy with what was left, and little comes to an end."""
_ENOUGH_WITHIN_S = 15.0
_MOMENT_WITHIN_S = 5.0
_OTHERS_WITHIN_S = 1.0
_ARMED = 24
_PROVOKED = 4
_CALM_WITHIN_S = 30.0
_LOSS = 0.001
_FROZEN_S = (0.3, 5.0)
_PAUSE_S = (0.2, 1.0)
_WIRES = ("mongod", "valkey", "http")
_FAULTS = {
    "unit": ("create_payment", "get_payment", "list_payments"),
    "tatum": ("send", "kms_get", "kms_pending", "get_transaction", "rate"),
    "stripe": ("create_payment_intent", "create_transfer", "create_payout", "get_payment_intent", "get_payout"),
    "sumsub": ("submit_transaction",),
}
_KINDS = ("error", "rate_limit", "timeout_before", "timeout_after", "late", "slow")
_DECLINED = ("create_payment", "send", "create_payment_intent", "create_transfer", "create_payout")
"""A read that is declined tells us nothing; what it is about then waits for a person."""
_MODES = ("normal", "duplicate", "delay", "reorder", "drop")
_TELLING = ("unit", "tatum", "stripe")


@dataclass(frozen=True, slots=True)
class Blow:
    """One thing that goes wrong after a pause."""

    kind: str
    pause_s: float
    victim: str = ""
    lasts_s: float = 0.0
    dial: dict[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        told = (self.kind, self.victim, *(str(value) for value in self.dial.values()))
        return " ".join(filter(None, told))


def forecast(seed: str) -> Iterator[Blow]:
    """Everything that will go wrong, without end."""
    random = Random(f"{seed}/weather")
    while True:
        pause_s = random.uniform(*_PAUSE_S)
        kind = random.choices(("crash", "kill", "freeze", "cut", "fault", "webhooks"), (24, 3, 3, 2, 4, 2))[0]
        match kind:
            case "crash":
                yield Blow(kind, pause_s)
            case "kill":
                yield Blow(kind, pause_s, random.choice(MORTALS))
            case "freeze":
                yield Blow(kind, pause_s, random.choice(MORTALS), lasts_s=random.uniform(*_FROZEN_S))
            case "cut":
                yield Blow(kind, pause_s, random.choice(PRODUCT), dial={"wire": random.choice(_WIRES)})
            case "fault":
                yield Blow(kind, pause_s, dial=_fault(random))
            case _:
                mode = {"vendor": random.choice(_TELLING), "mode": random.choice(_MODES), "delay_ms": 1_500}
                yield Blow(kind, pause_s, dial=mode)


def _fault(random: Random) -> dict[str, object]:
    vendor = random.choice(list(_FAULTS))
    operation = random.choice(_FAULTS[vendor])
    return {
        "vendor": vendor,
        "operation": operation,
        "fault": random.choice((*_KINDS, "decline") if operation in _DECLINED else _KINDS),
        "times": random.randrange(1, 4),
        "delay_ms": random.randrange(200, 1_500),
    }


class Weather:
    """Lets it happen, and counts what did. Of moments that are covered equally little the dice order which is first."""

    def __init__(self, stack: Stack, traffic: Traffic, tell: Callable[[str], None], dice: Random) -> None:
        moments = reachable()
        self._moments = dice.sample(moments, len(moments))
        self._provoked: Counter[Provocation] = Counter()
        self._stack = stack
        self._traffic = traffic
        self._tell = tell
        self.happened: Counter[str] = Counter()
        self.in_flight_at_kills: list[int] = []

    async def rage(self, blows: Iterator[Blow], ends_at: float) -> None:
        """Blow after blow until that moment of the monotonic clock."""
        self._stack.set_loss(_LOSS)
        for blow in blows:
            await asyncio.sleep(blow.pause_s)
            if time.monotonic() >= ends_at:
                return
            await self._strike(blow)

    async def calm(self) -> None:
        """Everything alive and thawed, nobody misbehaving."""
        self._stack.set_loss(0.0)
        self._stack.thaw_all()
        for wires in self._stack.wires.values():
            wires.armed = ()
        await within(_CALM_WITHIN_S, lambda: self._stack.control("DELETE", "faults"))
        for vendor in _TELLING:
            normal: dict[str, object] = {"vendor": vendor, "mode": "normal"}
            await within(_CALM_WITHIN_S, partial(self._stack.control, "POST", "webhooks", normal))

    async def _strike(self, blow: Blow) -> None:
        if blow.kind in {"crash", "kill", "freeze"}:
            self.in_flight_at_kills.append(await self._enough_in_flight())
        self._tell(f"{self._traffic.in_flight:>4} in flight  {blow}")
        match blow.kind:
            case "crash":
                await self._crash()
            case "kill":
                self._kill(blow.victim)
            case "freeze":
                self.happened[f"freeze {blow.victim}"] += 1
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

    async def _enough_in_flight(self) -> int:
        """How much is, once that is enough, and everybody who was killed is at work again."""

        async def ready() -> bool:
            recovered = not any(self._stack.wires[name].silent for name in PRODUCT)
            return recovered and IN_FLIGHT_MIN <= self._traffic.in_flight <= _TOO_MANY * self._traffic.target

        await within(_ENOUGH_WITHIN_S, ready)
        return self._traffic.in_flight

    @property
    def died_at(self) -> Counter[Moment]:
        """How often a process of the product died at which moment."""
        return sum((wires.died_at for wires in self._stack.wires.values()), Counter())

    async def _crash(self) -> None:
        """Whichever process first comes to one of the moments that are covered least dies there, if one does in time;
        so do the others, if they come to one right after it. Customers and vendors do what leads there.
        """
        wanted = tuple(least_covered(self._moments, self.died_at, _ARMED))
        self._provoke(wanted)
        armed = [self._stack.wires[name] for name in PRODUCT]
        for wires in armed:
            wires.armed = wanted

        async def came() -> bool:
            return not all(wires.armed for wires in armed)

        async def all_came() -> bool:
            return not any(wires.armed for wires in armed)

        if await within(_MOMENT_WITHIN_S, came):
            await within(_OTHERS_WITHIN_S, all_came)
        for wires in armed:
            if not wires.armed:
                self.happened[f"crash {wires.process}"] += 1
            wires.armed = ()

    def _provoke(self, wanted: Sequence[Moment]) -> None:
        """Have done what leads to some of them, what was done least often first; not while there is a lot to do."""
        if self._traffic.in_flight > _MANY * self._traffic.target:
            return
        ways = dict.fromkeys(provocation_of(moment.what) for moment in wanted)
        rarest = sorted(ways, key=self._provoked.__getitem__)[:_PROVOKED]
        self._provoked.update(rarest)
        self._traffic.provoke(rarest)

    def _kill(self, victim: str) -> None:
        self.happened[f"kill {victim}"] += 1
        self._stack.kill(victim)
