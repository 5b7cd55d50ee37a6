"""How a saga ended, signed."""

from fastapi import APIRouter
from pydantic import BaseModel

from app.api.bodies import SagaId
from app.api.deps import CurrentRuntime, Reader
from app.api.problems import problems
from app.api.strict import StrictRoute
from app.errors import Missing, SagaUnfinished
from app.ids import stored_id
from app.ledger.documents import transaction_from
from app.orchestrator.attestations import attestation
from app.orchestrator.flows import FLOWS

router = APIRouter(prefix="/v1/sagas", tags=["sagas"], route_class=StrictRoute)


class OutcomeView(BaseModel):
    """The outcome as canonical JSON in ``content``, and the signature of exactly that text."""

    version: int
    content: str
    signature: str
    key_id: str


@router.get("/{saga_id}/outcome", responses=problems(Missing, SagaUnfinished))
async def show_outcome(saga_id: SagaId, caller: Reader, runtime: CurrentRuntime) -> OutcomeView:
    """Proof of how a saga of yours ended; ``wallet verify --outcome`` checks it offline."""
    saga = await runtime.sagas.saga_of(stored_id(caller.book, saga_id), caller.user_id)
    if saga is None:
        raise Missing("saga")
    postings = [transaction_from(each) for each in await runtime.ledger.transactions_of_saga(saga.id)]
    flow = FLOWS.get((saga.type, saga.def_version))
    return OutcomeView.model_validate(attestation(saga, flow, postings, runtime.signer))
