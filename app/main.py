"""The HTTP edge: layers, routers, and the server around them."""

import asyncio
import signal
import socket
from collections.abc import Mapping
from functools import cache

import uvicorn
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from app.api import (
    accounts,
    admin_audit,
    admin_cases,
    admin_sagas,
    admin_users,
    admin_webhooks,
    bank_links,
    batches,
    books,
    card_payouts,
    card_topups,
    cards,
    crypto_addresses,
    crypto_withdrawals,
    dashboard,
    deposit_accounts,
    deposits,
    events,
    health,
    home,
    me,
    notification_endpoints,
    openapi,
    outcomes,
    problems,
    proposals,
    purchases,
    quotes,
    receipts,
    recipients,
    reversals,
    sagas,
    sales,
    standing,
    transactions,
    transfers,
    webhooks,
    withdrawals,
)
from app.idempotency.claims import Claims
from app.middleware.access_log import AccessLog, Observe, unobserved
from app.middleware.authentication import Authentication, Callers
from app.middleware.authorisation import Authorisation
from app.middleware.body_limit import BodyLimit
from app.middleware.correlation import Correlation
from app.middleware.deadline import REQUEST_S, Deadline
from app.middleware.idempotency import Idempotency
from app.middleware.problems import Problems
from app.middleware.rate_limit import RateLimit
from app.middleware.route_match import RouteMatch
from app.middleware.route_table import RouteTable
from app.middleware.security_headers import SecurityHeaders
from app.orchestrator.exposing import exposing
from app.outbox.listeners import Listeners
from app.plumbing.bounded_head import BoundedHead
from app.plumbing.logging import configure_logging
from app.plumbing.rates import Rate, Rates
from app.plumbing.running import settle_collector
from app.runtime import Runtime, open_runtime
from app.settings import Settings

ROUTERS = (
    transfers.router,  # first, because the framework asks them in this order and nothing else is called so often
    webhooks.router,
    accounts.router,
    transactions.router,
    home.router,
    health.router,
    me.router,
    dashboard.router,
    batches.router,
    bank_links.router,
    cards.router,
    deposit_accounts.router,
    quotes.router,
    purchases.router,
    sales.router,
    deposits.router,
    withdrawals.router,
    card_topups.router,
    card_payouts.router,
    crypto_withdrawals.router,
    crypto_addresses.router,
    sagas.router,
    outcomes.router,
    books.router,
    receipts.router,
    recipients.router,
    standing.router,
    reversals.router,
    proposals.router,
    admin_sagas.router,
    admin_cases.router,
    admin_webhooks.router,
    admin_users.router,
    admin_audit.router,
    events.router,
    notification_endpoints.router,
)

_NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,  # spans keep the query string
    "metrics": False,
    "logs": False,  # exception logs keep messages, and messages quote values
    "operation_spans": False,
    "auto_configure": False,
}
_CONNECTIONS_MAX = 1_024
_BACKLOG = 2_048
_GRACE_S = 5


def create_app(runtime: Runtime, *, request_s: float = REQUEST_S) -> FastAPI:
    """The application over an open runtime."""
    app = FastAPI(
        title="Wallet orchestration",
        description="One wallet over fiat and crypto.",
        version="0.1.0",
        generate_unique_id_function=_operation_id,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=_NO_TELEMETRY,
    )
    app.state.runtime = runtime
    app.router.routes.extend(_routes())
    observe = runtime.measures.observe_request
    limits = rate_limits(runtime.settings)
    routes = add_layers(app, callers_of(runtime), runtime.claims, runtime.rates, limits, observe, request_s=request_s)
    app.openapi = cache(lambda: openapi.describe(app, routes))  # type: ignore[method-assign]  # FastAPI's documented way to extend it
    return app


@cache
def _routes() -> tuple[BaseRoute, ...]:
    """What every application of this process serves: reading the signatures of a hundred routes takes its time."""
    all_of_them = APIRouter(generate_unique_id_function=_operation_id)
    for router in ROUTERS:
        all_of_them.include_router(router)
    return tuple(all_of_them.routes)


def _operation_id(route: APIRoute) -> str:
    """The function's own name, so that generated clients read like this code; start-up warns of one used twice."""
    return route.name


def callers_of(runtime: Runtime) -> Callers:
    """Whose tokens and proofs are taken."""
    settings = runtime.settings
    bound = frozenset(settings.dpop_tenants.split())
    return Callers(runtime.tokens, runtime.proofs, bound, settings.public_url.rstrip("/"))


def rate_limits(settings: Settings) -> dict[str, Rate]:
    """How often a caller, a tenant and an address may ask."""
    return {name: Rate(each.requests, each.per_s) for name, each in settings.rate_limits.items()}


def add_layers(
    app: FastAPI,
    callers: Callers,
    claims: Claims,
    rates: Rates,
    limits: Mapping[str, Rate],
    observe: Observe = unobserved,
    *,
    request_s: float = REQUEST_S,
) -> RouteTable:
    """Put the layers around an application whose routes are complete, outermost first.

    A layer may rely on those before it: every answer is correlated and logged, nobody is asked for a permission
    before we know who they are, and nothing is replayed to one who has lost theirs.
    """
    problems.install(app)
    routes = RouteTable.of(app.routes)
    app.user_middleware.extend(
        [
            Middleware(Correlation),
            Middleware(SecurityHeaders),
            Middleware(RouteMatch, routes=routes),
            Middleware(AccessLog, observe=observe),
            Middleware(Problems, render=problems.render_problem),
            Middleware(BodyLimit),
            Middleware(Authentication, callers=callers),
            Middleware(Authorisation),
            Middleware(RateLimit, rates=rates, limits=limits),
            Middleware(Idempotency, claims=claims),
            Middleware(Deadline, request_s=request_s),
        ]
    )
    return routes


async def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM, then let running requests end and close the runtime."""
    configure_logging()
    _outlive_signals()
    async with open_runtime(settings) as runtime, exposing(runtime.measures, settings, runtime.clock):
        config = uvicorn.Config(
            create_app(runtime),
            http=BoundedHead,
            forwarded_allow_ips=settings.trusted_proxies,
            limit_concurrency=_CONNECTIONS_MAX,
            timeout_graceful_shutdown=_GRACE_S,
            server_header=False,
            access_log=False,
            log_level="warning",
            lifespan="off",
        )
        settle_collector()
        with _listening(settings) as listener:
            async with asyncio.TaskGroup() as group:
                group.create_task(runtime.published.listen(runtime.streams.wake))
                await Server(config, runtime.streams).serve(sockets=[listener])
                runtime.published.close()


class Server(uvicorn.Server):
    """A server that ends event streams before it waits for requests to end: they would not, by themselves."""

    def __init__(self, config: uvicorn.Config, listeners: Listeners) -> None:
        super().__init__(config)
        self._listeners = listeners

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._listeners.close()
        await super().shutdown(sockets)


def _listening(settings: Settings) -> socket.socket:
    """A socket on the configured address; a shared one may be held by several processes, among which the system spreads
    what connects.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    return socket.create_server(
        (settings.host, settings.port), family=family, backlog=_BACKLOG, reuse_port=settings.port_shared
    )


def _outlive_signals() -> None:
    """Uvicorn raises the signal again once it has shut down; without this the runtime would not be closed."""
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: None)
