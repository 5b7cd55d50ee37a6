"""Stripe's list of events: what its webhooks have told, or should have, of about the last thirty days.

Only of our own account: what happens to payees' accounts is listed under each of them, and is found by asking for the
payout itself.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from app.providers.events import WebhookEvent
from app.providers.stripe import wire
from app.providers.stripe.line import get
from app.providers.stripe.webhooks import event_of
from app.providers.transport import Transport

_EVENTS_A_PAGE = "100"


class StripeEvents:
    """Satisfies TellsEvents."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def events_since(self, since: datetime) -> AsyncIterator[tuple[WebhookEvent, ...]]:
        """The newest first, each page behind the last event of the one before; so what happens meanwhile moves none."""
        asked = {"limit": _EVENTS_A_PAGE, "created[gte]": str(int(since.timestamp()))}
        more = True
        while more:
            listed = await get(self._transport, "list_events", "/v1/events", _page, params=asked)
            events, more = listed or ((), False)
            yield events
            if events:
                asked["starting_after"] = events[-1].event_id


def _page(body: Any) -> tuple[tuple[WebhookEvent, ...], bool]:
    items, more = wire.page(body)
    return tuple(map(event_of, items)), more and bool(items)
