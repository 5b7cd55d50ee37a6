"""Publishing: a notification gets its number in its user's feed, and a delivery for every endpoint that wants it.

One commit for each user, guarded by that user's counter: two workers that publish the same find the counter moved on,
and the later one drops what it had prepared. So numbers have no hole and no notification is published twice, and the
saga whose commit wrote it never waited for a counter.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Protocol

import structlog

from app.clock import Clock
from app.errors import StaleGuard, WalletError
from app.identity.store import Users
from app.ids import book_of, stored_id
from app.ledger.accounts import Account
from app.ledger.changes import ABSENT, Change, Companion, Door, Duplicate, Posted
from app.ledger.committer import Committer
from app.orchestrator.notices import told_of_level, told_of_standing
from app.outbox.deliveries import DELIVERIES, delivery_document, delivery_id
from app.outbox.endpoints import Endpoint
from app.outbox.notifications import FEEDS, NOTIFICATIONS, Notification, published_fields
from app.outbox.store import OutboxStore

_BATCH = 200

log = structlog.get_logger()

Feeds = dict[tuple[str, str], list[Notification]]


class KnowsAccounts(Protocol):
    """Accounts, as they are read."""

    async def account(self, account_id: str) -> Account | None:
        """The account of that stored id."""
        ...


class TellingDoor:
    """The door, for those who write notifications: whoever freezes or closes an account tells its owner in the same
    commit, and the publisher hears of every notification at once.
    """

    def __init__(self, door: Door, accounts: KnowsAccounts, clock: Clock, tell: Callable[[], Awaitable[None]]) -> None:
        self._door = door
        self._accounts = accounts
        self._clock = clock
        self._tell = tell

    async def submit(self, change: Change, *, deadline_s: float = 10.0) -> Posted | Duplicate:
        """As the door's own."""
        if change.standings and change.companions:
            change = replace(change, companions=(*change.companions, *await self._told_of_standings(change)))
        verdict = await self._door.submit(change, deadline_s=deadline_s)
        if any(companion.collection == NOTIFICATIONS for companion in change.companions):
            await self._tell()
        return verdict

    async def _told_of_standings(self, change: Change) -> list[Companion]:
        accounts = [(each, await self._accounts.account(each.account_id)) for each in change.standings]
        now, because = self._clock.now(), change.companions[0]
        return [
            told_of_standing(each, account.user_id, now, because)
            for each, account in accounts
            if account is not None and account.user_id
        ]


class Publication:
    """Publishes what has been written. ``tell`` is told the stored ids of the users whose feeds have grown.

    ``deliver`` is called when there may be something to deliver.
    """

    def __init__(
        self,
        store: OutboxStore,
        users: Users,
        door: Committer,
        clock: Clock,
        tell: Callable[[Sequence[str]], Awaitable[None]],
        deliver: Callable[[], None],
        *,
        poll_s: float,
    ) -> None:
        self._store = store
        self._users = users
        self._door = door
        self._clock = clock
        self._tell = tell
        self._deliver = deliver
        self._poll_s = poll_s
        self._arrived = asyncio.Event()
        self._closing = False

    def hint(self) -> None:
        """Something may have been written; look now instead of at the next poll."""
        self._arrived.set()

    def close(self) -> None:
        """Publish nothing more."""
        self._closing = True
        self._arrived.set()

    async def run(self) -> None:
        """Publish until closed."""
        while not self._closing:
            self._arrived.clear()
            if await self._publish_or_log() or self._closing:
                continue
            try:
                async with asyncio.timeout(self._poll_s):
                    await self._arrived.wait()
            except TimeoutError:
                continue

    async def publish(self) -> int:
        """Publish what waits, at most a batch; says how many notifications that were."""
        await self._tell_levels()
        waiting = await self._store.unpublished(_BATCH)
        if not waiting:
            return 0
        feeds: Feeds = defaultdict(list)
        for each in sorted(waiting, key=lambda each: (each.at, each.id)):
            feeds[book_of(each.id), each.user_id].append(each)
        endpoints = {book: await self._endpoints_of(book) for book in {book for book, _ in feeds}}
        numbers = await self._store.last_numbers([stored_id(*feed) for feed in feeds if feed[1]])
        now = self._clock.now()
        changes = [
            Change(book, companions=_published(book, user_id, group, numbers, endpoints[book], now))
            for (book, user_id), group in feeds.items()
        ]
        verdicts = await self._door.submit_all(changes)
        grown: list[str] = []
        done = 0
        for (feed, group), verdict in zip(feeds.items(), verdicts, strict=True):
            if isinstance(verdict, WalletError):
                _complain(verdict)
                continue
            done += len(group)
            grown.extend([stored_id(*feed)] if feed[1] else [])
        if grown:
            await self._tell(grown)
        if done:
            self._deliver()
        return done

    async def _tell_levels(self) -> None:
        """Write the notifications of decided levels: the user's own document has kept that one is owed."""
        for user in await self._users.untold(_BATCH):
            told = {"level_untold": False, "version": user.version + 1}
            seen = Companion("users", user.stored_id, {"version": user.version}, told)
            try:
                await self._door.submit(Change(user.tenant, companions=(seen, told_of_level(user))))
            except WalletError as refusal:
                _complain(refusal)

    async def _publish_or_log(self) -> int:
        try:
            return await self.publish()
        except Exception as error:
            log.exception("publication-failed", reason=type(error).__name__)
            return 0

    async def _endpoints_of(self, book: str) -> list[Endpoint]:
        return [each for each in await self._store.endpoints(book) if each.is_enabled]


def _complain(refusal: WalletError) -> None:
    """Another worker was first, which is as good; anything else is tried again at the next poll."""
    if not isinstance(refusal, StaleGuard):
        log.warning("notifications-not-published", reason=refusal.code)


def _published(
    book: str,
    user_id: str,
    group: Sequence[Notification],
    numbers: dict[str, int],
    endpoints: Sequence[Endpoint],
    now: datetime,
) -> tuple[Companion, ...]:
    """The companions that publish one user's notifications; those of no user have no number."""
    feed_id = stored_id(book, user_id)
    last = numbers.get(feed_id, 0)
    seqs = count(last + 1) if user_id else iter([0] * len(group))
    companions: list[Companion] = []
    for each, seq in zip(group, seqs, strict=False):
        guard = {"version": each.version}
        companions.append(Companion(NOTIFICATIONS, each.id, guard, published_fields(each, seq, now)))
        companions.extend(
            Companion(
                DELIVERIES,
                delivery_id(each.id, endpoint.id),
                ABSENT,
                delivery_document(each.id, each.type, endpoint.id, now),
            )
            for endpoint in endpoints
            if endpoint.wants(each.type)
        )
    if user_id:
        moved = last + len(group)
        companions.append(
            Companion(FEEDS, feed_id, {"version": last} if last else ABSENT, {"seq": moved, "version": moved})
        )
    return tuple(companions)
