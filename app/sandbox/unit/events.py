"""Unit's events: kept for ``GET /events``, and posted as signed webhooks."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

from app.clock import rfc3339
from app.sandbox import exact_json
from app.sandbox.simulation import Simulation
from app.sandbox.store import Document
from app.sandbox.unit.jsonapi import listed, page_of, query_of, refusal, to_one
from app.sandbox.vendor import Answer, Call

EVENTS = "unit_events"


def signature(secret: str, body: bytes) -> str:
    """``x-unit-signature``: base64 of HMAC-SHA1 over the raw body."""
    return base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha1)).decode()


def joined(events: Sequence[str]) -> str:
    """One delivery of all of them, as the mode ``AtLeastOnce`` has it."""
    return f'{{"data":[{",".join(events)}]}}'


class Events:
    """What happened, in order."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    async def sign(self, body: bytes) -> dict[str, str]:
        return {"x-unit-signature": signature(self._simulation.config.unit_webhook_secret, body)}

    async def tell(self, payment: Document, kind: str, *, previous: str | None = None) -> None:
        """A payment's event."""
        attributes: dict[str, Any] = {"tags": dict(payment["tags"])}
        if previous is not None:
            attributes["previousStatus"] = previous
        if payment["reason"] is not None:
            attributes["reason"] = payment["reason"]
        related = {
            "payment": to_one(payment["type"], payment["_id"]),
            "account": to_one("depositAccount", payment["account_id"]),
            "customer": to_one("customer", payment["customer_id"]),
        }
        await self.record(f"payment.{kind}", related, attributes)

    async def record(self, kind: str, related: dict[str, Any], attributes: dict[str, Any]) -> None:
        """Record the event and put its webhook in the outbox."""
        at = self._simulation.clock.now()
        number = await self._simulation.store.next_number()
        event = {
            "id": str(number),
            "type": kind,
            "attributes": {"createdAt": rfc3339(at), **attributes},
            "relationships": related,
        }
        text = exact_json.write(event)
        await self._simulation.store.put(EVENTS, {"_id": number, "type": kind, "created_at": at, "text": text})
        await self._simulation.webhooks.post("unit", text)

    async def list_events(self, call: Call) -> Answer:
        limit, offset = page_of(call)
        query = query_of(call, {"type": "type"})
        direction = -1 if call.query("sort") == "-createdAt" else 1
        found = await self._simulation.store.find(EVENTS, query, sort=(("_id", direction),), skip=offset, limit=limit)
        total = await self._simulation.store.count(EVENTS, query)
        return listed([exact_json.read(event["text"]) for event in found], limit=limit, offset=offset, total=total)

    async def get_event(self, call: Call) -> Answer:
        key = call.path("id")
        found = await self._simulation.store.find(EVENTS, {"_id": int(key) if key.isdecimal() else -1}, limit=1)
        if not found:
            raise refusal(404, "not_found", "there is no such event")
        return Answer({"data": exact_json.read(found[0]["text"])})
