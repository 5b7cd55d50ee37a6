"""What something that was heard or seen says of what we take for over: the decisions of the lookout. Pure.

Nothing is read here, so the model checker drives the very decisions that the product makes.
"""

from collections.abc import Sequence
from enum import Enum, auto
from typing import Any

from app.orchestrator.effects import Effect, EffectStatus
from app.orchestrator.flows.chain import MISSING_SEND
from app.orchestrator.flows.crypto_deposit import MISSING_DEPOSIT
from app.orchestrator.flows.late import Recovery
from app.orchestrator.flows.recovery import (
    CARD_PAID,
    KINDS,
    PULL_LANDED,
    PUSH_LANDED,
    recovery_from_effect,
    recovery_from_watch,
)
from app.orchestrator.watches import WatchRecord, WatchStatus

_ENDED_IN_VAIN = frozenset({EffectStatus.REJECTED, EffectStatus.CANCELLED})

_GONE = frozenset({MISSING_SEND, MISSING_DEPOSIT, PULL_LANDED, PUSH_LANDED, CARD_PAID})
"""Kinds of watches on what has left its chain, and on what a person has ended that its provider had taken on."""


class Bearing(Enum):
    """What an object of a provider's is to the effect that has made it."""

    AWAITED = auto()
    """The effect is open: its saga will find the object itself."""
    KNOWN = auto()
    """It is what the effect stands for."""
    CONTRADICTS = auto()
    """The effect had ended in vain, or has become another object."""


def bearing_on(effect: Effect, object_id: str) -> Bearing:
    """What that object is to the effect; ``object_id`` is the provider's own id of it."""
    ended_in_vain = effect.status in _ENDED_IN_VAIN
    if not ended_in_vain and effect.status is not EffectStatus.CONFIRMED:
        return Bearing.AWAITED
    if not ended_in_vain and object_id in {effect.provider_ref, effect.approved_ref}:
        return Bearing.KNOWN
    return Bearing.CONTRADICTS


def most_concerned(effects: Sequence[Effect], object_id: str) -> Effect | None:
    """Of effects that may all have made an object, the one that it means most to: one that is open, before one that
    had ended in vain, before one that has become another object.
    """

    def concern(effect: Effect) -> int:
        if bearing_on(effect, object_id) is Bearing.AWAITED:
            return 0
        return 1 if effect.status in _ENDED_IN_VAIN else 2

    return min(effects, key=concern, default=None)


def recovery_of_effect(effect: Effect, object_id: str, seen: Any) -> Recovery | None:
    """The recovery that the state of an object which contradicts its effect asks for; None: it has moved nothing."""
    supposed = recovery_from_effect(effect, object_id, "landed")
    happened = KINDS[supposed.kind].happened(seen)
    return None if happened is None else supposed.model_copy(update={"happened": happened})


def misses(watch: WatchRecord) -> bool:
    """Whether a watch is on what is taken to be gone, so that it is there is what it is for."""
    return watch.kind in _GONE and watch.status is not WatchStatus.TRIPPED


def recovery_of_watch(watch: WatchRecord, seen: Any) -> Recovery | None:
    """The recovery that the state of a watched object asks for; None: nothing has happened that is not booked."""
    if watch.status is WatchStatus.TRIPPED:
        return None
    happened = KINDS[watch.kind].happened(seen)
    return None if happened is None else recovery_from_watch(watch, happened)
