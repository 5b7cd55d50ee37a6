"""What is measured, in a registry of the process's own. Counted at the door, where everything durable passes, and read
from the database only when somebody asks: never for a request.

No label names a person, a saga or an account: every label has few values. Amounts are whole minor units.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from app.ledger.changes import Change, Companion, Door, Duplicate, Posted
from app.orchestrator.journal import SAGAS, events_in

_REQUEST_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_STEP_S = (0.01, 0.1, 0.5, 1, 5, 15, 60, 300, 1_800, 7_200, 43_200, 172_800, 604_800)
_BATCH = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_PASSED = frozenset({"done", "failed", "undone"})
_ENDED = frozenset({"completed", "compensated", "cancelled", "parked"})


disable_created_metrics()  # type: ignore[no-untyped-call]  # the library's; else each has a second series, of its birth


class Figures:
    """What is read from the database when somebody asks."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.open_sagas = Gauge(
            "wallet_sagas_open", "Sagas that have not ended.", ("type", "status"), registry=registry
        )
        self.parked_oldest = _seconds("wallet_saga_parked_oldest_seconds", "Age of the longest parked saga.", registry)
        self.due_oldest = _seconds(
            "wallet_saga_due_oldest_seconds", "How long the longest due saga has waited for a worker.", registry
        )
        self.in_doubt = Gauge(
            "wallet_in_doubt_minor",
            "Amounts sent and not answered, or to be sent again, in minor units.",
            ("provider", "currency"),
            registry=registry,
        )
        self.doubtful = Gauge(
            "wallet_effects_open", "Calls whose outcome is not known.", ("provider",), registry=registry
        )
        self.doubt_minutes = Gauge(
            "wallet_in_doubt_minor_minutes",
            "Amount times age of every call whose outcome is not known.",
            ("provider", "currency"),
            registry=registry,
        )
        self.inbox = Gauge(
            "wallet_inbox_events", "Events in the inbox, at most 10,000 counted.", ("status",), registry=registry
        )


class Measures:
    """What is counted as it happens, and the registry that shows all of it."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Histogram(
            "wallet_request_seconds",
            "Requests answered, and how long that took.",
            ("method", "route", "status"),
            buckets=_REQUEST_S,
            registry=registry,
        )
        self.batches = Histogram(
            "wallet_door_batch_changes", "Changes in one commit of the door.", buckets=_BATCH, registry=registry
        )
        self.queue = Gauge("wallet_door_queue_changes", "Changes that wait at the door.", registry=registry)
        self.steps = Histogram(
            "wallet_saga_step_seconds",
            "From the end of the step before to the end of this one.",
            ("type", "step", "outcome"),
            buckets=_STEP_S,
            registry=registry,
        )
        self.ends = Counter(
            "wallet_sagas_ended", "Sagas that ended or were parked.", ("type", "status"), registry=registry
        )
        self.sends = Counter(
            "wallet_effect_sends", "Calls recorded to be made.", ("provider", "repeated"), registry=registry
        )
        self.unknowns = Counter(
            "wallet_effects_unknown", "Calls that were not answered.", ("provider",), registry=registry
        )
        self.webhooks = Counter(
            "wallet_webhooks",
            "Attempts to apply an event, by what came of it.",
            ("provider", "outcome"),
            registry=registry,
        )
        self.silence = Gauge(
            "wallet_vendor_silence_seconds",
            "How long a vendor has owed an event, by what it took on since it was last heard.",
            ("provider",),
            registry=registry,
        )
        self.circuits = Gauge(
            "wallet_circuit_open", "1 while calls to a vendor are refused here.", ("provider",), registry=registry
        )

    @cached_property
    def figures(self) -> Figures:
        """There from when they are first read: a process that reads none shows no zeros in their place."""
        return Figures(self.registry)

    def observe_request(self, method: str, route: str, status: int, duration_s: float) -> None:
        """A request was answered; ``route`` is its template."""
        self.requests.labels(method, route, str(status)).observe(duration_s)

    def observe_silence(self, provider: str, silent: timedelta) -> None:
        """A vendor has owed an event for so long."""
        self.silence.labels(provider).set(silent.total_seconds())

    def observe_change(self, change: Change) -> None:
        """A change has become true."""
        saga = next((each.document for each in change.companions if each.collection == SAGAS), None)
        events = events_in(change.companions)
        if saga is not None:
            for number, event in enumerate(events):
                self._observe_event(saga, event, {later["step"] for later in events[number:]})
        for companion in change.companions:
            if companion.collection == "inbox":
                self._observe_webhook(companion)

    def _observe_event(self, saga: Mapping[str, Any], event: Mapping[str, Any], told_now: AbstractSet[str]) -> None:
        """``told_now``: its step, and those that moved on behind it in the same commit."""
        kind, facts = event["type"], event["facts"]
        if kind in _PASSED and event["step"] in saga["steps"]:
            took_s = _took_s(saga, event["step"], told_now)
            self.steps.labels(saga["type"], event["step"], kind).observe(took_s)
        if kind in _ENDED:
            self.ends.labels(saga["type"], kind).inc()
        if kind == "sending":
            self.sends.labels(facts["provider"], "yes" if facts["attempt"] > 1 else "no").inc()
        if kind == "unknown":
            self.unknowns.labels(facts["provider"]).inc()

    def _observe_webhook(self, companion: Companion) -> None:
        event = companion.document
        outcome = {"received": "postponed"}.get(event["status"], event["status"])
        self.webhooks.labels(event["provider"], outcome).inc()


class MeasuringDoor:
    """The door, for those whose changes are counted."""

    def __init__(self, door: Door, measures: Measures) -> None:
        self._door = door
        self._measures = measures

    async def submit(self, change: Change, *, deadline_s: float = 10.0) -> Posted | Duplicate:
        """As the door's own."""
        verdict = await self._door.submit(change, deadline_s=deadline_s)
        if isinstance(verdict, Posted):
            self._measures.observe_change(change)
        return verdict


def _took_s(saga: Mapping[str, Any], step: str, told_now: AbstractSet[str]) -> float:
    """Seconds from when the step before was over, or the saga began."""
    ended: datetime = saga["steps"][step]["at"]
    return (ended - max(_before(saga, told_now))).total_seconds()


def _before(saga: Mapping[str, Any], told_now: AbstractSet[str]) -> Iterator[datetime]:
    yield saga["created_at"]
    told = {name: each for name, each in saga["steps"].items() if name not in told_now}
    yield from (each["at"] for each in told.values() if each["status"] != "skipped")  # passed over in this very commit


def _seconds(name: str, said: str, registry: CollectorRegistry) -> Gauge:
    return Gauge(name, said, registry=registry)
