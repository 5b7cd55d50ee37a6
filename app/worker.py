"""Every background loop, named, in one TaskGroup."""

import asyncio
import signal

import structlog

from app.identity.principals import DEFAULT_TENANT
from app.money import Money
from app.orchestrator.exposing import exposing
from app.orchestrator.inventory import fund_inventory
from app.plumbing.logging import configure_logging
from app.plumbing.loops import kept_up
from app.plumbing.running import settle_collector
from app.runtime import Runtime, open_runtime
from app.runtime.background import Loop
from app.settings import Environment, Settings

_SANDBOX_COINS = 1_000
_SANDBOX_FUNDING = "sandbox"

log = structlog.get_logger()


async def run(runtime: Runtime) -> None:
    """Drive sagas and work off the inbox until one of the loops is closed."""
    if runtime.settings.env is Environment.SANDBOX:
        await _fund_sandbox(runtime)
    log.info("worker-started")
    async with asyncio.TaskGroup() as group:
        for name, loop in _loops(runtime).items():
            group.create_task(kept_up(name, loop.run), name=name)
        group.create_task(runtime.hints.listen(lambda _: _look(runtime)), name="hints")
        group.create_task(runtime.written.listen(lambda _: _tell(runtime)), name="written")


def _loops(runtime: Runtime) -> dict[str, Loop]:
    news = runtime.chain_news
    return {
        "sweeping": runtime.sweeping,
        "silence": runtime.silence,
        "address-sweeping": news.address_sweeping,
        "treasury-sweeping": news.treasury_sweeping,
        "unblocking": news.unblocking,
        "sagas": runtime.engine,
        "inbox": runtime.observations,
        "watches": runtime.lookout,
        "expiry": runtime.expiry,
        "monitoring": runtime.desk.monitoring,
        "publication": runtime.publication,
        "courier": runtime.courier,
    }


async def serve(settings: Settings) -> None:
    """Work until SIGINT or SIGTERM, then let go what is in flight and close the runtime."""
    configure_logging()
    async with (
        open_runtime(settings) as runtime,
        exposing(runtime.measures, settings, runtime.clock, runtime.figures),
    ):
        loop = asyncio.get_running_loop()
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(signal_number, stop, runtime)
        settle_collector()
        await run(runtime)
    log.info("worker-stopped")


def stop(runtime: Runtime) -> None:
    """Close every loop."""
    for loop in _loops(runtime).values():
        loop.close()
    runtime.hints.close()
    runtime.written.close()


def _tell(runtime: Runtime) -> None:
    runtime.publication.hint()
    runtime.courier.hint()


def _look(runtime: Runtime) -> None:
    runtime.engine.hint()
    runtime.observations.hint()


async def _fund_sandbox(runtime: Runtime) -> None:
    """Coins to sell in the sandbox; elsewhere the treasury books what it really has."""
    for asset in runtime.offered.assets(DEFAULT_TENANT):
        if asset.kind == "crypto":
            coins = Money(_SANDBOX_COINS * asset.one, asset)
            await fund_inventory(runtime.door, DEFAULT_TENANT, coins, _SANDBOX_FUNDING)
