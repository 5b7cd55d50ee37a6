"""CPU of each layer in front of every verb.

In this process, around a verb that does nothing, with everything warm: what the verb takes alone is subtracted.
Idempotency is measured at 128 requests at once, because what waits at the same moment travels together.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from os import devnull
from pathlib import Path
from time import process_time

from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.clock import SystemClock
from app.idempotency.claims import Claims
from app.identity.issuers import TrustedIssuer
from app.identity.permissions import Permission
from app.identity.principals import Principal
from app.identity.tokens import AccessTokens
from app.ids import new_id
from app.middleware.access_log import AccessLog
from app.middleware.authentication import Authentication, Callers
from app.middleware.authorisation import Authorisation
from app.middleware.body_limit import BodyLimit
from app.middleware.correlation import Correlation
from app.middleware.idempotency import Idempotency
from app.middleware.rate_limit import RateLimit
from app.middleware.routes import DeclaredRoute
from app.middleware.security_headers import SecurityHeaders
from app.middleware.state import state_of
from app.plumbing.logging import configure_logging
from app.plumbing.pipelining import PipelinedRedis
from app.plumbing.rates import Rate, Rates
from app.plumbing.redis import connect_redis
from app.plumbing.running import run
from bench.context import CALLERS, Bench, Plan
from bench.figures import Row, at_most

SECTION = "edge"
_ROUTE = DeclaredRoute("POST", "/v1/transfers", Permission.WALLET_TRANSACT, takes_key=True, needs_key=True)
_BODY = b'{"amount": "1.00", "currency": "USD"}'
_REQUESTS = 2_560
_WHO = ("correlation", "authentication", "authorisation")

Figures = dict[str, float]


class _OneKey:
    """An issuer with one key, which is known."""

    def __init__(self) -> None:
        self._key = RSAKey.generate_key(2048, {"kid": "key-1"})

    async def key(self, _key_id: str) -> RSAKey:
        return self._key

    def token(self) -> str:
        """An access token for an hour, as large as they are."""
        now_s = int(SystemClock().now().timestamp())
        claims = {"iss": "issuer", "aud": "api", "sub": "bench", "iat": now_s, "exp": now_s + 3_600}
        header = {"alg": "RS256", "typ": "at+jwt", "kid": "key-1"}
        permissions = [str(each) for each in Permission]
        return jwt.encode(header, {**claims, "permissions": permissions}, self._key, algorithms=["RS256"])


_KEYS = _OneKey()
_TOKEN = _KEYS.token().encode()


def count(plan: Plan) -> int:
    """How many samples it takes."""
    return plan.repetitions


def measure(bench: Bench) -> list[Row]:
    """The rows of this section."""
    with Path(devnull).open("w") as nowhere:
        with redirect_stdout(nowhere):
            configure_logging()
        taken = [run(_figures(bench.servers.valkey.url)) for _ in bench.rounds]
    rows = [Row(SECTION, name, "µs", tuple(each[name] for each in taken), _GOALS.get(name)) for name in taken[0]]
    who = tuple(sum(each[name] for name in _WHO) for each in taken)
    return [*rows, Row(SECTION, "who asks, all three", "µs", who, at_most(60))]


_GOALS = {"idempotency": at_most(150)}


async def _figures(redis_url: str) -> Figures:
    """Microseconds of CPU a request that each layer adds."""
    async with connect_redis(redis_url) as redis, asyncio.TaskGroup() as group:
        pipelined = PipelinedRedis(redis)
        group.create_task(pipelined.run())
        clock = SystemClock()
        tokens = AccessTokens(issuers=[TrustedIssuer("issuer", "api", _KEYS)], clock=clock)
        plenty = {name: Rate(10_000_000, 60) for name in ("caller", "tenant", "address")}
        layers: Mapping[str, Callable[[ASGIApp], ASGIApp]] = {
            "idempotency": lambda app: Idempotency(app, Claims(pipelined, clock)),
            "rate limit": lambda app: RateLimit(app, Rates(pipelined, clock), plenty),
            "authorisation": Authorisation,
            "authentication": lambda app: Authentication(app, Callers(tokens)),
            "body limit": BodyLimit,
            "access log": AccessLog,
            "security headers": SecurityHeaders,
            "correlation": Correlation,
        }
        costs = {"nothing": await _cost_us(_prepared(_verb))}
        for name, layer in layers.items():
            costs[name] = await _cost_us(_prepared(layer(_verb)))
        pipelined.close()
    return {name: cost - costs["nothing"] for name, cost in costs.items() if name != "nothing"}


async def _cost_us(app: ASGIApp) -> float:
    """CPU a request, after one round that warms everything up."""
    await _round(app, CALLERS)
    began = process_time()
    await _round(app, _REQUESTS)
    return (process_time() - began) / _REQUESTS * 1_000_000


async def _round(app: ASGIApp, requests: int) -> None:
    left = iter(range(requests))

    async def caller() -> None:
        for _ in left:
            await app(_scope(), _receive, _send)

    async with asyncio.TaskGroup() as group:
        for _ in range(CALLERS):
            group.create_task(caller())


def _prepared(app: ASGIApp) -> ASGIApp:
    """What the layers before would have found out."""
    principal = Principal("usr_bench", "default", "issuer", "bench", frozenset(Permission))

    async def prepared(scope: Scope, receive: Receive, send: Send) -> None:
        state = state_of(scope)
        state.route, state.principal = _ROUTE, principal
        await app(scope, receive, send)

    return prepared


async def _verb(_scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 201, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": _BODY})


def _scope() -> Scope:
    headers = [
        (b"authorization", b"Bearer " + _TOKEN),
        (b"idempotency-key", new_id("key").encode()),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(_BODY)).encode()),
    ]
    place = {"path": "/v1/transfers", "raw_path": b"/v1/transfers", "root_path": "", "query_string": b""}
    about = {"type": "http", "method": "POST", "scheme": "https", "client": ("127.0.0.1", 1), "headers": headers}
    return {**about, **place}


async def _receive() -> Message:
    return {"type": "http.request", "body": _BODY, "more_body": False}


async def _send(_message: Message) -> None:
    """The wire takes everything."""
