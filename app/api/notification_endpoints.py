"""Where a tenant wants to be told, for operators. Docs: docs/notifications.md."""

from datetime import datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Response
from pydantic import AfterValidator, BaseModel, Field, JsonValue

from app.api.bodies import Body, id_of
from app.api.deps import CurrentRuntime, OperationsReader, Operator, OptionalIdempotencyKey
from app.api.problems import problems
from app.api.strict import StrictRoute
from app.api.views import Instant, Page
from app.errors import (
    CallbackRefused,
    EndpointDisabled,
    IdempotencyKeyReused,
    Missing,
    OutcomeUnresolved,
    Overloaded,
    StaleGuard,
    TooManyEndpoints,
    TooManySecrets,
)
from app.ids import public_id, stored_id
from app.orchestrator.flows import FLOWS
from app.orchestrator.notices import notification_types
from app.orchestrator.registration import WithSecret
from app.outbox.endpoints import Endpoint

router = APIRouter(prefix="/v1/admin/notification-endpoints", tags=["notification endpoints"], route_class=StrictRoute)

TYPES = frozenset(notification_types([flow for flow, _ in FLOWS]))

_CHANGING = (StaleGuard, Overloaded, OutcomeUnresolved)


def _known(wanted: str) -> str:
    kind = wanted.removesuffix(".*")
    if wanted not in TYPES and not (wanted.endswith(".*") and any(each.startswith(f"{kind}.") for each in TYPES)):
        raise ValueError("there is no such type of notification")
    return wanted


EndpointId = Annotated[str, *id_of("nep")]
_WANTED: dict[str, JsonValue] = {"enum": [*sorted({*TYPES, *(f"{each.partition('.')[0]}.*" for each in TYPES)})]}
WantedType = Annotated[
    str, AfterValidator(_known), Field(max_length=60, examples=["purchase.*"], json_schema_extra=_WANTED)
]


class EndpointRequest(Body):
    """Where to, and what of: types by name, ``purchase.*`` for all of a kind, nothing for everything."""

    url: Annotated[str, Field(min_length=8, max_length=2_048)]
    types: Annotated[list[WantedType], Field(max_length=50, default_factory=list)]


class EndpointView(BaseModel):
    """An endpoint. ``reason`` says why it was disabled."""

    id: str
    url: str
    types: list[str]
    status: str
    reason: str | None
    failing_since: Instant | None
    created_at: Instant

    @classmethod
    def of(cls, endpoint: Endpoint) -> Self:
        return cls(
            id=public_id(endpoint.id),
            url=endpoint.url,
            types=list(endpoint.types),
            status=endpoint.status,
            reason=endpoint.reason,
            failing_since=endpoint.failing_since,
            created_at=endpoint.created_at,
        )


class EndpointWithSecret(EndpointView):
    """The same with its newest secret, which is shown this once."""

    secret: str

    @classmethod
    def with_secret(cls, made: WithSecret) -> Self:
        view = EndpointView.of(made.endpoint)
        return cls(**view.model_dump(), secret=made.secret.get_secret_value())


class AttemptView(BaseModel):
    """One try: the receiver's status, or why there is none."""

    attempt: int
    at: Instant
    status: int | None
    reason: str
    duration_ms: int


class DeliveryView(BaseModel):
    """A notification on its way to the endpoint, or there. ``next_attempt_at`` only while it is on its way."""

    notification_id: str
    type: str
    status: str
    created_at: Instant
    next_attempt_at: Instant | None
    attempts: list[AttemptView]

    @classmethod
    def of(cls, delivery: dict[str, Any]) -> Self:
        due_at: datetime | None = delivery["due_at"] if delivery["status"] == "pending" else None
        return cls(
            notification_id=public_id(delivery["notification_id"]),
            type=delivery["type"],
            status=delivery["status"],
            created_at=delivery["created_at"],
            next_attempt_at=due_at,
            attempts=[AttemptView(**attempt) for attempt in delivery["history"]],
        )


