"""What the edge asks of a request before any verb: who sends it, how often they may, and whether it was here before."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx2

from app.idempotency.claims import Claims
from app.identity.configured import access_tokens, conversation_tokens, step_up_of
from app.identity.proofs import Proofs
from app.identity.step_up import StepUp
from app.identity.tokens import AccessTokens
from app.plumbing.pipelining import PipelinedRedis
from app.plumbing.rates import Rates
from app.providers.dialogflow.webhooks import Fulfilments
from app.providers.registry import fulfilments_of
from app.runtime.background import Background
from app.runtime.ground import Ground


@dataclass(frozen=True)
class Edge:
    """``step_up`` says which amounts need a fresh sign-in, ``fulfilments`` reads what a conversation asks."""

    tokens: AccessTokens
    proofs: Proofs
    step_up: StepUp
    claims: Claims
    rates: Rates
    fulfilments: Fulfilments


async def open_edge(
    ground: Ground, stack: AsyncExitStack, background: Background, wire: httpx2.AsyncBaseTransport | None
) -> Edge:
    """Issuers' keys are fetched when a token first needs them; what goes to Redis travels together."""
    settings, clock = ground.settings, ground.clock
    http = await stack.enter_async_context(httpx2.AsyncClient(trust_env=False, transport=wire))
    pipelined = PipelinedRedis(ground.redis)
    background.start(pipelined)
    return Edge(
        tokens=access_tokens(settings, http, clock),
        proofs=Proofs(pipelined, clock),
        step_up=step_up_of(settings, clock),
        claims=Claims(pipelined, clock),
        rates=Rates(pipelined, clock),
        fulfilments=fulfilments_of(settings, conversation_tokens(settings, http, clock)),
    )
