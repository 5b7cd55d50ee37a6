"""The third parties, on lines whose circuits are measured."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx2

from app.providers.ports import VerifiesPeople
from app.providers.registry import Providers, open_providers
from app.runtime.ground import Ground


@dataclass(frozen=True)
class Vendors:
    """Each vendor by what it does for us; ``people`` is who verifies them."""

    providers: Providers
    people: VerifiesPeople


async def open_vendors(ground: Ground, stack: AsyncExitStack, wire: httpx2.AsyncBaseTransport | None) -> Vendors:
    """The adapters; nothing is sent yet."""
    providers = await open_providers(ground.settings, ground.clock, wire)
    stack.push_async_callback(providers.aclose)
    for line in providers.transports:
        ground.measures.circuits.labels(line.provider).set_function(line.refuses)
    return Vendors(providers=providers, people=providers.people)
