"""The providers that one effect is checked against, and the rules that are taken away one at a time.

A rule is taken away by handing in another decision, never by reaching into the product.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from app.orchestrator import effects
from app.orchestrator.effects import RULES, Effect, EffectStatus, Next, Policy, Rules
from app.providers.capabilities import Capabilities
from app.providers.registry import CAPABILITIES
from tests.checker.asking import TICK
from tests.checker.effect_world import READ_LAG, WORST_OF_A_CALM_DAY, Bounds, Left, Setup, in_ticks, policy_for

SYNTHETIC: Mapping[str, Capabilities] = {
    "no fence": replace(CAPABILITIES["unit"], idempotency="none", provider_fence="none", key_lifetime=None),
    "a key that is soon forgotten": replace(
        CAPABILITIES["unit"], key_lifetime=READ_LAG * TICK, safe_resend_age=READ_LAG * TICK
    ),
}
"""Providers that nobody offers, and somebody may."""

DECLARED: Mapping[str, Capabilities] = {
    **{name: in_ticks(declared) for name, declared in CAPABILITIES.items() if declared.is_called},
    **SYNTHETIC,
}


def setup(provider: str, bounds: Bounds) -> Setup:
    """The product as it is, at a provider that is what it declares."""
    declared = DECLARED[provider]
    return Setup(provider, declared, policy_for(declared, bounds), bounds=bounds)


QUIETLY = Left(freezes=0, declines=0, outages=0, drops=0)
FROZEN = QUIETLY._replace(freezes=1)


def _calm_day(provider: str) -> Bounds:
    return _short(provider, WORST_OF_A_CALM_DAY)


def _freeze(provider: str) -> Bounds:
    return _short(provider, FROZEN)


def _short(provider: str, left: Left) -> Bounds:
    """A queue has more to interleave than a key, so its messages and the search itself are shorter."""
    queued = DECLARED[provider].provider_fence == "approval"
    return Bounds(left=left, slow=1, horizon=6, network=1) if queued else Bounds(left=left, slow=1, horizon=9)


def _everything(provider: str) -> Bounds:
    left = WORST_OF_A_CALM_DAY._replace(freezes=1)
    queued = DECLARED[provider].provider_fence == "approval"
    return Bounds(left=left, horizon=8 if queued else 10)


BOUNDS: Mapping[str, Callable[[str], Bounds]] = {
    "a calm day": _calm_day,
    "a freeze": _freeze,
    "everything at once": _everything,
}
"""How far the product as it is is searched, by provider. On a calm day nobody freezes."""


def _quiet_from_the_first_send(effect: Effect, policy: Policy) -> datetime:
    return effects.quiet_until(replace(effect, send_by=effect.first_sent_at + policy.timeout), policy)


def _next_move_quiet_from_the_first_send(effect: Effect, now: datetime, policy: Policy) -> Next:
    return effects.next_move(replace(effect, send_by=effect.first_sent_at + policy.timeout), now, policy)


def _send_without_looking(effect: Effect, now: datetime, policy: Policy) -> Next:
    usual = effects.next_move(effect, now, policy)
    return Next.SEND if usual is Next.FIND and effect.attempts < policy.attempts_max else usual


def _send_after_giving_up(effect: Effect, now: datetime, policy: Policy) -> Next:
    if effect.status is EffectStatus.CANCELLING and effect.attempts < policy.attempts_max:
        return Next.SEND
    return effects.next_move_when_absent(effect, now, policy)


def _conclude_without_looking(effect: Effect, now: datetime, policy: Policy) -> Next:
    usual = effects.next_move(effect, now, policy)
    if usual is not Next.FIND or effect.attempts < policy.attempts_max:
        return usual
    return Next.CONCLUDE_ABSENT if effect.status is EffectStatus.CANCELLING else Next.GIVE_UP


def _absent_is_absent(effect: Effect, now: datetime, policy: Policy) -> Next:
    usual = effects.next_move_when_absent(effect, now, policy)
    return Next.CONCLUDE_ABSENT if usual is Next.PARK else usual


def _always(_effect: Effect, _now: datetime) -> bool:
    return True


def _every_operation(effect: Effect, _ref: str) -> bool:
    return effect.status in {EffectStatus.SENDING, EffectStatus.UNKNOWN, EffectStatus.CONFIRMED}


def _given_up_or_not(effect: Effect, _ref: str) -> bool:
    return effect.approved_ref is None


def _without(provider: str, bounds: Bounds, *, believed: Capabilities | None = None, rules: Rules = RULES) -> Setup:
    usual = setup(provider, bounds)
    return replace(usual, policy=policy_for(believed or usual.provider, bounds), rules=rules)


_CALM, _ONE_FREEZE = Bounds(left=QUIETLY), Bounds(left=FROZEN)
_SLOW_NETWORK = Bounds(left=QUIETLY, network=3, horizon=9)
_SLOW_WORKERS = Bounds(left=QUIETLY, slow=3)
_QUICK_NETWORK = Bounds(left=FROZEN, network=1, horizon=6)
_ONE_SEND = Bounds(left=FROZEN, network=1, horizon=7, attempts_max=1)
_EXPIRING = DECLARED["unit"]

TAKEN_AWAY: Mapping[str, Setup] = {
    "a timeout is no failure": replace(_without("unit", _CALM), lost="declined"),
    "no send again without a look": _without("no fence", _CALM, rules=Rules(next_move=_send_without_looking)),
    "no send again once the key may be forgotten": _without(
        "a key that is soon forgotten", _CALM, rules=Rules(next_move=_send_without_looking)
    ),
    "every first send is recorded first": replace(_without("no fence", _CALM), first_mark="pretend"),
    "every send again is marked first": replace(_without("unit", _SLOW_NETWORK), resend_mark="pretend"),
    "no send after giving up": _without(
        "no fence", _ONE_FREEZE, rules=Rules(next_move_when_absent=_send_after_giving_up)
    ),
    "a quiet period": replace(_without("unit", _CALM), policy=replace(policy_for(_EXPIRING, _CALM), quiet=0 * TICK)),
    "quiet is counted from the last send": _without(
        "unit",
        _CALM,
        rules=Rules(next_move=_next_move_quiet_from_the_first_send, quiet_until=_quiet_from_the_first_send),
    ),
    "no call after its hour": _without("unit", _CALM, rules=Rules(may_begin=_always)),
    "an earlier holder's write fails": replace(_without("unit", _SLOW_WORKERS), fenced_out="apply"),
    "one approval for each effect": replace(_without("tatum", _QUICK_NETWORK), approves=_every_operation),
    "what was given up approves nothing": replace(_without("tatum", _ONE_SEND), approves=_given_up_or_not),
    "absence is concluded only after a look": _without("unit", _CALM, rules=Rules(next_move=_conclude_without_looking)),
    "absence is concluded only where there is a fence": _without(
        "no fence", _ONE_FREEZE, rules=Rules(next_move_when_absent=_absent_is_absent)
    ),
    "what happens after the end is told": replace(_without("unit", _ONE_FREEZE), contradicts=None),
}
"""Each rule, and the product without it, in the smallest world that shows why it is there."""
