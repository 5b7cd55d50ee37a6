"""What a tenant's operators do with notification endpoints."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pydantic import SecretStr

from app.clock import Clock
from app.errors import Missing, StaleGuard, TooManyEndpoints
from app.ids import book_of, new_id, stored_id
from app.outbox.deliveries import delivery_document, delivery_id
from app.outbox.endpoints import ENDPOINTS, ENDPOINTS_MAX, Endpoint, rotated, secret_entry
from app.outbox.notifications import Notification
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
    """Registers, rotates, enables, removes and tries endpoints. ``draw`` takes bytes from a cryptographic source."""

    def __init__(
        self, store: OutboxStore, sender: Sender, sealer: Sealer, clock: Clock, draw: Callable[[int], bytes]
    ) -> None:
        self._store = store
        self._sender = sender
        self._sealer = sealer
        self._clock = clock
        self._draw = draw

    async def register(self, book: str, by: str, url: str, types: Sequence[str]) -> WithSecret:
        """A new endpoint. Raises CallbackRefused, TooManyEndpoints."""
        await self._sender.require_callable(url)
        if len(await self._store.endpoints(book)) >= ENDPOINTS_MAX:
            raise TooManyEndpoints(ENDPOINTS_MAX)
        endpoint_id, secret = stored_id(book, new_id("nep")), new_secret(self._draw)
        endpoint = Endpoint(
            id=endpoint_id,
            url=url,
            types=tuple(types),
            status="enabled",
            secrets=(secret_entry(self._sealer.seal(secret, endpoint_id)),),
            created_at=self._clock.now(),
            created_by=by,
        )
        await self._store.add_endpoint(endpoint)
        return WithSecret(endpoint, secret)

    async def all_of(self, book: str) -> list[Endpoint]:
        """A tenant's endpoints, oldest first."""
        return await self._store.endpoints(book)

    async def get(self, endpoint_id: str) -> Endpoint:
        """The endpoint of that stored id. Raises Missing."""
        endpoint = await self._store.endpoint(endpoint_id)
        if endpoint is None:
            raise Missing("notification endpoint")
        return endpoint

    async def rotate(self, endpoint_id: str) -> WithSecret:
        """Another secret; the one before it signs beside it for a day. Raises Missing, StaleGuard."""
        endpoint, secret = await self.get(endpoint_id), new_secret(self._draw)
        sealed = self._sealer.seal(secret, endpoint.id)
        secrets = rotated(endpoint.secrets, sealed, self._clock.now(), OVERLAP)
        return WithSecret(await self._changed(endpoint, secrets=secrets), secret)

    async def enable(self, endpoint_id: str) -> Endpoint:
        """Try it again: what was on its way when it was disabled goes out.

        Raises Missing, CallbackRefused, StaleGuard.
        """
        endpoint = await self.get(endpoint_id)
        if endpoint.is_enabled:
            return endpoint
        await self._sender.require_callable(endpoint.url)
        return await self._changed(endpoint, status="enabled", reason=None, failing_since=None)

    async def remove(self, endpoint_id: str) -> None:
        """Forget it, and what was on its way there. Raises Missing."""
        if not await self._store.remove_endpoint(endpoint_id):
            raise Missing("notification endpoint")

    async def send_test(self, endpoint_id: str) -> Notification:
        """An ``endpoint.test`` to that endpoint alone, delivered as any other. Raises Missing."""
        endpoint, now = await self.get(endpoint_id), self._clock.now()
        test = Notification(stored_id(book_of(endpoint.id), new_id("evt")), "endpoint.test", "", now)
        await self._store.add_published(test)
        document = delivery_document(test.id, test.type, endpoint.id, now)
        await self._store.add_delivery(delivery_id(test.id, endpoint.id), document)
        return test

    async def log_of(self, endpoint_id: str) -> list[Document]:
        """What was sent there, newest first, at most a hundred. Raises Missing."""
        endpoint = await self.get(endpoint_id)
        return await self._store.deliveries(endpoint.id, _LOG_MAX)

    async def _changed(self, endpoint: Endpoint, **fields: object) -> Endpoint:
        changed = await self._store.change_endpoint(endpoint, fields)
        if changed is None:
            raise StaleGuard(ENDPOINTS, endpoint.id)
        return changed
