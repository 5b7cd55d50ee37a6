"""Webhooks that came in, for operators. Their contents stay in the inbox: they may hold what is personal."""

from typing import Annotated, Literal, Self

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel

from app.api.bodies import Body, Reason
from app.api.deps import CurrentRuntime, OperationsReader, Operator, OptionalIdempotencyKey
from app.api.problems import problems
from app.api.strict import StrictRoute
from app.api.views import Cursor, Instant, Limit, Page, paged, place_of
from app.errors import Malformed, Missing, OutcomeUnresolved, Overloaded
from app.ids import new_id
from app.ledger.acts import Answerable
from app.ledger.changes import Document

router = APIRouter(prefix="/v1/admin/webhooks", tags=["webhooks received"], route_class=StrictRoute)

WebhookId = Annotated[str, Path(max_length=300, pattern=r"^[a-z]+:[\x21-\x7e]+$")]


class ReplayRequest(Body):
    """Why it is put back."""

    reason: Reason


class WebhookView(BaseModel):
    """An event as it waits, was applied, or was parked after its last attempt."""

    id: str
    provider: str
    type: str
    refs: list[str]
    status: str
    attempts: int
    due_at: Instant
    received_at: Instant
    settled_at: Instant | None

    @classmethod
    def of(cls, event: Document) -> Self:
        return cls(id=event["_id"], **{name: event[name] for name in cls.model_fields.keys() - {"id"}})


@router.get("", responses=problems(Malformed))
async def list_webhooks(
    caller: OperationsReader,
    runtime: CurrentRuntime,
    status: Annotated[Literal["received", "done", "parked"] | None, Query()] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[WebhookView]:
    """Events that concern the tenant, the latest first."""
    before = place_of(cursor) if cursor else None
    found = await runtime.replays.page(caller.tenant, status, before, limit + 1)
    return paged(found, limit, WebhookView.of, lambda event: (event["received_at"], event["_id"]))


@router.post("/{webhook_id}/replay", responses=problems(Missing, Overloaded, OutcomeUnresolved))
async def replay_webhook(
    webhook_id: WebhookId,
    caller: Operator,
    key: OptionalIdempotencyKey,
    runtime: CurrentRuntime,
    body: ReplayRequest | None = None,
) -> WebhookView:
    """Put an event back, to be applied again: it says where to look, so applying it twice changes nothing."""
    reason = body.reason if body else "replayed"
    answerable = Answerable(caller.user_id, reason, key or new_id("key"))
    return WebhookView.of(await runtime.replays.replay(caller.tenant, webhook_id, answerable))
