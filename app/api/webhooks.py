"""Webhooks in: the raw bytes are verified, the events kept, and only then is the vendor told 200.

A question is answered in the response to it, and not kept: what is asked about a card leaves its answer in the ledger,
and what is asked in a conversation holds the customer's own words.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.api.deps import CurrentRuntime
from app.api.problems import problems
from app.errors import (
    ApprovalRefused,
    Malformed,
    Missing,
    ProviderUnavailable,
    SignatureInvalid,
    TokenInvalid,
    TokenMissing,
)
from app.ids import public_id
from app.providers.dialogflow.wire import Answer
from app.providers.events import WebhookEvent
from app.providers.stripe import webhooks as stripe
from app.providers.sumsub import webhooks as sumsub
from app.providers.tatum import webhooks as tatum
from app.providers.unit import webhooks as unit
from app.runtime import Runtime
from app.settings import Settings

router = APIRouter(prefix="/webhooks", tags=["webhooks"])

_REFUSALS = problems(SignatureInvalid, Malformed)
_IN_THE_APP = Answer(says=("That cannot be done in a conversation yet. Please use the app.",))

PendingId = Annotated[str, Path(max_length=64, pattern="^[A-Za-z0-9_-]+$")]
"""The key daemon's name for what it is to sign: a UUID, or digits and letters."""


class Received(BaseModel):
    """How many events of the delivery were new."""

    received: int


class Approval(BaseModel):
    """The pending transaction may be signed; it belongs to that saga."""

    saga_id: str


@router.post("/unit", responses=_REFUSALS)
async def receive_from_unit(request: Request, runtime: CurrentRuntime) -> Received:
    """Events of the partner bank."""
    body, headers = await _delivery(request)
    return await _keep(runtime, unit.read_events(body, headers, _secrets(runtime.settings, "unit")))


@router.post("/unit/authorizations", responses=_REFUSALS)
async def answer_card_question(request: Request, runtime: CurrentRuntime) -> JSONResponse:
    """May this card take that much? The answer is the ledger's, within the bank's time; any doubt is a no."""
    body, headers = await _delivery(request)
    question = unit.read_question(body, headers, _secrets(runtime.settings, "unit"))
    answer = await runtime.card_use.answer(question)
    return JSONResponse(unit.answer_to(question, answer.reason), media_type=unit.MEDIA_TYPE)


@router.post("/tatum", responses=_REFUSALS)
async def receive_from_tatum(request: Request, runtime: CurrentRuntime) -> Received:
    """Events of the chains and the key daemon's queue."""
    body, headers = await _delivery(request)
    return await _keep(runtime, tatum.read_events(body, headers, _secrets(runtime.settings, "tatum")))


@router.post("/stripe", responses=_REFUSALS)
async def receive_from_stripe(request: Request, runtime: CurrentRuntime) -> Received:
    """Events of card payments and payouts."""
    body, headers = await _delivery(request)
    secrets, now = _secrets(runtime.settings, "stripe"), runtime.clock.now()
    return await _keep(runtime, stripe.read_events(body, headers, secrets, now=now))


@router.post("/sumsub", responses=_REFUSALS)
async def receive_from_sumsub(request: Request, runtime: CurrentRuntime) -> Received:
    """Events about applicants."""
    body, headers = await _delivery(request)
    return await _keep(runtime, sumsub.read_events(body, headers, _secrets(runtime.settings, "sumsub")))


@router.post("/plaid", responses=_REFUSALS)
async def receive_from_plaid(request: Request, runtime: CurrentRuntime) -> Received:
    """Events about bank logins."""
    body, headers = await _delivery(request)
    return await _keep(runtime, await runtime.providers.plaid_webhooks.read_events(body, headers))


@router.post("/dialogflow", responses=problems(TokenMissing, TokenInvalid, ProviderUnavailable, Malformed))
async def answer_conversation(request: Request, runtime: CurrentRuntime) -> Response:
    """What to say in a conversation. Whatever is asked for, the customer is sent to the app: nothing is done here."""
    body, headers = await _delivery(request)
    await runtime.fulfilments.read(body, headers)
    return Response(_IN_THE_APP.body(), media_type="application/json")


@router.get("/tatum/kms/{pending_id}", responses=problems(Missing, ApprovalRefused, ProviderUnavailable))
async def approve_signing(pending_id: PendingId, runtime: CurrentRuntime) -> Approval:
    """The key daemon asks whether it may sign a pending transaction."""
    return Approval(saga_id=public_id(await runtime.approvals.approve(pending_id)))


async def _delivery(request: Request) -> tuple[bytes, Mapping[str, str]]:
    return await request.body(), {name.lower(): value for name, value in request.headers.items()}


async def _keep(runtime: Runtime, events: Sequence[WebhookEvent]) -> Received:
    received = await runtime.inbox.receive(events)
    if received:
        await runtime.hints.give()
    return Received(received=received)


def _secrets(settings: Settings, vendor: str) -> tuple[SecretStr, ...]:
    """What the vendor may sign with: one secret, or two with a space between while one is being replaced."""
    secrets = {
        "unit": settings.unit_webhook_secret,
        "tatum": settings.tatum_webhook_secret,
        "stripe": settings.stripe_webhook_secret,
        "sumsub": settings.sumsub_webhook_secret,
    }
    return tuple(SecretStr(each) for each in secrets[vendor].get_secret_value().split())
