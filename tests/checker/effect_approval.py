"""The key daemon at one effect: it asks the product's own approvals before it signs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from app.errors import ApprovalRefused
from app.ledger.changes import Change, Posted
from app.orchestrator.approvals import Approvals
from app.orchestrator.effects import Effect
from app.orchestrator.journal import effect_companion, effect_from
from app.orchestrator.outside import Kept
from app.orchestrator.store import SagaStore
from app.providers.chain_ports import PendingSend, SendsCoins
from tests.checker.asking import Finished, TickingClock, ask, replay
from tests.checker.effect_worker import Records, pending
from tests.checker.effect_world import Setup, State


class _Asking:
    """The approvals' way to the effects, to the door and to the queue. What an operation spends, its saga has taken."""

    def __init__(self, operation: PendingSend, saga_id: str) -> None:
        self._operation = operation
        self._saga_id = saga_id

    async def effects_behind(self, refs: Sequence[str]) -> list[Effect]:
        (named,) = (ref.rpartition(":")[2] for ref in refs)
        return await self.effects_where({"$or": [{"provider_ref": named}, {"approved_ref": named}]}, 1)

    async def effects_of(self, saga_id: str) -> list[Effect]:
        return await self.effects_where({"saga_id": saga_id}, 1)

    async def effects_where(self, query: Mapping[str, Any], limit: int) -> list[Effect]:
        return cast("list[Effect]", await ask("effects", query))

    async def submit(self, change: Change, *, deadline_s: float = 10.0) -> Posted:
        await ask("commit", change)
        return Posted((), {})

    async def pending_send(self, pending_id: str) -> PendingSend:
        return self._operation

    async def inputs(self, chain: str, refs: Sequence[str]) -> dict[str, Any]:
        return {ref: {"taken_by": self._saga_id} for ref in refs}


class Daemon:
    """Asks for one queued operation at a time."""

    def __init__(self, setup: Setup, records: Records) -> None:
        self._setup = setup
        self._records = records
        self._answers: dict[tuple[int, int], int | None] = {}

    def asks(self, state: State, number: int) -> Iterator[tuple[str, State]]:
        """Whether it may sign; a yes is durable before the daemon hears it."""
        key = (state.effect, number)
        if key not in self._answers:
            self._answers[key] = self._approved(*key)
        effect = self._answers[key]
        if effect is not None:
            one = state.done[number]._replace(status="approved")
            done = (*state.done[:number], one, *state.done[number + 1 :])
            yield f"the daemon may sign #{number}", state._replace(effect=effect, done=done)

    def _approved(self, effect: int, number: int) -> int | None:
        """The effect once it has said yes, or None where it says no."""
        record, ref = self._records.effect(effect), f"#{number}"
        if record is None:
            return None
        if self._setup.approves is not None:
            yes = self._setup.approves(record, ref)
            return self._records.number(replace(record, approved_ref=ref, version=record.version + 1)) if yes else None
        after = approved(record, pending(ref))
        return None if after is None else self._records.number(after)


def approved(effect: Effect, operation: PendingSend) -> Effect | None:
    """What the product's approvals make of an effect, asked for an operation; None where they say no."""
    asking = _Asking(operation, effect.saga_id)
    approvals = Approvals(cast("SagaStore", asking), asking, cast("SendsCoins", asking), cast("Kept", asking))
    answers: list[tuple[int, Any]] = []
    while True:
        try:
            reached = replay(approvals.approve(operation.id), 0, answers, TickingClock())
        except ApprovalRefused:
            return None
        if isinstance(reached, Finished):
            return effect
        if reached.kind == "effects":
            answers.append((0, [effect] if _matches(effect, reached.about) else []))
        else:
            companion = reached.about.companions[0]
            effect = effect_from({"_id": companion.id, **companion.document})
            answers.append((0, None))


def _matches(effect: Effect, query: Mapping[str, Any]) -> bool:
    """Whether a stored effect is what a query asks for, by equality, ``$in`` and ``$or``."""
    stored = effect_companion(None, effect).document
    return all(
        any(_matches(effect, each) for each in wanted) if path == "$or" else _fits(_at(stored, path), wanted)
        for path, wanted in query.items()
    )


def _at(document: Any, path: str) -> Any:
    for name in path.split("."):
        document = document.get(name, {})
    return document


def _fits(value: Any, wanted: Any) -> bool:
    return value in wanted["$in"] if isinstance(wanted, dict) else bool(value == wanted)
