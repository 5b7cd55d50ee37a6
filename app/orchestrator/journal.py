"""What a saga, its effects and its events look like in MongoDB, and what is written when it moves. Pure.

The three collections always change together, through the one door: a saga is guarded by its version and its fence,
an effect by its version, and an event must not be there yet.
"""

from collections.abc import Mapping
from dataclasses import field, replace
from datetime import datetime
from operator import attrgetter
from typing import Any

from app.ids import derived_id, stored_id
from app.ledger.changes import ABSENT, Companion, Document
from app.orchestrator.effects import Effect, EffectStatus
from app.orchestrator.lifecycle import public_status
from app.orchestrator.notices import notifications
from app.orchestrator.saga import Way, direction
from app.values import dataclass

SAGAS, EFFECTS, EVENTS = "sagas", "effects", "saga_events"

_LONG_AGO = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True)
class SagaRecord:
    """A saga as stored. ``errors`` counts unexpected failures in a row, ``looks`` the polls of the current wait.

    ``generations``: how often each action (``undo:collect``) was begun anew after it definitely had not happened.
    """

    id: str
    type: str
    def_version: int
    tenant: str
    user_id: str
    state: str
    params: Mapping[str, Any]
    fingerprint: str
    correlation_id: str
    created_at: datetime
    updated_at: datetime
    steps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    results: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    waits: tuple[str, ...] = ()
    wake_at: datetime | None = None
    looks: int = 0
    errors: int = 0
    reason: str | None = None
    parked_from: str | None = None
    generations: Mapping[str, int] = field(default_factory=dict)
    events: int = 0
    version: int = 1
    fence: int = 0

    @property
    def status(self) -> str:
        """What callers are told."""
        return public_status(self.state)

    def after(self, events: tuple["Event", ...], **fields: Any) -> "SagaRecord":
        """It as a commit with these events leaves it: copied once, however much has changed."""
        return replace(self, version=self.version + 1, events=self.events + len(events), **fields)


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a saga's history."""

    type: str
    step: str
    facts: Mapping[str, Any] = field(default_factory=dict)


_FIELDS = SagaRecord.__dataclass_fields__.keys()
_READ_AS_THEY_ARE = tuple(_FIELDS - {"id", "waits", "generations"})
_WRITTEN_AS_THEY_ARE = tuple(_FIELDS - {"id", "waits", "fence"})
_written = attrgetter(*_WRITTEN_AS_THEY_ARE)

_EFFECT_FIELDS = tuple(Effect.__dataclass_fields__.keys() - {"id", "status", "version"})
_told_of_effect = attrgetter(*_EFFECT_FIELDS)


def saga_from(document: Document) -> SagaRecord:
    """A saga as read. One that was written before there were generations has had none."""
    return SagaRecord(
        id=document["_id"],
        waits=tuple(document["waits"]),
        generations=document.get("generations", {}),
        **{name: document[name] for name in _READ_AS_THEY_ARE},
    )


def saga_document(saga: SagaRecord, *, released: bool) -> Document:
    """A saga as stored; ``released`` gives the lease back, because it waits or has ended.

    ``fence`` and ``woken_at`` are left alone: claiming and waking write them directly.
    """
    document: Document = dict(zip(_WRITTEN_AS_THEY_ARE, _written(saga), strict=True))
    document["waits"] = list(saga.waits)
    document["status"] = saga.status
    if released:
        document["lease_until"] = _LONG_AGO
    return document


def birth(saga: SagaRecord, events: tuple[Event, ...]) -> tuple[Companion, ...]:
    """The companions that bring a saga into the world."""
    born = replace(saga, events=len(events))
    document = {**saga_document(born, released=True), "fence": 0, "book": saga.id.partition("/")[0]}
    told = (*_event_companions(saga, saga.events, events), *notifications(None, born))
    return (Companion(SAGAS, saga.id, ABSENT, document), *told)


def progress(
    before: SagaRecord, after: SagaRecord, events: tuple[Event, ...], *, released: bool
) -> tuple[Companion, ...]:
    """The companions that move a saga on by these events, whether or not ``after`` counts them already."""
    version, told = before.version + 1, before.events + len(events)
    counted = (
        after if (after.version, after.events) == (version, told) else replace(after, version=version, events=told)
    )
    return (moved(before, counted, released=released), *telling(before, counted, events))


def moved(before: SagaRecord, after: SagaRecord, *, released: bool) -> Companion:
    """The companion of a saga, if it still is as it was read and nobody else has claimed it since."""
    guard = {"version": before.version, "fence": before.fence}
    return Companion(SAGAS, before.id, guard, saga_document(after, released=released))


def telling(before: SagaRecord, after: SagaRecord, events: tuple[Event, ...]) -> tuple[Companion, ...]:
    """The companions of what is told of it: its events, which ``after`` counts already, and its notifications."""
    return (*_event_companions(after, before.events, events), *notifications(before, after))


def _event_companions(saga: SagaRecord, earlier: int, events: tuple[Event, ...]) -> tuple[Companion, ...]:
    return tuple(
        Companion(
            EVENTS,
            event_id(saga.id, earlier + number),
            ABSENT,
            {
                "saga_id": saga.id,
                "seq": earlier + number,
                "at": saga.updated_at,
                "type": event.type,
                "step": event.step,
                "status": saga.status,
                "facts": dict(event.facts),
            },
        )
        for number, event in enumerate(events, start=1)
    )


def event_id(saga_id: str, seq: int) -> str:
    """An event's id: its saga and its number there."""
    return f"{saga_id}#{seq:06d}"


def effect_id(saga_id: str, step: str, way: Way = Way.DO, *, generation: int = 0) -> str:
    """The id of a step's effect, derived from what causes it; what is begun anew is another effect."""
    book = saga_id.partition("/")[0]
    anew = (str(generation),) if generation else ()
    return stored_id(book, derived_id("eff", saga_id, step, way.value, *anew))


def current_effect_id(saga: SagaRecord, step: str, way: Way) -> str:
    """The id of the effect that stands for a step's action now."""
    generation = saga.generations.get(direction(step, way), 0)
    return effect_id(saga.id, step, way, generation=generation)


def begun_anew(saga: SagaRecord, step: str, way: Way) -> SagaRecord:
    """The saga with that action's next generation; only ``may_begin_anew`` (effects.py) says when that is safe."""
    action = direction(step, way)
    return replace(saga, generations={**saga.generations, action: saga.generations.get(action, 0) + 1})


def effect_from(document: Document) -> Effect:
    """An effect as read."""
    return Effect(
        id=document["_id"],
        status=EffectStatus(document["status"]),
        version=document["version"],
        **{name: document[name] for name in _EFFECT_FIELDS},
    )


def effect_companion(before: Effect | None, after: Effect) -> Companion:
    """The companion that records an effect, or moves it on from how it was read."""
    document: Document = dict(zip(_EFFECT_FIELDS, _told_of_effect(after), strict=True))
    document["status"] = after.status.value
    if before is None:
        return Companion(EFFECTS, after.id, ABSENT, {**document, "version": 1})
    return Companion(EFFECTS, after.id, {"version": before.version}, {**document, "version": before.version + 1})
