"""Everybody who finds out what chains have done: who is told of it, and who looks for what nobody has told."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.clock import Clock
from app.ledger.changes import Door
from app.orchestrator.address_sweeping import AddressSweeping
from app.orchestrator.arrivals import Arrivals
from app.orchestrator.departures import Departures, first_of
from app.orchestrator.keeping import Keeping
from app.orchestrator.lookout import Lookout
from app.orchestrator.observations import Listener
from app.orchestrator.starting import Flows
from app.orchestrator.sweep_store import SweepStore
from app.orchestrator.treasury_sweeping import TreasurySweeping
from app.orchestrator.unblocking import Unblocking
from app.providers.registry import Providers
from app.wallets.deposit_addresses import DepositAddresses


@dataclass(frozen=True, slots=True)
class ChainNews:
    """``hear`` is told of events; the others are loops."""

    hear: Listener
    address_sweeping: AddressSweeping
    treasury_sweeping: TreasurySweeping
    unblocking: Unblocking


def chain_news(
    flows: Flows,
    lookout: Lookout,
    keeping: Keeping,
    addresses: DepositAddresses,
    sweeps: SweepStore,
    door: Door,
    providers: Providers,
    clock: Clock,
    *,
    chains: Sequence[str],
) -> ChainNews:
    """All of them, on the chains that have a wallet."""
    arrivals = Arrivals(flows, door, keeping.ledger, addresses, providers, clock, lookout.hear)
    departures = Departures(keeping.sagas, lookout, door, providers, clock)
    return ChainNews(
        hear=first_of(arrivals.hear, departures.hear),
        address_sweeping=AddressSweeping(addresses.looks, providers.receiving, arrivals, clock),
        treasury_sweeping=TreasurySweeping(departures, sweeps, door, providers, clock, chains),
        unblocking=Unblocking(flows, keeping.sagas, keeping.treasury, providers.coins, clock, chains),
    )
