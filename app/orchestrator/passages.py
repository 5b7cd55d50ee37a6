"""What a commit will say of a saga at one step, worked out before it is written. Pure.

What follows from a passage without a look outside is another passage, so several can be written in one commit.
"""

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

from app.ledger.changes import Change, Companion
from app.orchestrator.journal import Event, SagaRecord, lines, moved, page
from app.orchestrator.lifecycle import ENDS, move, phase_of
from app.orchestrator.notices import notifications
from app.orchestrator.saga import Outcome, Saga, Way
from app.orchestrator.watches import Watch, watch_companion
from app.orchestrator.work import Work
from app.values import dataclass

_STATUSES = {"done": "done", "undone": "undone", "fail": "failed", "call_off": "waiting"}
_EVENTS = {"call_off": "called-off"}


@dataclass(frozen=True, slots=True)
class Passage:
    """``saga`` is as it leaves it. ``fact``: what is posted has happened outside. ``released``: the saga is let go."""

    work: Work
    saga: SagaRecord
    outcome: Outcome
    companions: tuple[Companion, ...] = ()
    events: tuple[Event, ...] = ()
    fact: bool = False
    released: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether it asks no more of the books than postings, so that it may be written behind another."""
        return not self.outcome.openings and not self.outcome.standings


def change_of(first: Passage, following: Iterable[Passage] = ()) -> Change:
    """The change that writes these passages of one saga, each from where the one before leaves it.

    What follows a fact is a request all the same: refused, nothing of the change becomes true.
    """
    passages, before = (first, *following), first.work.saga
    last, postings = passages[-1], [each.outcome.transactions for each in passages]
    told = list(chain.from_iterable(lines(each.saga, each.events) for each in passages))
    told_of = (notifications(each.work.saga, each.saga) for each in passages)
    written = ((*each.companions, *each.outcome.companions) for each in passages)
    history = (page(before, before.events, told),) if told else ()
    return Change(
        first.work.run.book,
        tuple(chain.from_iterable(postings)),
        (moved(before, last.saga, released=last.released), *history, *chain(*told_of, *written)),
        first.outcome.openings,
        fact=first.fact,
        requests=sum(map(len, postings[1:])) if first.fact else 0,
        standings=first.outcome.standings,
    )


def moving(
    work: Work,
    trigger: str,
    outcome: Outcome,
    *,
    reason: str | None = None,
    companions: tuple[Companion, ...] = (),
    watches: tuple[Watch, ...] = (),
    earlier: tuple[Event, ...] = (),
    fact: bool = False,
) -> Passage:
    """Move on by that trigger, past every step that does not apply. ``earlier``: what had to come before it."""
    status, now = _STATUSES[trigger], work.run.now
    steps = work.steps_with(status)
    state, skipped = settle_skips(work.flow, move(work.flow, work.saga.state, trigger), work.run.params, steps)
    steps.update({name: {"status": "skipped", "attempts": 0, "at": now} for name in skipped})
    ended = state in ENDS
    facts = {**outcome.result, "reason": reason} if reason else outcome.result
    events = (*earlier, Event(_EVENTS.get(trigger, status), work.step.name, facts))
    if ended:
        events = (*events, Event(state, "", {}))
    saga = told(
        work,
        steps,
        outcome,
        events,
        state=state,
        waits=(),
        wake_at=None if ended else work.due_since,
        looks=0,
        errors=0,
        reason=_reason_after(work, trigger, reason),
    )
    begun = (watch_companion(saga.id, saga.user_id, work.step.name, watch, now) for watch in watches)
    return Passage(work, saga, outcome, (*companions, *begun), events, fact=fact, released=ended)


def told(
    work: Work,
    steps: Mapping[str, Mapping[str, Any]],
    outcome: Outcome,
    events: tuple[Event, ...],
    **fields: Any,
) -> SagaRecord:
    """The saga as the commit of these events leaves it, with what is told of its steps, and what this one found."""
    name, results = work.step.name, work.saga.results
    found = {**results, name: {**results.get(name, {}), **outcome.result}}
    return work.saga.after(events, steps=steps, results=found, updated_at=work.run.now, **fields)


def _reason_after(work: Work, trigger: str, reason: str | None) -> str | None:
    """What was called off keeps the reason it was called off for; what settled all the same, and stays, has none."""
    if work.way is not Way.CALL_OFF:
        return reason or work.saga.reason
    return None if trigger == "done" and work.step.undo is None else work.saga.reason


def settle_skips(
    flow: Saga, state: str, params: Any, steps: Mapping[str, Mapping[str, Any]]
) -> tuple[str, tuple[str, ...]]:
    """Pass over steps that do not apply, forwards, and over those that were not done, backwards."""
    skipped: list[str] = []
    while True:
        phase, name = phase_of(state)
        if phase == "do" and not flow.step(name).when(params):
            skipped.append(name)
            state = move(flow, state, "skip")
        elif phase == "undo" and steps.get(name, {}).get("status") != "done":
            state = move(flow, state, "undone")
        else:
            return state, tuple(skipped)
