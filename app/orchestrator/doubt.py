"""How much money is in doubt, where, and since when: what is sent and not answered, and what waits to be sent again."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from app.money import Money, asset
from app.orchestrator.effects import Effect, EffectStatus

IN_DOUBT = (EffectStatus.PLANNED, EffectStatus.SENDING, EffectStatus.UNKNOWN, EffectStatus.CANCELLING)
"""Statuses of effects whose outcome is open; their money is booked on the provider's in-doubt account."""


@dataclass(frozen=True, slots=True)
class InDoubt:
    """One provider's open effects in one currency. ``oldest_at`` is when the oldest was first sent."""

    provider: str
    amount: Money
    effects: int
    oldest_at: datetime


def sum_up(effects: Iterable[Effect]) -> list[InDoubt]:
    """Open effects that move money, by provider and currency."""
    sums: dict[tuple[str, str], InDoubt] = {}
    for effect in effects:
        if "amount" not in effect.request:
            continue
        currency = asset(effect.request["currency"])
        amount = Money.parse(effect.request["amount"], currency)
        key = (effect.provider, currency.code)
        so_far = sums.get(key) or InDoubt(effect.provider, Money(0, currency), 0, effect.first_sent_at)
        sums[key] = replace(
            so_far,
            amount=so_far.amount + amount,
            effects=so_far.effects + 1,
            oldest_at=min(so_far.oldest_at, effect.first_sent_at),
        )
    return [sums[key] for key in sorted(sums)]
