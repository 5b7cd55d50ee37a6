"""A small application inside the real layers, so that a layer is tested as it is used."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import httpx2
from fastapi import APIRouter, FastAPI
from pydantic import Field
from starlette.requests import Request

from app.api.bodies import AccountId, AmountText, Body, CurrencyCode, Metadata
from app.api.deps import IdempotencyKey, OptionalIdempotencyKey, Reader, Transactor
from app.api.strict import StrictRoute
from app.errors import Busy, IdempotencyInProgress, InsufficientFunds, KycRequired, OutcomeUnresolved, TokenInvalid
from app.idempotency.claims import Claims
from app.identity.permissions import Permission
from app.identity.principals import Principal
from app.main import add_layers
from app.middleware.authentication import Callers
from app.plumbing.rates import Rate, Rates

VERDICTS: dict[str, Callable[[], Exception]] = {
    "insufficient": lambda: InsufficientFunds("acc_1", "1.00", "2.00", "USD"),
    "kyc": lambda: KycRequired("none"),
    "racing": IdempotencyInProgress,
    "busy": lambda: Busy("Not now."),
    "unknown": OutcomeUnresolved,
    "broken": lambda: ZeroDivisionError("the card number is 4242424242424242"),
}


class FromBank(Body):
    type: Literal["bank"]


class FromAccount(Body):
    type: Literal["account"]
    account_id: AccountId


class Payment(Body):
    """What the toy's verb takes."""

    amount: AmountText
    currency: CurrencyCode = "USD"
    metadata: Metadata | None = None
    funding: Annotated[FromBank | FromAccount, Field(discriminator="type")] = FromBank(type="bank")


class Names:
    """Takes a token for what it says: ``alice`` or ``alice:wallet:read``."""

    async def principal(self, token: str) -> Principal:
        name, _, permission = token.partition(":")
        if name == "nobody":
            raise TokenInvalid("it names nobody")
        permissions = frozenset({Permission(permission)} if permission else Permission)
        return Principal(f"usr_{name}", "default", "https://issuer.test/", name, permissions)


class Toy:
    """``runs`` counts executions of the verb; while ``gate`` is shut they wait inside; ``verdict`` is how they end."""

    def __init__(self, claims: Claims, rates: Rates, limits: Mapping[str, Rate] | None = None) -> None:
        self.runs = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.verdict = ""
        self.request_s = 60.0
        self._claims, self._rates, self._limits = claims, rates, limits or {}
        self.app = self._behind(Callers(Names()))

    def between(self, callers: Callers) -> httpx2.AsyncClient:
        """A client of the same application with other callers."""
        return httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=self._behind(callers)), base_url="http://wallet.test"
        )

    def _behind(self, callers: Callers) -> FastAPI:
        app = FastAPI(openapi_url=None, redirect_slashes=False)
        app.include_router(self._router())
        add_layers(app, callers, self._claims, self._rates, self._limits, request_s=self.request_s)
        return app

    def client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=self.app), base_url="http://wallet.test")

    def _router(self) -> APIRouter:
        router = APIRouter(route_class=StrictRoute)
        router.add_api_route("/v1/payments", self._pay, methods=["POST"], status_code=201)
        router.add_api_route("/v1/notes", self._note, methods=["POST"])
        router.add_api_route("/v1/things/{thing}", _show, methods=["GET"])
        raw = APIRouter()
        raw.add_api_route("/webhooks/bank", _count_bytes, methods=["POST"])
        router.include_router(raw)
        return router

    async def _pay(self, body: Payment, caller: Transactor, key: IdempotencyKey) -> dict[str, Any]:
        await self._run()
        return {"paid": body.amount, "by": caller.user_id, "key": key, "run": self.runs}

    async def _note(self, caller: Reader, key: OptionalIdempotencyKey) -> dict[str, Any]:
        await self._run()
        return {"by": caller.user_id, "key": key, "run": self.runs}

    async def _run(self) -> None:
        self.runs += 1
        await self.gate.wait()
        if self.verdict:
            error = VERDICTS[self.verdict]()
            raise error


async def _show(thing: str, caller: Reader, q: str = "") -> dict[str, str]:
    return {"thing": thing, "for": caller.user_id, "q": q}


async def _count_bytes(request: Request) -> dict[str, int]:
    return {"bytes": len(await request.body())}
