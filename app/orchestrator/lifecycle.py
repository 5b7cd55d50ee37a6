"""The table of legal moves of a saga, one synchronous state machine per definition. Pure.

A state is a step and a phase: ``do:collect``, ``await:collect``, ``undo:collect``, ``await-undo:collect``,
``call-off:collect``, ``await-call-off:collect``; or an end.
The machine has no models: it is asked, with a slotted context, where a trigger leads, and says so or refuses.
The asynchronous machine of the same library is not used: it swallows cancellation and kills a running call.
"""

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from transitions import Machine, MachineError

from app.orchestrator.saga import Look, Saga, Step, Way

COMPLETED = "completed"
COMPENSATED = "compensated"
CANCELLED = "cancelled"
PARKED = "parked"
ENDS = (COMPLETED, COMPENSATED, CANCELLED)
"""``cancelled`` is what a person makes of a parked saga that cannot be recovered; no trigger leads there."""


_STATES_MAX = 4_096
"""How many states are kept taken apart; all definitions together have a few hundred."""


class IllegalMove(Exception):
    """The definition has no such move."""


@dataclass(slots=True)
class _Context:
    state: str


@cache
def move(saga: Saga, state: str, trigger: str) -> str:
    """The state that a trigger leads to.

    ``done``: the step is through; ``skip``: it does not apply; ``wait``: the outside world must settle first;
    ``fail``: unwind what was done before it; ``undone``: its undo is through; ``call_off``: stop what is under way;
    ``park``: a person must look.
    Raises IllegalMove. The machine is asked once for each legal move; it does not change its mind.
    """
    context = _Context(state)
    try:
        _machine(saga).events[trigger].trigger(context)
    except (MachineError, KeyError, ValueError) as error:
        raise IllegalMove(f"{saga.name}: {trigger} in {state}") from error
    return context.state


@cache
def may(saga: Saga, state: str, trigger: str) -> bool:
    """Whether the definition has that move."""
    return trigger in _machine(saga).get_triggers(state)


@lru_cache(_STATES_MAX)
def phase_of(state: str) -> tuple[str, str]:
    """A state's phase and step; an end has no step."""
    phase, _, step = state.rpartition(":")
    return (phase, step) if phase else (state, "")


@lru_cache(_STATES_MAX)
def way_of(state: str) -> Way:
    """Which of its step's actions a state stands at."""
    phase, _ = phase_of(state)
    return Way.DO if phase == "await" else Way(phase.removeprefix("await-"))


def is_awaiting(state: str) -> bool:
    """Whether the outside world must settle first."""
    return phase_of(state)[0].startswith("await")


@lru_cache(_STATES_MAX)
def public_status(state: str) -> str:
    """What callers are told: running, waiting, compensating, or the end it came to."""
    phase, step = phase_of(state)
    if not step:
        return phase
    return {"do": "running", "await": "waiting"}.get(phase, "compensating")


def diagram(saga: Saga) -> str:
    """The machine as a Mermaid state diagram, leaving out the move to ``parked`` that every state has."""
    lines = ["stateDiagram-v2", f"    [*] --> {_drawn(f'do:{saga.steps[0].name}')}"]
    for trigger, source, target in _moves(saga):
        if trigger not in {"park", "skip"} and source != target:
            lines.append(f"    {_drawn(source)} --> {_drawn(target)}: {trigger}")
    lines.extend(f"    {end} --> [*]" for end in (COMPLETED, COMPENSATED))
    return "\n".join(lines)


def _drawn(state: str) -> str:
    awaiting = {"await-undo:": "awaiting_undo_of_", "await-call-off:": "awaiting_end_of_", "await:": "awaiting_"}
    for phase, drawn in awaiting.items():
        state = state.replace(phase, drawn)
    return state.replace("call-off:", "call_off_").replace(":", "_")


@cache
def _machine(saga: Saga) -> Machine:
    states = [f"{phase}:{step.name}" for step in saga.steps for phase in _phases(step)]
    machine = Machine(
        model=None,
        states=[*states, *ENDS, PARKED],
        initial=f"do:{saga.steps[0].name}",
        auto_transitions=False,
        send_event=True,
    )
    for trigger, source, target in _moves(saga):
        machine.add_transition(trigger, source, target)
    return machine


def _phases(step: Step) -> tuple[str, ...]:
    forward = ("do", "await") if is_call(step.do) else ("do",)
    called_off = () if step.call_off is None else ("call-off", "await-call-off")
    backward = () if step.undo is None else ("undo", "await-undo") if is_call(step.undo) else ("undo",)
    return (*forward, *called_off, *backward)


def _moves(saga: Saga) -> list[tuple[str, str, str]]:
    moves: list[tuple[str, str, str]] = []
    for index, step in enumerate(saga.steps):
        phases = [f"{phase}:{step.name}" for phase in _phases(step)]
        following = f"do:{saga.steps[index + 1].name}" if index + 1 < len(saga.steps) else COMPLETED
        unwinding = _unwinding(saga, index)
        forward = [phase for phase in phases if way_of(phase) is Way.DO]
        for state in forward:
            moves.append(("done", state, following))
            if not _pivot_passed(saga, index):
                moves.append(("fail", state, unwinding))
        moves.append(("skip", forward[0], following))
        if len(forward) == 2:
            moves.extend(("wait", state, forward[1]) for state in forward)
        if step.call_off is not None:
            moves.extend(_moves_of_calling_off(step, following, unwinding))
        backward = [phase for phase in phases if way_of(phase) is Way.UNDO]
        for state in backward:
            moves.append(("undone", state, unwinding))
            if len(backward) == 2:
                moves.append(("wait", state, backward[1]))
        moves.extend(("park", state, PARKED) for state in phases)
    return moves


def _moves_of_calling_off(step: Step, following: str, unwinding: str) -> list[tuple[str, str, str]]:
    """What settled all the same is undone, or stands where there is no undo; else it has failed like any other."""
    begun, awaiting = f"call-off:{step.name}", f"await-call-off:{step.name}"
    settled = f"undo:{step.name}" if step.undo is not None else following
    ends = [move for state in (begun, awaiting) for move in (("done", state, settled), ("fail", state, unwinding))]
    return [
        ("call_off", f"await:{step.name}", begun),
        *ends,
        *(("wait", state, awaiting) for state in (begun, awaiting)),
    ]


def _unwinding(saga: Saga, index: int) -> str:
    """Where unwinding goes on below that step: the nearest earlier step that has an undo."""
    return next((f"undo:{step.name}" for step in reversed(saga.steps[:index]) if step.undo is not None), COMPENSATED)


def _pivot_passed(saga: Saga, index: int) -> bool:
    return any(step.pivot for step in saga.steps[:index])


def first_state(saga: Saga) -> str:
    """Where a saga of that definition begins."""
    return f"do:{saga.steps[0].name}"


def is_call(action: Any) -> bool:
    """Whether an action does something outside; inner ones are plain functions, and a look only reads."""
    return not callable(action) and not isinstance(action, Look)
