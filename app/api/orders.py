"""What the routes of every order share: the request as it is started, and what every view of one begins with."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from app.api.bodies import AccountId, Body
from app.api.views import Instant
from app.errors import Missing
from app.identity.principals import Principal
from app.ids import public_id
from app.orchestrator.journal import SagaRecord
from app.orchestrator.orders import order_id, saga_id_of
from app.orchestrator.progress import order_status
from app.orchestrator.starting import Asked
from app.runtime import Runtime


class AccountDestination(Body):
    """Receive on an account here."""

    type: Literal["account"]
    account_id: AccountId


class OrderView(BaseModel):
    """An order, and where it stands."""

    id: str
    saga_id: str
    status: str
    reason: Annotated[str | None, Field(description="Why it did not go the usual way: our code, or the vendor's")]
    created_at: Instant
    updated_at: Instant


def order_facts(saga: SagaRecord, kind: str) -> dict[str, Any]:
    """The fields of ``OrderView``."""
    return {
        "id": order_id(saga, kind),
        "saga_id": public_id(saga.id),
        "status": order_status(saga),
        "reason": saga.reason,
        "created_at": saga.created_at,
        "updated_at": saga.updated_at,
    }


def asked_by(caller: Principal, body: Body, key: str) -> Asked:
    """Who asks for what, under which key."""
    return Asked(caller.book, caller.user_id, key, body.model_dump(mode="json"), caller.authentication)


async def own_order(runtime: Runtime, caller: Principal, order: str, type_: str) -> SagaRecord:
    """The caller's order of that type. Raises Missing."""
    saga = await runtime.sagas.saga_of(saga_id_of(caller.book, order), caller.user_id)
    if saga is None or saga.type != type_:
        raise Missing(type_)
    return saga