class TestSent(BaseModel):
    """The notification that is on its way; the delivery log says what became of it."""

    notification_id: str


@router.post(
    "",
    status_code=201,
    responses=problems(IdempotencyKeyReused, Missing, CallbackRefused, TooManyEndpoints, Overloaded, OutcomeUnresolved),
)
async def register_endpoint(
    body: EndpointRequest,
    caller: Operator,
    key: OptionalIdempotencyKey,
    runtime: CurrentRuntime,
    response: Response,
) -> EndpointWithSecret:
    """Have notifications sent to a URL; the answer alone shows the secret that signs them."""
    response.headers["Cache-Control"] = "no-store"
    made = await runtime.endpoints.register(caller.book, caller.user_id, body.url, body.types, key)
    return EndpointWithSecret.with_secret(made)


@router.get("")
async def list_endpoints(caller: OperationsReader, runtime: CurrentRuntime) -> Page[EndpointView]:
    """All of them, oldest first."""
    endpoints = await runtime.endpoints.all_of(caller.book)
    return Page(items=[EndpointView.of(endpoint) for endpoint in endpoints])


@router.get("/{endpoint_id}", responses=problems(Missing))
async def show_endpoint(endpoint_id: EndpointId, caller: OperationsReader, runtime: CurrentRuntime) -> EndpointView:
    """One of them."""
    return EndpointView.of(await runtime.endpoints.get(stored_id(caller.book, endpoint_id)))


@router.get("/{endpoint_id}/deliveries", responses=problems(Missing))
async def list_deliveries(
    endpoint_id: EndpointId, caller: OperationsReader, runtime: CurrentRuntime
) -> Page[DeliveryView]:
    """The last hundred deliveries with every attempt, newest first."""
    log = await runtime.endpoints.log_of(stored_id(caller.book, endpoint_id))
    return Page(items=[DeliveryView.of(delivery) for delivery in log])


@router.post("/{endpoint_id}/secrets", status_code=201, responses=problems(Missing, TooManySecrets, *_CHANGING))
async def rotate_secret(
    endpoint_id: EndpointId,
    caller: Operator,
    key: OptionalIdempotencyKey,
    runtime: CurrentRuntime,
    response: Response,
) -> EndpointWithSecret:
    """Another secret; for a day the one before it signs beside it."""
    response.headers["Cache-Control"] = "no-store"
    made = await runtime.endpoints.rotate(stored_id(caller.book, endpoint_id), caller.user_id, key)
    return EndpointWithSecret.with_secret(made)


@router.post("/{endpoint_id}/enable", responses=problems(Missing, CallbackRefused, *_CHANGING))
async def enable_endpoint(endpoint_id: EndpointId, caller: Operator, runtime: CurrentRuntime) -> EndpointView:
    """Try it again; what was on its way when it was disabled goes out."""
    return EndpointView.of(await runtime.endpoints.enable(stored_id(caller.book, endpoint_id), caller.user_id))


@router.post(
    "/{endpoint_id}/test",
    status_code=202,
    responses=problems(Missing, EndpointDisabled, Overloaded, OutcomeUnresolved),
)
async def send_test_notification(
    endpoint_id: EndpointId, caller: Operator, key: OptionalIdempotencyKey, runtime: CurrentRuntime
) -> TestSent:
    """Send an ``endpoint.test`` there."""
    test = await runtime.endpoints.send_test(stored_id(caller.book, endpoint_id), caller.user_id, key)
    return TestSent(notification_id=public_id(test.id))


@router.delete("/{endpoint_id}", status_code=204, responses=problems(Missing, *_CHANGING))
async def remove_endpoint(endpoint_id: EndpointId, caller: Operator, runtime: CurrentRuntime) -> None:
    """Forget it, and what was on its way there."""
    await runtime.endpoints.remove(stored_id(caller.book, endpoint_id), caller.user_id)
