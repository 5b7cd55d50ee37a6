"""What comes from outside: webhooks, and the lists and chains that are looked through for those that never came."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.inbox.inbox import Inbox
from app.inbox.store import InboxStore
from app.orchestrator.chain_news import ChainNews, chain_news
from app.orchestrator.observations import Listener, Observations
from app.orchestrator.silence import Silence
from app.orchestrator.silence_store import SilenceStore
from app.orchestrator.sweep_store import SweepStore
from app.orchestrator.sweeping import Sweeping
from app.runtime.background import Background
from app.runtime.doors import Doors
from app.runtime.ground import Ground
from app.runtime.orchestration import Orchestration
from app.runtime.records import Records
from app.runtime.vendors import Vendors
from app.runtime.wallets import Wallets


@dataclass(frozen=True)
class News:
    """``observations`` reads the ``inbox``: sagas are told, and whoever is ``hearing`` that vendor."""

    inbox: Inbox
    hearing: Mapping[str, Listener]
    observations: Observations
    chain_news: ChainNews
    sweeping: Sweeping
    silence: Silence


def open_news(
    ground: Ground,
    records: Records,
    vendors: Vendors,
    doors: Doors,
    wallets: Wallets,
    orchestration: Orchestration,
    background: Background,
) -> News:
    """For everybody whom news may concern."""
    settings, clock, database = ground.settings, ground.clock, records.database
    events, sweeps = InboxStore(database), SweepStore(database)
    inbox = Inbox(events, clock)
    background.start(inbox.deliveries)
    of_chains = chain_news(
        orchestration.flows,
        orchestration.lookout,
        orchestration.keeping,
        wallets.addresses,
        sweeps,
        doors.telling,
        vendors.providers,
        clock,
        chains=tuple(settings.tatum_wallets),
    )
    hearing = {"unit": wallets.card_clearing.hear, "plaid": wallets.bank_links.hear, "tatum": of_chains.hear}
    return News(
        inbox=inbox,
        hearing=hearing,
        observations=Observations(
            events,
            records.sagas,
            records.users,
            vendors.people,
            doors.measuring,
            clock,
            orchestration.engine.hint,
            orchestration.lookout,
            hearing=hearing,
            poll_s=settings.poll_s,
        ),
        chain_news=of_chains,
        sweeping=Sweeping(vendors.providers.event_lists, sweeps, inbox, doors.door, clock, every_s=settings.sweep_s),
        silence=Silence(SilenceStore(database), clock, ground.measures.observe_silence),
    )
