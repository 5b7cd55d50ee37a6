"""Accepting a saga: its identity first, then its preparation, then one commit that creates it and runs its first step.

Asked for again with the same key, the same saga answers, however often and however late, with Redis or without.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel

from app.clock import Clock
from app.errors import IdempotencyKeyReused, QuoteUsed, StaleGuard, WalletError
from app.identity.step_up import Authentication, StepUp
from app.ids import derived_id, public_id, stored_id
from app.ledger.changes import Change, Door, Duplicate
from app.ledger.limits import Spending
from app.money import Money
from app.orchestrator.journal import Event, SagaRecord, birth
from app.orchestrator.lifecycle import ENDS, first_state, move
from app.orchestrator.passages import settle_skips
from app.orchestrator.saga import Run, Saga, Way
from app.orchestrator.store import SagaStore
from app.plumbing.correlation import correlation_id

P = TypeVar("P", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asked for what, under which key. ``content`` is the request as it was read, before any look-up."""

    book: str
    user_id: str
    key: str
    content: dict[str, Any]
    authentication: Authentication | None = None
    """Of the person who asks; None where a process of ours does."""

    @property
    def fingerprint(self) -> str:
        """The same key with another fingerprint is another request."""
        text = json.dumps(self.content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def _nothing(_params: Any) -> tuple[Spending, ...]:
    return ()


class Flows:
    """Starts sagas."""

    def __init__(
        self,
        store: SagaStore,
        door: Door,
        clock: Clock,
        hint: Callable[[], Awaitable[None]],
        step_up: StepUp | None = None,
    ) -> None:
        self._store = store
        self._door = door
        self._clock = clock
        self._hint = hint
        self._step_up = step_up

    async def start(
        self,
        flow: Saga,
        asked: Asked,
        prepare: Callable[[str], Awaitable[P]],
        spends: Callable[[P], tuple[Spending, ...]] = _nothing,
        variant: Callable[[P], Saga] | None = None,
    ) -> SagaRecord:
        """The saga of that request, created if it is new. ``prepare`` turns the request into the flow's parameters.

        ``spends``: what these pay, and under which limits. ``variant``: the version of the flow that they need. Raises
        IdempotencyKeyReused, what ``prepare`` raises, AuthenticationInsufficient, QuoteUsed, what the first step is
        refused for, and last LimitExceeded.
        """
        saga_id = stored_id(asked.book, derived_id("sag", asked.book, asked.user_id, flow.name, asked.key))
        earlier = await self._store.saga(saga_id)
        if earlier is not None:
            return _same(earlier, asked)
        try:
            params = await prepare(saga_id)
            self._require_authentication(asked, params)
            saga = await self._create(variant(params) if variant else flow, asked, saga_id, params, spends(params))
        except WalletError as refusal:
            accepted = await self._store.saga(saga_id)  # by the same request, sent twice at the same moment
            if accepted is not None:
                return _same(accepted, asked)
            if isinstance(refusal, StaleGuard):
                raise QuoteUsed(public_id(refusal.document_id)) from refusal
            raise
        await self._hint()
        return saga

    def _require_authentication(self, asked: Asked, params: BaseModel) -> None:
        """Every amount among a flow's parameters counts, so that no flow can forget to say which does."""
        if self._step_up is not None and asked.authentication is not None:
            moved = [value for _, value in params if isinstance(value, Money)]
            self._step_up.require(asked.authentication, moved)

    async def _create(
        self, flow: Saga, asked: Asked, saga_id: str, params: BaseModel, spendings: tuple[Spending, ...]
    ) -> SagaRecord:
        now = self._clock.now()
        first = flow.steps[0]
        if not callable(first.do):
            raise TypeError(f"{flow.name}: the first step must be an inner one")
        run = Run(saga_id, asked.user_id, params, first.name, Way.DO, now=now, step_statuses={}, results={})
        outcome = first.do(run)
        state, skipped = settle_skips(flow, move(flow, first_state(flow), "done"), params, {})
        steps = {first.name: {"status": "done", "attempts": 1, "at": now}}
        steps.update({name: {"status": "skipped", "attempts": 0, "at": now} for name in skipped})
        saga = SagaRecord(
            id=saga_id,
            type=flow.name,
            def_version=flow.version,
            tenant=asked.book,
            user_id=asked.user_id,
            state=state,
            params=params.model_dump(mode="json"),
            fingerprint=asked.fingerprint,
            correlation_id=correlation_id.get(),
            created_at=now,
            updated_at=now,
            steps=steps,
            results={first.name: dict(outcome.result)},
            wake_at=None if state in ENDS else now,
        )
        events = (Event("accepted-request", "", {}), Event("done", first.name, outcome.result))
        companions = (*birth(saga, events), *outcome.companions)
        change = Change(asked.book, outcome.transactions, companions, outcome.openings, spendings=spendings)
        if isinstance(await self._door.submit(change), Duplicate):
            return _same(await self._store.saga(saga_id) or saga, asked)
        return saga


def _same(saga: SagaRecord, asked: Asked) -> SagaRecord:
    if saga.fingerprint != asked.fingerprint:
        raise IdempotencyKeyReused
    return saga
