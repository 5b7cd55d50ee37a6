"""The world around one effect: two workers, a lease, messages under way, and a provider that is what it declares.

Hours are whole ticks. A message is delivered within ``network`` ticks of its write, or never; a read shows what was
done at the latest ``read_lag`` later. A worker may be slow between any two of its questions, with one exception: what
lies between its last look at the lease and its write to the socket takes no time, unless it freezes there, for ever or
for a while. Every worker may crash anywhere.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import NamedTuple

from app.orchestrator.effects import RULES, Effect, EffectStatus, Policy, Rules
from app.orchestrator.weighing import Bearing, bearing_on
from app.providers.capabilities import Capabilities
from tests.checker.asking import TICK
from tests.checker.effect_worker import Code

TIMEOUT, READ_LAG = 1, 1
LEASE = TIMEOUT + 1
KEY_LIFETIME, SAFE_RESEND_AGE = 10, 6

ENDED = (EffectStatus.CONFIRMED, EffectStatus.REJECTED, EffectStatus.CANCELLED)
NOT_DONE = (EffectStatus.REJECTED, EffectStatus.CANCELLED)


class Worker(NamedTuple):
    """One worker that drives the saga, or believes so. ``call``: when its request was written, if it was."""

    saga: int
    started: int
    answers: tuple[tuple[int, Code], ...] = ()
    lease_until: int = 0
    fenced: bool = False
    frozen: bool = False
    call: int | None = None
    lost: bool = False
    reply: Code | None = None


class Done(NamedTuple):
    """Something at the provider that stands for the effect. ``recovered``: the late-effect handler was told."""

    at: int
    status: str
    recovered: bool = False


class Left(NamedTuple):
    """How often the world may still do its worst."""

    freezes: int
    declines: int
    outages: int
    drops: int


WORST_OF_A_CALM_DAY = Left(freezes=0, declines=1, outages=1, drops=1)


class State(NamedTuple):
    """Everything that a next move depends on. Workers are numbers, 0 is none.

    ``frozen`` counts the fenced-out workers that stand before their write: nothing else they do can matter any more.
    """

    now: int
    saga: int
    effect: int
    lease_until: int
    workers: tuple[int, int]
    flying: tuple[int, ...]
    done: tuple[Done, ...]
    left: Left
    frozen: int = 0


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far the search goes: its last tick, and how often the world does its worst.

    ``slow``: the ticks that a worker may take between two of its questions; ``network``: those of a message.
    """

    horizon: int = 10
    attempts_max: int = 2
    slow: int = 2
    network: int = 2
    left: Left = WORST_OF_A_CALM_DAY


def refuse_fenced_out(*, mark: bool, attempts: int) -> str:
    """A write of an earlier holder fails."""
    return "refuse"


def contradicts(effect: Effect, ref: str) -> bool:
    """Whether what the provider shows contradicts how the effect has ended, as the lookout decides it."""
    return bearing_on(effect, ref) is Bearing.CONTRADICTS


@dataclass(frozen=True, slots=True)
class Setup:
    """A provider as it really is, what the product goes by, and the decisions it makes.

    ``first_mark``, ``resend_mark`` and ``fenced_out`` are what the door says to the record of a first send, to that of
    another one, and to a holder whose fence is below the saga's: ``check``, ``refuse``, ``apply`` without looking, or
    ``pretend``. ``lost`` is how a call ends whose answer did not come.
    """

    name: str
    provider: Capabilities
    policy: Policy
    rules: Rules = RULES
    bounds: Bounds = field(default_factory=Bounds)
    first_mark: str = "check"
    resend_mark: str = "check"
    fenced_out: str = "refuse"
    lost: str = "unknown"
    approves: Callable[[Effect, str], bool] | None = None
    contradicts: Callable[[Effect, str], bool] | None = contradicts


def in_ticks(declared: Capabilities) -> Capabilities:
    """The declared behaviour with its times scaled down to ticks, in their order."""
    return replace(
        declared,
        key_lifetime=declared.key_lifetime and KEY_LIFETIME * TICK,
        safe_resend_age=declared.safe_resend_age and SAFE_RESEND_AGE * TICK,
        read_lag=READ_LAG * TICK,
    )


def policy_for(capabilities: Capabilities, bounds: Bounds) -> Policy:
    """What the product goes by, where it believes the declaration: it waits out the network and the read's lag."""
    quiet = (bounds.network + READ_LAG) * TICK
    return Policy(capabilities, TIMEOUT * TICK, quiet, bounds.attempts_max, patience=0 * TICK)


def ticks(duration: timedelta | None) -> int | None:
    """A duration in whole ticks; None is for ever."""
    return None if duration is None else duration // TICK
