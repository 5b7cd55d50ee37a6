"""The delivery loop: claim what is due to an endpoint, send it, record what came of it.

Every delivery is leased by itself, so one that fails waits alone, and one endpoint that is slow fills its own slots and
nobody else's. Between sending and recording a process may die: the lease ends, and the same message goes out again
under the same ``webhook-id``.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime
from random import Random

import structlog

from app.clock import Clock
from app.ids import book_of, public_id
from app.outbox.deliveries import Attempt, Delivery, after_attempt, history_entry
from app.outbox.endpoints import Endpoint
from app.outbox.notifications import Notification
from app.outbox.sending import TIMEOUT_S, Sender
from app.outbox.signing import signed_headers
from app.outbox.store import OutboxStore
from app.plumbing.sealing import BrokenSeal, Sealer

LEASE_S = 3 * TIMEOUT_S

_IN_FLIGHT_MAX = 64
_PER_ENDPOINT_MAX = 4

log = structlog.get_logger()

Disable = Callable[[Endpoint, str, datetime], Awaitable[None]]
"""Disable an endpoint for that reason, and say so."""


class Courier:
    """Delivers, at most 64 at a time, and 4 to one endpoint; 1 to one that has been failing."""

    def __init__(
        self,
        store: OutboxStore,
        sender: Sender,
        sealer: Sealer,
        clock: Clock,
        random: Random,
        disable: Disable,
        *,
        poll_s: float,
    ) -> None:
        self._store = store
        self._sender = sender
        self._sealer = sealer
        self._clock = clock
        self._random = random
        self._disable = disable
        self._poll_s = poll_s
        self._in_flight: Counter[str] = Counter()
        self._stirred = asyncio.Event()
        self._closing = False

    def hint(self) -> None:
        """Something may be due; look now instead of at the next poll."""
        self._stirred.set()

    def close(self) -> None:
        """Claim nothing more; ``run`` returns when what is in flight has been recorded."""
        self._closing = True
        self._stirred.set()

    async def run(self) -> None:
        """Deliver until closed."""
        async with asyncio.TaskGroup() as group:
            while not self._closing:
                self._stirred.clear()
                if not await self._start_due(group):
                    await self._rest()

    async def deliver_due(self) -> int:
        """Make one attempt at everything that is due now; says how many attempts that were."""
        async with asyncio.TaskGroup() as group:
            return await self._start_due(group)

    async def _start_due(self, group: asyncio.TaskGroup) -> int:
        """One round: as many attempts for every endpoint as it and we have slots for."""
        started = 0
        try:
            for endpoint_id in await self._store.owed():
                endpoint = await self._store.endpoint(endpoint_id)
                while endpoint is not None and endpoint.is_enabled and self._has_slot(endpoint):
                    delivery = await self._store.claim(endpoint.id, self._clock.now(), LEASE_S)
                    if delivery is None:
                        break
                    self._in_flight[endpoint.id] += 1
                    group.create_task(self._deliver_in_slot(endpoint, delivery))
                    started += 1
        except Exception as error:
            log.exception("deliveries-not-claimed", reason=type(error).__name__)
        return started

    def _has_slot(self, endpoint: Endpoint) -> bool:
        own_max = _PER_ENDPOINT_MAX if endpoint.failing_since is None else 1
        return self._in_flight[endpoint.id] < own_max and self._in_flight.total() < _IN_FLIGHT_MAX

    async def _rest(self) -> None:
        if self._closing:
            return
        try:
            async with asyncio.timeout(self._poll_s):
                await self._stirred.wait()
        except TimeoutError:
            return

    async def _deliver_in_slot(self, endpoint: Endpoint, delivery: Delivery) -> None:
        try:
            await self._deliver(endpoint, delivery)
        except Exception as error:
            log.exception("delivery-not-recorded", event_id=delivery.id, reason=type(error).__name__)
        finally:
            self._in_flight[endpoint.id] -= 1
            self._in_flight += Counter()  # forget those at zero
            self._stirred.set()

    async def _deliver(self, endpoint: Endpoint, delivery: Delivery) -> None:
        notification = await self._store.notification(delivery.notification_id)
        attempt = await self._attempt(endpoint, notification) if notification else Attempt(410, "expired", 0)
        now = self._clock.now()
        fields = after_attempt(delivery, attempt, now, self._random)
        if notification is None:
            fields["status"] = "failed"
        if not await self._store.record(delivery, fields, history_entry(attempt, delivery.attempts, now)):
            return
        if notification is not None:
            await self._note_health(endpoint, attempt, now)

    async def _attempt(self, endpoint: Endpoint, notification: Notification) -> Attempt:
        now = self._clock.now()
        try:
            secrets = endpoint.active_secrets(self._sealer, now)
        except BrokenSeal:
            return Attempt(0, "secret-unreadable", 0)
        body = notification.content
        headers = signed_headers(secrets, public_id(notification.id), now, body)
        return await self._sender.post(endpoint.url, body, headers)

    async def _note_health(self, endpoint: Endpoint, attempt: Attempt, now: datetime) -> None:
        if attempt.succeeded:
            if endpoint.failing_since is not None:
                await self._store.note_success(endpoint.id)
            return
        log.warning(
            "delivery-failed",
            tenant=book_of(endpoint.id),
            endpoint_id=public_id(endpoint.id),
            status=attempt.status,
            reason=attempt.reason,
        )
        failing = await self._store.note_failure(endpoint.id, now)
        if failing is None or not failing.is_enabled:
            return
        if attempt.unwanted:
            await self._disable(failing, "gone", now)
        elif failing.has_failed_long_enough(now):
            await self._disable(failing, "sustained-failure", now)
