"""What a saga, its effects and its events look like in MongoDB, and what is written when it moves. Pure.

The three collections always change together, through the one door: a saga is guarded by its version and its fence,
an effect by its version, and an event must not be there yet.
"""

from collections.abc import Iterable, Mapping
from dataclasses import field
from datetime import datetime
from operator import attrgetter
from typing import Any

from app.ids import derived_id, stored_id
from app.ledger.changes import ABSENT, Companion, Document
from app.orchestrator.effects import Effect, EffectStatus
from app.orchestrator.lifecycle import public_status
from app.orchestrator.notices import notifications
from app.orchestrator.saga import Way, direction
from app.values import dataclass, replace

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
    return (Companion(SAGAS, saga.id, ABSENT, document), page(born, 0, lines(born, events)), *notifications(None, born))


def progress(
    before: SagaRecord, after: SagaRecord, events: tuple[Event, ...], *, released: bool
) -> tuple[Companion, ...]:
    """The companions that move a saga on by these events, whether or not ``after`` counts them already."""
    counted = replace(after, version=before.version + 1, events=before.events + len(events))
    history = (page(before, before.events, lines(counted, events)),) if events else ()
    return (moved(before, counted, released=released), *history, *notifications(before, counted))


def moved(before: SagaRecord, after: SagaRecord, *, released: bool) -> Companion:
    """The companion of a saga, if it still is as it was read and nobody else has claimed it since."""
    guard = {"version": before.version, "fence": before.fence}
    return Companion(SAGAS, before.id, guard, saga_document(after, released=released))


def lines(saga: SagaRecord, events: tuple[Event, ...]) -> list[Document]:
    """What is told of a saga that these events have left so."""
    at, status = saga.updated_at, saga.status
    return [
        {"at": at, "type": event.type, "step": event.step, "status": status, "facts": dict(event.facts)}
        for event in events
    ]


def page(saga: SagaRecord, earlier: int, told: list[Document]) -> Companion:
    """The lines of a saga's history that one commit writes, behind so many earlier ones."""
    last = page_id(saga.id, earlier + len(told))
    return Companion(EVENTS, last, ABSENT, {"saga_id": saga.id, "first": earlier + 1, "told": told})


def page_id(saga_id: str, last: int) -> str:
    """The id of a page of history: its saga, and the number of its last line."""
    return f"{saga_id}#{last:06d}"


def events_on(page: Document) -> list[Document]:
    """The events on a page, each with its number."""
    saga_id, first = page["saga_id"], page["first"]
    return [{"saga_id": saga_id, "seq": seq, **line} for seq, line in enumerate(page["told"], start=first)]


def events_in(companions: Iterable[Companion]) -> list[Document]:
    """The events that companions tell of."""
    return [event for each in companions if each.collection == EVENTS for event in events_on(each.document)]


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
