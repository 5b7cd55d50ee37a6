"""One outside effect, and the rules for it when its outcome is not known. Pure.

    sending ──answer──► confirmed | rejected
       │ lost                 ▲
       ▼                      │ found
    unknown ──give up──► cancelling ──not found──► cancelled
       ▲  │ not found, safe to send again
       │  ▼
    sending (attempt n + 1)        planned: definitely not done, to be sent later

Every send and re-send is marked by a fenced write first. Nobody concludes anything before the quiet period, counted
from the last ``send_by``, is over; giving up writes ``cancelling`` first, from which no send may start. Which
shortcuts of these lose money is known from a model check (docs/decisions).
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import Enum, StrEnum, auto
from typing import Any

from app.providers.capabilities import Capabilities
from app.values import dataclass


class EffectStatus(StrEnum):
    """Where an effect stands."""

    PLANNED = "planned"
    SENDING = "sending"
    UNKNOWN = "unknown"
    CANCELLING = "cancelling"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider's answer to a send: its own id for it, and what we keep of the rest in the step's result.

    ``seen``: the object itself, as a look would show it, where the answer does: what has settled by then is not waited
    for, nor looked at once more.
    """

    ref: str
    facts: Mapping[str, str | int] | None = None
    seen: Any = None


@dataclass(frozen=True, slots=True)
class Effect:
    """One outside effect of one step. ``approved_ref`` is the only pending operation the key daemon may sign."""

    id: str
    saga_id: str
    step: str
    provider: str
    operation: str
    request: Mapping[str, Any]
    status: EffectStatus
    attempts: int
    send_by: datetime
    first_sent_at: datetime
    provider_ref: str | None = None
    approved_ref: str | None = None
    reason: str | None = None
    request_digest: str = ""
    version: int = 1

    @property
    def ref(self) -> str:
        """The provider's object that stands for this effect: the approved one, where approval decides."""
        ref = self.approved_ref or self.provider_ref
        if ref is None:
            raise ValueError(f"effect {self.id} has no reference yet")
        return ref


def digest_of(request: Mapping[str, Any]) -> str:
    """What a request must still hash to whenever it is sent again: the same key never carries another payment."""
    text = json.dumps(request, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def is_untouched(effect: Effect) -> bool:
    """Whether the request is what was recorded before the first send."""
    return effect.request_digest == digest_of(effect.request)


class Next(Enum):
    """What may be done about an effect now."""

    SEND = auto()
    WAIT = auto()
    FIND = auto()
    GIVE_UP = auto()
    CONCLUDE_ABSENT = auto()
    PARK = auto()


PATIENCE = timedelta(hours=6)
"""How long what was definitely not done is tried again, however often that is: an outage unwinds nobody's order."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The bounds of one provider's effects.

    ``patience`` is with whatever keeps a call from being made, and not with lost answers.
    """

    capabilities: Capabilities
    timeout: timedelta
    quiet: timedelta
    attempts_max: int = 8
    patience: timedelta = PATIENCE


def quiet_until(effect: Effect, policy: Policy) -> datetime:
    """Before this instant an earlier send may still take effect, so nothing is concluded."""
    return effect.send_by + policy.quiet


def may_begin(effect: Effect, now: datetime) -> bool:
    """Whether a recorded send may still be made: never after the hour from which its quiet period is counted.

    A worker that was slow between its record and its call would else send what everybody takes for over.
    """
    return now < effect.send_by


def next_move(effect: Effect, now: datetime, policy: Policy) -> Next:
    """What to do about an effect whose outcome is open, before anything was looked up."""
    if effect.status is EffectStatus.PLANNED:
        may_send = _is_worth_another(effect, now, policy) and not _key_has_expired(effect, now, policy)
        return Next.SEND if may_send else Next.GIVE_UP
    if now < quiet_until(effect, policy):
        return Next.WAIT
    return Next.FIND


def next_move_when_absent(effect: Effect, now: datetime, policy: Policy) -> Next:
    """What to do when, after the quiet period, the provider knows nothing of the effect."""
    if effect.status is EffectStatus.CANCELLING:
        return Next.CONCLUDE_ABSENT if _absence_is_final(effect, policy) else Next.PARK
    may_send = _is_worth_another(effect, now, policy) and _resend_is_safe(effect, now, policy)
    return Next.SEND if may_send else Next.GIVE_UP


def _is_worth_another(effect: Effect, now: datetime, policy: Policy) -> bool:
    """Lost answers count. What was not done, or recorded by somebody who told no more, is tried for as long as there is
    patience: a machine too busy to make its calls in time has sent nothing, and who comes after it cannot tell.
    """
    is_lost = effect.status is EffectStatus.UNKNOWN
    return effect.attempts < policy.attempts_max or (not is_lost and now < effect.first_sent_at + policy.patience)


def _resend_is_safe(effect: Effect, now: datetime, policy: Policy) -> bool:
    """A key that is still alive, or an approval that can be given only once, makes twice the same as once."""
    fence = policy.capabilities.provider_fence
    return fence == "approval" or (fence == "key" and not _key_has_expired(effect, now, policy))


def _key_has_expired(effect: Effect, now: datetime, policy: Policy) -> bool:
    """Past this age an earlier attempt is no longer fenced by its key, so nothing is sent before absence is proven."""
    age = policy.capabilities.safe_resend_age
    return age is not None and now - effect.first_sent_at >= age


def may_begin_anew(effect: Effect) -> bool:
    """Whether another effect may take its place, under an id and a key of its own: it is certain not to count."""
    return effect.status in {EffectStatus.REJECTED, EffectStatus.CANCELLED}


def _absence_is_final(effect: Effect, policy: Policy) -> bool:
    """Where the provider offers a fence, a tombstone and a quiet period prove absence; elsewhere nothing does."""
    return policy.capabilities.provider_fence != "none" and effect.approved_ref is None


_ANEW_MAX = 2
_ANEW_AFTER = timedelta(hours=1)
_ANEW_GROWTH = 6


def anew_at(generation: int, now: datetime) -> datetime | None:
    """When a compensation, or a calling off, that definitely did not happen is begun anew by itself; None: never.

    An hour after the first refusal and six after the second: long enough for money to have reached our account.
    """
    return now + _ANEW_AFTER * _ANEW_GROWTH**generation if generation < _ANEW_MAX else None


@dataclass(frozen=True, slots=True)
class Rules:
    """The decisions about an open effect, as a driver is handed them. Taken away one at a time, each loses money."""

    next_move: Callable[[Effect, datetime, Policy], Next] = next_move
    next_move_when_absent: Callable[[Effect, datetime, Policy], Next] = next_move_when_absent
    quiet_until: Callable[[Effect, Policy], datetime] = quiet_until
    may_begin: Callable[[Effect, datetime], bool] = may_begin


RULES = Rules()
"""Those of this module."""
