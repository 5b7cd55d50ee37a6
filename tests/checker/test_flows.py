"""Whole sagas, whatever third parties answer and wherever workers die: money, or coins, or coins and a receivable."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from app.orchestrator.effects import Effect
from app.orchestrator.flows import FLOWS
from app.orchestrator.flows.ach import Pull
from app.orchestrator.flows.chain import Send, Sighting
from app.orchestrator.flows.crypto_deposit import CRYPTO_DEPOSIT, look_how_deep
from app.orchestrator.flows.crypto_withdrawal import CRYPTO_WITHDRAWAL, chain_terms
from app.orchestrator.flows.deposit import DEPOSIT, terms
from app.orchestrator.flows.purchase import PURCHASE
from app.orchestrator.flows.recovery import RECOVERY, book_late_event
from app.orchestrator.flows.spending import SPENDING
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Failed, Look, Outcome, Progress, Run, Saga, Settled, Step
from app.orchestrator.watches import WATCHES
from tests.checker.flow_claims import BOOKS, HELD, LEFT, check
from tests.checker.flow_orders import ORDERS
from tests.checker.search import Counterexample, Explored

LARGE = "purchase, bank to chain"
"""The one with the most steps outside: in the short round each of its calls is made once, and nobody is frozen."""


def flow_of(name: str) -> Saga:
    return next(flow for flow in FLOWS.values() if flow.name == ORDERS[name].flow)


@pytest.mark.parametrize("name", sorted({flow.name for flow in FLOWS.values()}))
def test_every_registered_flow_has_an_order(name: str) -> None:
    told = "say in tests/checker/flow_orders.py what is ordered, and what the customer has in the end"
    assert any(order.flow == name for order in ORDERS.values()), f"{name}: {told}"


@pytest.mark.parametrize("thorough", [False, True], ids=["once", "again and again"])
@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.long_when(lambda name, thorough: thorough and name == LARGE, "name", "thorough")
def test_every_claim_holds_in_every_state(name: str, *, thorough: bool) -> None:
    order = replace(ORDERS[name], freezes=1) if thorough else ORDERS[name]
    result = check(order, flow_of(name), attempts_max=2 if thorough else 1)
    assert isinstance(result, Explored), f"\n{result}"
    assert "completed" in result.ends, "the search never came to a good end"


@dataclass(frozen=True, slots=True)
class Forgetful(Pull):
    def refused(self, run: Run) -> Outcome:
        return Outcome()


@dataclass(frozen=True, slots=True)
class Careless(Pull):
    def judge(self, run: Run, effect: Effect, seen: Any) -> Progress:
        judged = Pull.judge(self, run, effect, seen)
        return replace(judged, watches=()) if isinstance(judged, Settled) else judged


@dataclass(frozen=True, slots=True)
class Hasty(Pull):
    def judge(self, run: Run, effect: Effect, seen: Any) -> Progress:
        return Settled(self._settled(run))


def with_step(flow: Saga, name: str, **changed: Any) -> Saga:
    def after(step: Step) -> Step:
        return replace(step, **changed) if step.name == name else step

    return replace(flow, steps=tuple(map(after, flow.steps)))


TAKEN_AWAY: Mapping[str, tuple[str, Saga, str]] = {
    "a refusal mirrors what was booked": ("deposit", with_step(DEPOSIT, "collect", do=Forgetful(terms)), LEFT),
    "what settled is watched": ("deposit", with_step(DEPOSIT, "collect", do=Careless(terms)), BOOKS),
    "money is ours when the bank says so": ("deposit", with_step(DEPOSIT, "collect", do=Hasty(terms)), BOOKS),
    "a conversion has its mirror": (
        "purchase, account to chain",
        with_step(PURCHASE, "convert", undo=None),
        LEFT,
    ),
    "a hold is given back": ("purchase, bank to account", with_step(PURCHASE, "record", undo=None), HELD),
}
"""Each rule of a flow, the flow without it, and the claim that breaks."""


async def _without_watch_on_what_is_missing(run: Run, outside: Outside) -> Progress:
    seen = await look_how_deep(run, outside)
    return replace(seen, watches=()) if isinstance(seen, Failed) else seen


async def _without_watch_on_what_was_credited(run: Run, outside: Outside) -> Progress:
    seen = await look_how_deep(run, outside)
    return replace(seen, watches=()) if isinstance(seen, Settled) else seen


@dataclass(frozen=True, slots=True)
class Unwatched(Send):
    def judge(self, run: Run, effect: Effect, seen: Sighting) -> Progress:
        judged = Send.judge(self, run, effect, seen)
        return replace(judged, watches=()) if isinstance(judged, Settled) else judged


async def _without_booking(run: Run, outside: Outside) -> Progress:
    seen = await book_late_event(run, outside)
    return replace(seen, outcome=replace(seen.outcome, transactions=())) if isinstance(seen, Settled) else seen


async def _without_another_watch(run: Run, outside: Outside) -> Progress:
    """As if a chain could change its mind only once."""
    seen = await book_late_event(run, outside)
    return Settled() if isinstance(seen, Settled) and not seen.outcome.transactions else seen


async def _without_tripping(run: Run, outside: Outside) -> Progress:
    seen = await book_late_event(run, outside)
    if not isinstance(seen, Settled):
        return seen
    others = tuple(each for each in seen.outcome.companions if each.collection != WATCHES)
    return replace(seen, outcome=replace(seen.outcome, companions=others))


DEPOSITED, SENT = "crypto deposit", "crypto withdrawal"

LATE_TAKEN_AWAY: Mapping[str, tuple[str, Saga, Saga]] = {
    "what the chain has taken back is watched": (
        DEPOSITED,
        with_step(CRYPTO_DEPOSIT, "confirm", do=Look(_without_watch_on_what_is_missing)),
        RECOVERY,
    ),
    "what was credited is watched": (
        DEPOSITED,
        with_step(CRYPTO_DEPOSIT, "confirm", do=Look(_without_watch_on_what_was_credited)),
        RECOVERY,
    ),
    "what may happen again finds another watch": (
        DEPOSITED,
        CRYPTO_DEPOSIT,
        with_step(RECOVERY, "book", do=Look(_without_another_watch)),
    ),
    "a booking trips the watch that it was seen by": (
        DEPOSITED,
        CRYPTO_DEPOSIT,
        with_step(RECOVERY, "book", do=Look(_without_tripping)),
    ),
    "what was sent is watched": (
        SENT,
        with_step(CRYPTO_WITHDRAWAL, "deliver", do=Unwatched(chain_terms, SPENDING)),
        RECOVERY,
    ),
    "what came back is booked": ("deposit", DEPOSIT, with_step(RECOVERY, "book", do=Look(_without_booking))),
}
"""Each rule for what comes back after the end: the order, and the flows without it. The books then say what is not."""


@pytest.mark.parametrize("rule", LATE_TAKEN_AWAY)
def test_without_the_rule_for_what_comes_late_the_books_are_wrong(rule: str) -> None:
    name, flow, recovery = LATE_TAKEN_AWAY[rule]
    found = check(ORDERS[name], flow, attempts_max=1, recovery=recovery)
    assert isinstance(found, Counterexample), found
    assert found.claim.startswith(BOOKS), f"\n{found}"


@pytest.mark.parametrize("rule", TAKEN_AWAY)
def test_without_the_rule_a_claim_breaks(rule: str) -> None:
    name, flow, claim = TAKEN_AWAY[rule]
    found = check(ORDERS[name], flow, attempts_max=1)
    assert isinstance(found, Counterexample), found
    assert found.claim.startswith(claim), f"\n{found}"
