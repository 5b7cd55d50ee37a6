"""What a tenant's operators do with notification endpoints; each act is in the audit trail by the same commit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from app.clock import Clock
from app.compliance.trail import Deed, Trail
from app.errors import EndpointDisabled, IdempotencyKeyReused, Missing, TooManyEndpoints
from app.ids import book_of, derived_id, new_id, public_id, stored_id
from app.ledger.changes import ABSENT, Change, Companion
from app.outbox.deliveries import DELIVERIES, delivery_document, delivery_id
from app.outbox.endpoints import (
    ENDPOINTS,
    ENDPOINTS_MAX,
    REMOVED,
    Endpoint,
    endpoint_fields,
    endpoint_from,
    rotated,
    secret_entry,
)
from app.outbox.notifications import KEPT, NOTIFICATIONS, Notification, notification_document, published_fields
from app.outbox.sending import Sender
from app.outbox.signing import new_secret
from app.outbox.store import Document, OutboxStore
from app.plumbing.sealing import Sealer

OVERLAP = timedelta(days=1)
"""How long the secret before the newest still signs."""

_LOG_MAX = 100


@dataclass(frozen=True, slots=True)
class WithSecret:
    """An endpoint and its newest secret, which is shown this once."""

    endpoint: Endpoint
    secret: SecretStr


class Endpoints:
    """Registers, rotates, enables, removes and tries endpoints. ``draw`` takes bytes from a cryptographic source.

    Every act raises, besides what it says, StaleGuard where somebody else changes the same endpoint, and what the door
    raises.
    """

    def __init__(
        self,
        store: OutboxStore,
        trail: Trail,
        sender: Sender,
        sealer: Sealer,
        clock: Clock,
        draw: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._trail = trail
        self._sender = sender
        self._sealer = sealer
        self._clock = clock
        self._draw = draw

    async def register(self, book: str, by: str, url: str, types: Sequence[str], key: str | None = None) -> WithSecret:
        """A new endpoint; under the same key the same one, with its newest secret.

        Raises IdempotencyKeyReused, Missing (it was removed since), CallbackRefused, TooManyEndpoints.
        """
        endpoint_id = stored_id(book, derived_id("nep", book, by, key or new_id("key")))
        if key and await self._store.endpoint(endpoint_id) is not None:
            return self._same(await self.get(endpoint_id), url, types)
        await self._sender.require_callable(url)
        if len(await self._store.endpoints(book)) >= ENDPOINTS_MAX:
            raise TooManyEndpoints(ENDPOINTS_MAX)
        secret = new_secret(self._draw)
        endpoint = Endpoint(
            id=endpoint_id,
            url=url,
            types=tuple(types),
            status="enabled",
            secrets=(secret_entry(self._sealer.seal(secret, endpoint_id)),),
            created_at=self._clock.now(),
            created_by=by,
        )
        born = Companion(ENDPOINTS, endpoint_id, ABSENT, endpoint_fields(endpoint))
        await self._act(_deed(endpoint, by, "register").changing({}, _shown(endpoint)), born)
        return WithSecret(endpoint, secret)

    def _same(self, endpoint: Endpoint, url: str, types: Sequence[str]) -> WithSecret:
        if (endpoint.url, endpoint.types) != (url, tuple(types)):
            raise IdempotencyKeyReused("url" if endpoint.url != url else "types")
        return WithSecret(endpoint, self._sealer.open(endpoint.secrets[0]["sealed"], endpoint.id))

    async def all_of(self, book: str) -> list[Endpoint]:
        """A tenant's endpoints, oldest first."""
        return await self._store.endpoints(book)

    async def get(self, endpoint_id: str) -> Endpoint:
        """The endpoint of that stored id. Raises Missing."""
        endpoint = await self._store.endpoint(endpoint_id)
        if endpoint is None or endpoint.status == REMOVED:
            raise Missing("notification endpoint")
        return endpoint

    async def rotate(self, endpoint_id: str, by: str, key: str | None = None) -> WithSecret:
        """Another secret, under the same key the same one; the one before it signs beside it for a day.

        Raises Missing, TooManySecrets.
        """
        endpoint, secret = await self.get(endpoint_id), new_secret(self._draw)
        cause = derived_id("key", by, key) if key else None
        made = next((each for each in endpoint.secrets if cause and each.get("cause") == cause), None)
        if made is not None:
            return WithSecret(endpoint, self._sealer.open(made["sealed"], endpoint.id))
        fresh = secret_entry(self._sealer.seal(secret, endpoint.id), cause)
        secrets = rotated(endpoint.secrets, fresh, self._clock.now(), OVERLAP)
        await self._change(endpoint, by, "rotate", {"secrets": secrets})
        return WithSecret(replace(endpoint, secrets=tuple(secrets), version=endpoint.version + 1), secret)

    async def enable(self, endpoint_id: str, by: str) -> Endpoint:
        """Try it again: what was on its way when it was disabled goes out. Raises Missing, CallbackRefused."""
        endpoint = await self.get(endpoint_id)
        if endpoint.is_enabled:
            return endpoint
        await self._sender.require_callable(endpoint.url)
        await self._change(endpoint, by, "enable", {"status": "enabled", "reason": None, "failing_since": None})
        return await self.get(endpoint_id)

    async def remove(self, endpoint_id: str, by: str) -> None:
        """Forget it with its secrets, and what was on its way there. Raises Missing."""
        endpoint = await self.get(endpoint_id)
        gone = {"status": REMOVED, "secrets": [], "expires_at": self._clock.now() + KEPT}
        await self._change(endpoint, by, "remove", gone)
        await self._store.drop_deliveries(endpoint.id)

    async def send_test(self, endpoint_id: str, by: str, key: str | None = None) -> Notification:
        """An ``endpoint.test`` to that endpoint alone, delivered as any other; under the same key the same one.

        Raises Missing, EndpointDisabled.
        """
        endpoint, now = await self.get(endpoint_id), self._clock.now()
        test_id = stored_id(book_of(endpoint.id), derived_id("evt", endpoint.id, by, key or new_id("key")))
        sent = await self._store.notification(test_id) if key else None
        if sent is not None:
            return sent
        if not endpoint.is_enabled:
            raise EndpointDisabled(public_id(endpoint.id), endpoint.reason)
        test = Notification(test_id, "endpoint.test", "", now)
        told = {**notification_document(test), **published_fields(test, 0, now)}
        delivery = delivery_document(test.id, test.type, endpoint.id, now)
        await self._act(
            _deed(endpoint, by, "test").changing({}, {"notification_id": public_id(test.id)}),
            Companion(NOTIFICATIONS, test.id, ABSENT, told),
            Companion(DELIVERIES, delivery_id(test.id, endpoint.id), ABSENT, delivery),
        )
        return test

    async def log_of(self, endpoint_id: str) -> list[Document]:
        """What was sent there, newest first, at most a hundred. Raises Missing."""
        endpoint = await self.get(endpoint_id)
        return await self._store.deliveries(endpoint.id, _LOG_MAX)

    async def _change(self, endpoint: Endpoint, by: str, act: str, fields: Mapping[str, Any]) -> None:
        moved = Companion(
            ENDPOINTS, endpoint.id, {"version": endpoint.version}, {**fields, "version": endpoint.version + 1}
        )
        after = endpoint_from({**endpoint_fields(endpoint), "_id": endpoint.id, **fields})
        await self._act(_deed(endpoint, by, act).changing(_shown(endpoint), _shown(after)), moved)

    async def _act(self, deed: Deed, *companions: Companion) -> None:
        await self._trail.submit(Change(book_of(companions[0].id), companions=companions), deed)


def _deed(endpoint: Endpoint, by: str, act: str) -> Deed:
    return Deed(f"endpoint.{act}", public_id(endpoint.id), by, reason="", cause=new_id("key"))


def _shown(endpoint: Endpoint) -> Document:
    """An endpoint as the trail tells it. Of its URL the host alone: a path may be all that proves the sender."""
    return {
        "host": urlsplit(endpoint.url).netloc,
        "types": ", ".join(endpoint.types) or "everything",
        "status": endpoint.status,
        "reason": endpoint.reason,
        "secrets": len(endpoint.secrets),
    }
