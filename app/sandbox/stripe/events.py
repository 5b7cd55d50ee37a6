"""Stripe's events: kept for ``GET /v1/events``, and posted as signed webhooks."""

import hashlib
import hmac
from typing import Any

from app.sandbox import exact_json
from app.sandbox.simulation import Simulation
from app.sandbox.stripe.objects import Object, Objects
from app.sandbox.stripe.wire import API_VERSION, listed_in, query_of
from app.sandbox.vendor import Answer, Call


def signature(secret: str, at: int, body: bytes) -> str:
    """``Stripe-Signature``: hex of HMAC-SHA256 over the time and the raw body."""
    digest = hmac.digest(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hex()
    return f"t={at},v1={digest}"


class Events:
    """What happened, in order."""

    def __init__(self, simulation: Simulation, objects: Objects) -> None:
        self._simulation = simulation
        self._objects = objects

    async def sign(self, body: bytes) -> dict[str, str]:
        """By the real time, because that is what the wallet compares with."""
        at = int(self._simulation.clock.real.now().timestamp())
        return {"Stripe-Signature": signature(self._simulation.config.stripe_webhook_secret, at, body)}

    async def tell(self, kind: str, about: Object, *, account: str = "", key: str | None = None) -> None:
        """Record that something happened to an object, and put its webhook in the outbox."""
        fields: Object = {
            "api_version": API_VERSION,
            "type": kind,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": key or None},
            "data": {"object": {name: value for name, value in about.items() if name != "client_secret"}},
        }
        if account:
            fields["account"] = account
        event = await self._objects.make("event", fields)
        await self._simulation.webhooks.post("stripe", exact_json.write(event))

    async def list_events(self, call: Call) -> Answer:
        types = listed_in(query_of(call).get("types"))
        answer = await self._objects.listed(call, "event", filters={"type": "shown.type"})
        if types:
            body: dict[str, Any] = dict(answer.body)
            body["data"] = [event for event in body["data"] if event["type"] in types]
            return Answer(body)
        return answer

    async def get_event(self, call: Call) -> Answer:
        return Answer(await self._objects.get("event", call.path("id")))
