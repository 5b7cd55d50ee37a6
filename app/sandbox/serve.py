"""The sandbox as an ASGI application, and as a process."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import FrameType

import httpx2
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from app.clock import Clock, SystemClock
from app.sandbox import exact_json
from app.sandbox.agenda import Agenda
from app.sandbox.auth0 import auth0
from app.sandbox.calls import Calls
from app.sandbox.config import SandboxConfig
from app.sandbox.control import control
from app.sandbox.dialogflow.simulator import dialogflow
from app.sandbox.drops import DroppingProtocol
from app.sandbox.faults import Faults
from app.sandbox.plaid.simulator import plaid
from app.sandbox.shifted_clock import ShiftedClock
from app.sandbox.simulation import Simulation
from app.sandbox.start_page import start_page
from app.sandbox.store import Store
from app.sandbox.stripe.simulator import stripe
from app.sandbox.sumsub.simulator import sumsub
from app.sandbox.tatum.simulator import tatum
from app.sandbox.unit.simulator import unit
from app.sandbox.upkeep import close, loops, open_book
from app.sandbox.vendor import Refusal, Vendor, application
from app.sandbox.webhooks import Webhooks

VENDORS: tuple[Callable[[Simulation], Vendor], ...] = (auth0, unit, tatum, stripe, sumsub, plaid, dialogflow)
WALLET_TIMEOUT_S = 5.0
GRACE_S = 2
EXIT_NOT_STARTED = 3
_TICK_S_MAX = 0.1
_TICK_S_MIN = 0.01
"""How often a loop looks that nobody has woken: after a restart, a moved clock, a database that was away."""


def create_sandbox(
    config: SandboxConfig, clock: Clock, *, transport: httpx2.AsyncBaseTransport | None = None
) -> FastAPI:
    """All simulators in one application; its lifespan moves payments and delivers webhooks.

    ``transport`` is how the wallet is reached: the network, unless told otherwise.
    """
    simulation = _simulation(config, clock, transport)
    vendors = {vendor.name: vendor for vendor in (build(simulation) for build in VENDORS)}

    @asynccontextmanager
    async def lifespan(_sandbox: FastAPI) -> AsyncIterator[None]:
        await open_book(simulation, vendors.values())
        try:
            async with asyncio.TaskGroup() as movers:
                running = [movers.create_task(loop) for loop in loops(simulation, vendors.values())]
                try:
                    yield
                finally:
                    for mover in running:
                        mover.cancel()
        finally:
            await close(simulation)

    sandbox = FastAPI(title="Sandbox of the third parties", lifespan=lifespan, docs_url=None, redoc_url=None)
    sandbox.add_exception_handler(Refusal, _refused)
    for vendor in vendors.values():
        sandbox.mount(f"/{vendor.name}", application(vendor, simulation))
    sandbox.include_router(control(simulation, vendors))  # behind those who are asked all the time

    @sandbox.get("/", include_in_schema=False)
    async def show_start_page() -> HTMLResponse:
        return HTMLResponse(start_page(config, vendors))

    return sandbox


def serve(config: SandboxConfig) -> None:
    """Serve until SIGTERM or SIGINT, which end it with 0; exit 3 when it could not start."""
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, _leave)  # uvicorn raises the signal again once it has stopped
    server = uvicorn.Server(server_config(config, create_sandbox(config, SystemClock())))
    server.run()
    if not server.started:
        raise SystemExit(EXIT_NOT_STARTED)


def server_config(config: SandboxConfig, sandbox: FastAPI) -> uvicorn.Config:
    """How uvicorn serves the sandbox: with connections that the fault dial can drop."""
    return uvicorn.Config(
        sandbox,
        host=config.host,
        port=config.port,
        http=DroppingProtocol,
        lifespan="on",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=GRACE_S,
    )


def _simulation(config: SandboxConfig, clock: Clock, transport: httpx2.AsyncBaseTransport | None) -> Simulation:
    store = Store(config.mongodb_uri, config.database)
    own_time = ShiftedClock(clock, store)
    tick_s = min(max(config.pace_s / 10, _TICK_S_MIN), _TICK_S_MAX) if config.pace_s else _TICK_S_MAX
    return Simulation(
        config=config,
        clock=own_time,
        store=store,
        agenda=Agenda(store, own_time, tick_s),
        webhooks=Webhooks(store, own_time, tick_s),
        faults=Faults(store),
        calls=Calls(clock),
        http=httpx2.AsyncClient(transport=transport, timeout=WALLET_TIMEOUT_S, trust_env=False),
    )


async def _refused(_request: Request, error: Exception) -> Response:
    """A vendor's refusal of something asked at the control desk."""
    if not isinstance(error, Refusal):
        raise error
    return JSONResponse(exact_json.read(exact_json.write(error.answer.body)), error.answer.status)


def _leave(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)
