"""Webhooks in an operator's eyes: which came in for their tenant, and putting one back to be applied again.

The inbox belongs to no tenant: a vendor's event names its object, not our customer. Whose it is, is looked up: that of
the effect or the person behind the object. What nobody is known for is the house's own, the default tenant's.
"""

from collections.abc import Awaitable, Callable, Sequence

from app.clock import Clock
from app.compliance.trail import AUDIT, Deed, Trail
from app.errors import Missing, Overloaded, StaleGuard
from app.identity.principals import DEFAULT_TENANT
from app.identity.store import Users
from app.ids import book_of
from app.inbox.messages import replayed
from app.inbox.store import InboxStore
from app.ledger.acts import Answerable
from app.ledger.changes import Change, Companion, Document
from app.ledger.feed_store import Place
from app.orchestrator.store import SagaStore

_INBOX = "inbox"
_PAGES_MAX = 10
_TRIES_MAX = 5


class Replays:
    """Reads the inbox for one tenant, and replays."""

    def __init__(
        self,
        inbox: InboxStore,
        sagas: SagaStore,
        users: Users,
        trail: Trail,
        clock: Clock,
        hint: Callable[[], Awaitable[None]],
    ) -> None:
        self._inbox = inbox
        self._sagas = sagas
        self._users = users
        self._trail = trail
        self._clock = clock
        self._hint = hint

    async def page(self, tenant: str, status: str | None, before: Place | None, limit: int) -> list[Document]:
        """The tenant's events, the newest first, behind ``before``.

        Where others' events lie in between, a bounded number of them is passed over; then a page may be short.
        """
        found: list[Document] = []
        for _ in range(_PAGES_MAX):
            events = await self._inbox.page(status, (before.at, before.id) if before else None, limit)
            found.extend(await self._of(tenant, events))
            if len(events) < limit or len(found) >= limit:
                break
            before = Place(events[-1]["received_at"], events[-1]["_id"])
        return found[:limit]

    async def replay(self, tenant: str, event_id: str, answerable: Answerable) -> Document:
        """Put the event back, due at once; the same under the same key again changes nothing. Raises Missing."""
        deed = Deed.of(answerable, "webhook.replay", event_id)
        for _ in range(_TRIES_MAX):
            event = await self._inbox.by_id(event_id)
            if event is None or not await self._of(tenant, [event]):
                raise Missing("webhook")
            again = replayed(event, self._clock.now())
            document = {name: value for name, value in again.items() if name != "_id"}
            change = Change(tenant, companions=(Companion(_INBOX, event_id, {"version": event["version"]}, document),))
            told = {"status": event["status"], "attempts": event["attempts"]}
            try:
                await self._trail.submit(change, deed.changing(told, {"status": again["status"]}))
            except StaleGuard as stale:
                if stale.collection == AUDIT:
                    return event
                continue
            await self._hint()
            return again
        raise Overloaded

    async def _of(self, tenant: str, events: Sequence[Document]) -> list[Document]:
        refs = [ref for event in events for ref in event["refs"]]
        owners = {**await self._sagas.books_waiting_for(refs), **await self._users.tenants_of(refs)}
        by_id = {ref.rpartition(":")[2]: ref for ref in refs}
        for effect in await self._sagas.effects_behind(refs):
            named = {effect.provider_ref, effect.approved_ref} & by_id.keys()
            owners.update({by_id[each]: book_of(effect.id) for each in named if each})
        return [event for event in events if tenant in _owners(event, owners)]


def _owners(event: Document, owners: dict[str, str]) -> set[str]:
    known = {owners[ref] for ref in event["refs"] if ref in owners}
    return known or {DEFAULT_TENANT}
