"""Opening, running and resetting the simulators as one."""

from collections.abc import Coroutine, Iterable, Sequence
from typing import Any

from app.sandbox import agenda, faults, shifted_clock, webhooks
from app.sandbox.simulation import Simulation
from app.sandbox.vendor import Vendor

_SHARED: dict[str, Sequence[str]] = {
    agenda.COLLECTION: agenda.INDEXES,
    faults.COLLECTION: faults.INDEXES,
    shifted_clock.COLLECTION: (),
    webhooks.COLLECTION: webhooks.INDEXES,
    webhooks.MODES: (),
}


async def open_book(simulation: Simulation, vendors: Iterable[Vendor]) -> None:
    """Connect, and continue from what is stored."""
    collections = dict(_SHARED)
    for vendor in vendors:
        collections |= vendor.collections
    await simulation.store.open(collections, simulation.clock.real.now())
    await simulation.clock.load()
    await simulation.webhooks.load()
    await _seed(vendors)


async def reset(simulation: Simulation, vendors: Iterable[Vendor]) -> None:
    """Forget everything but signing keys and numbers already given out, the shifted clock too."""
    lasting = frozenset[str]().union(*(vendor.lasting for vendor in vendors))
    await simulation.store.wipe(keep=lasting)
    simulation.calls.forget()
    await simulation.clock.load()
    await simulation.webhooks.load()
    await _seed(vendors)


async def close(simulation: Simulation) -> None:
    """Let go of the network and the database."""
    await simulation.http.aclose()
    await simulation.store.close()


def loops(simulation: Simulation, vendors: Iterable[Vendor]) -> list[Coroutine[Any, Any, None]]:
    """What goes on by itself: each vendor's moves and webhooks, so that none waits for another."""
    movers = [simulation.agenda.run(vendor.name, vendor.moves) for vendor in vendors if vendor.moves]
    senders = [
        simulation.webhooks.run(vendor.name, vendor.sender, simulation.http) for vendor in vendors if vendor.sender
    ]
    return movers + senders


async def _seed(vendors: Iterable[Vendor]) -> None:
    for vendor in vendors:
        if vendor.seed is not None:
            await vendor.seed()
