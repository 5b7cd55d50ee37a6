"""The sandbox without its loops: its moves and webhooks happen when a test says so."""

import re
from datetime import datetime

import httpx2
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.clock import Clock
from app.sandbox import agenda, webhooks
from app.sandbox.agenda import Agenda
from app.sandbox.calls import Calls
from app.sandbox.config import SandboxConfig
from app.sandbox.control import control
from app.sandbox.faults import Faults
from app.sandbox.serve import VENDORS
from app.sandbox.shifted_clock import ShiftedClock
from app.sandbox.simulation import Simulation
from app.sandbox.store import Store
from app.sandbox.upkeep import close, open_book, reset
from app.sandbox.vendor import Refusal, application
from app.sandbox.webhooks import Webhooks
from app.settings import Settings
from tests.wire import Wire

_TICK_S = 0.01


class ThirdParties:
    """All simulators behind one application, on the given clock and wire."""

    def __init__(self, config: SandboxConfig, clock: Clock, wire: Wire) -> None:
        self._simulation = _simulation(config, clock, wire)
        self._vendors = {vendor.name: vendor for vendor in (build(self._simulation) for build in VENDORS)}
        self.application = FastAPI(docs_url=None, redoc_url=None)
        self.application.include_router(control(self._simulation, self._vendors))
        self.application.add_exception_handler(Refusal, _refused)
        for vendor in self._vendors.values():
            self.application.mount(f"/{vendor.name}", application(vendor, self._simulation))

    async def open(self) -> None:
        """Begin with nothing but the signing keys."""
        await open_book(self._simulation, self._vendors.values())
        await reset(self._simulation, self._vendors.values())

    async def close(self) -> None:
        await close(self._simulation)

    async def act(self) -> int:
        """Make every move and deliver every webhook that is due; how many there were."""
        done = 0
        for name in sorted(await self._due(agenda.COLLECTION)):
            done += await self._simulation.agenda.run_due(name, self._vendors[name].moves)
        for name in sorted(await self._due(webhooks.COLLECTION)):
            sender = self._vendors[name].sender
            assert sender is not None
            done += await self._simulation.webhooks.deliver_due(name, sender, self._simulation.http)
        return done

    async def _due(self, collection: str) -> set[str]:
        """The vendors that have something to do."""
        now = self._simulation.clock.now()
        return {each["vendor"] for each in await self._simulation.store.find(collection, {"due_at": {"$lte": now}})}

    def is_call(self, request: httpx2.Request, vendor: str, operation: str) -> bool:
        """Whether that is what a request asks a vendor for."""
        path = request.url.path.removeprefix(f"/{vendor}")
        return path != request.url.path and any(
            each.name == operation
            and each.method == request.method
            and re.fullmatch(re.sub(r"{\w+}", "[^/]+", each.path), path)
            for each in self._vendors[vendor].operations
        )

    async def next_due(self) -> datetime | None:
        """When the next move or webhook is due."""
        store = self._simulation.store
        first = [
            document["due_at"]
            for collection in (agenda.COLLECTION, webhooks.COLLECTION)
            for document in await store.find(collection, {}, sort=(("due_at", 1),), limit=1)
        ]
        return min(first, default=None)


def config_of(settings: Settings, database: str, pace_s: float) -> SandboxConfig:
    """A sandbox on the wire, in that database, that shares the wallet's secrets."""
    return SandboxConfig(
        mongodb_uri=settings.mongodb_uri.get_secret_value(),
        database=database,
        pace_s=pace_s,
        public_url="http://sandbox",
        api_url="http://wallet",
        audience=settings.auth_audience,
        unit_webhook_secret=settings.unit_webhook_secret.get_secret_value(),
        tatum_webhook_secret=settings.tatum_webhook_secret.get_secret_value(),
        sumsub_secret=settings.sumsub_secret.get_secret_value(),
        sumsub_webhook_secret=settings.sumsub_webhook_secret.get_secret_value(),
        stripe_webhook_secret=settings.stripe_webhook_secret.get_secret_value(),
    )


def _simulation(config: SandboxConfig, clock: Clock, wire: Wire) -> Simulation:
    store = Store(config.mongodb_uri, config.database)
    own_time = ShiftedClock(clock, store)
    return Simulation(
        config=config,
        clock=own_time,
        store=store,
        agenda=Agenda(store, own_time, _TICK_S),
        webhooks=Webhooks(store, own_time, _TICK_S),
        faults=Faults(store),
        calls=Calls(clock),
        http=httpx2.AsyncClient(transport=wire),
    )


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return JSONResponse(error.answer.body, error.answer.status)
