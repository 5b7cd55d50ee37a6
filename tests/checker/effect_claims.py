"""What must hold of one effect in every state."""

from collections.abc import Hashable

from app.orchestrator.effects import EffectStatus
from app.orchestrator.lifecycle import ENDS
from tests.checker.effect_moves import HORIZON, EffectMoves, ended
from tests.checker.effect_world import NOT_DONE, Setup, State
from tests.checker.search import Counterexample, Explored, Problem, Search

ONCE = "never executed twice, but for what a recovery explains"
ABSENT = "never concluded absent what happens after all, but for what a recovery explains"
BOOKS = "at an end the books say what the provider did"
FENCED = "no recovery is needed where nobody froze, or where the provider has a fence without an end"


def broken(moves: EffectMoves, state: State) -> str | None:
    """The first claim that does not hold in the state."""
    effect = moves.records.effect(state.effect)
    absent = effect is not None and effect.status in NOT_DONE
    done = sum(one.status == "done" for one in state.done)
    recovered = sum(one.recovered for one in state.done)
    if not _may_need_recovery(moves.setup, state):
        too_much = ONCE if done > 1 else ABSENT if absent and done else FENCED if recovered else None
        if too_much is not None:
            return too_much
    end = ended(moves, state)
    if end is None or end == HORIZON:
        return None
    parked = moves.records.saga(state.saga).state not in ENDS
    confirmed = effect is not None and effect.status is EffectStatus.CONFIRMED
    return _broken_at_the_end(done - recovered, parked=parked, absent=absent, confirmed=confirmed)


def _broken_at_the_end(unexplained: int, *, parked: bool, absent: bool, confirmed: bool) -> str | None:
    if unexplained > 1:
        return ONCE
    if parked:
        return None
    if absent:
        return ABSENT if unexplained else None
    return None if confirmed and unexplained else BOOKS


def _may_need_recovery(setup: Setup, state: State) -> bool:
    """A frozen worker's late write is past every lease: only a fence at the provider stops it."""
    return state.left.freezes < setup.bounds.left.freezes and setup.provider.provider_fence == "key"


def check(setup: Setup) -> Explored | Counterexample:
    """Search the whole world of one effect."""
    moves = EffectMoves(setup)

    def key(state: State) -> Hashable:
        first, second = state.workers
        return state if first <= second else state._replace(workers=(second, first))

    def shown(state: State) -> str:
        effect = moves.records.effect(state.effect)
        status = "no record" if effect is None else f"{effect.status} (attempt {effect.attempts})"
        done = ", ".join(f"#{n} {one.status}" for n, one in enumerate(state.done)) or "nothing"
        return f"t={state.now:<3} effect: {status:<24} provider: {done}"

    return Search(
        Problem(
            start=moves.start(),
            moves=moves,
            broken=lambda state: broken(moves, state),
            ended=lambda state: ended(moves, state),
            key=key,
            shown=shown,
        )
    ).run()
