"""A process's measures on a port of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.clock import Clock
from app.orchestrator.measures import Measures
from app.orchestrator.measures_store import MeasuresStore
from app.plumbing.exposition import exposed
from app.settings import Settings


@asynccontextmanager
async def exposing(
    measures: Measures, settings: Settings, clock: Clock, figures: MeasuresStore | None = None
) -> AsyncIterator[None]:
    """Answer ``GET /metrics`` while inside, if a port is set for it; ``figures`` are read when somebody asks."""
    if not settings.metrics_port:
        yield
        return

    async def read() -> None:
        if figures is not None:
            await figures.read(clock.now())

    async with exposed(measures.registry, settings.metrics_host, settings.metrics_port, read):
        yield
