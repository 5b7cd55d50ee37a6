"""From a batch of changes to verdicts that are durable, whatever the server answers, or does not.

A batch that did not commit is judged again on fresh state until its budget is spent. A batch whose commit was not
answered is resolved by its block: if the block of its number carries its token, the batch is true; else it is run
again under the *same* number, so that at most one of the two can commit.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

import structlog

from app.clock import Clock
from app.errors import OutcomeUnresolved, Overloaded, WalletError
from app.ids import new_id
from app.ledger.batch_store import Batch, BatchStore
from app.ledger.blocks import Block
from app.ledger.book import Book, State, Verdict
from app.ledger.changes import Change, Posted
from app.ledger.outcomes import BatchPoisoned, BatchStale, BatchTransient, CommitUnknown
from app.ledger.recent import Recent
from app.ledger.stream_store import StreamStore
from app.ledger.streams import Stream
from app.ledger.striping import striped
from app.ledger.wanted import everything_named
from app.plumbing.mongo import Database

_STALE_MAX = 8
_BUDGET_S = 15.0
_PAUSE_S = 0.001
_PAUSE_MAX_S = 0.1

log = structlog.get_logger()


class Knotted(Exception):
    """A batch that stays stale: two of its changes may stand in each other's way."""


@dataclass(slots=True)
class _Attempts:
    """What was tried for one batch: how often, and which commits were never answered."""

    tries: int = 0
    stale: int = 0
    unanswered: dict[str, tuple[Stream, list[Verdict]]] = field(default_factory=dict)

    @property
    def is_knotted(self) -> bool:
        return self.stale >= _STALE_MAX and not self.unanswered


def open_lanes(database: Database, clock: Clock, random: Random, lanes: int = 3) -> list["Decider"]:
    """Deciders for the lanes of one process: each with streams of its own, all with one memory."""
    recent = Recent()
    return [Decider(BatchStore(database), StreamStore(database), recent, clock, random) for _ in range(lanes)]


class Decider:
    """Owns streams, one for each book it works on."""

    def __init__(self, store: BatchStore, streams: StreamStore, recent: Recent, clock: Clock, random: Random) -> None:
        self._store = store
        self._stream_store = streams
        self._clock = clock
        self._random = random
        self._owner = new_id("com")
        self._streams: dict[str, Stream] = {}
        self._doubtful: set[str] = set()
        self._last_at: datetime | None = None
        self._recent = recent

    async def decide(self, changes: Sequence[Change]) -> list[Verdict]:
        """The verdicts of a batch of one book, durably decided.

        Raises BatchPoisoned or Knotted: then nothing was written, and one of several changes is at fault.
        """
        book = changes[0].book
        attempts = _Attempts()
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + _BUDGET_S
        while loop.time() < give_up_at:
            try:
                return await self._attempt(book, changes, attempts)
            except BatchStale:
                attempts.stale += 1
                if attempts.is_knotted and len(changes) > 1:
                    raise Knotted from None
            except (BatchTransient, CommitUnknown):
                pass
            attempts.tries += 1
            self._doubtful.add(book)
            self._recent.forget(everything_named(changes).accounts)
            await asyncio.sleep(self._random.uniform(0, min(_PAUSE_MAX_S, _PAUSE_S * 2 ** min(attempts.tries, 10))))
        return [OutcomeUnresolved() if attempts.unanswered else Overloaded() for _ in changes]

    async def keep_alive(self) -> None:
        """Renew every lease; a stream that may have another owner by now is read again before it is used."""
        for book, stream in list(self._streams.items()):
            try:
                kept = await self._stream_store.renew(stream)
            except BatchTransient:
                kept = False
            if not kept:
                self._doubtful.add(book)

    async def give_back(self) -> None:
        """Let others have the streams at once; where that fails, the leases run out by themselves."""
        for stream in self._streams.values():
            try:
                await self._stream_store.give_back(stream)
            except BatchTransient:
                log.warning("stream-not-given-back")
        self._streams.clear()

    async def _attempt(self, book: str, changes: Sequence[Change], attempts: _Attempts) -> list[Verdict]:
        stream = await self._stream(book)
        landed = await self._landed(attempts)
        if landed is not None:
            return landed
        changes = [striped(change, stream.slot) for change in changes]
        judged, verdicts = await self._judge_on(changes, stream, assume=attempts.tries == 0)
        # An unanswered attempt may still land, so even a batch of refusals takes its number first.
        if attempts.unanswered or any(isinstance(verdict, Posted) for verdict in verdicts):
            await self._write(book, stream, judged, verdicts, attempts)
        return verdicts

    async def _judge_on(self, changes: Sequence[Change], stream: Stream, *, assume: bool) -> tuple[Book, list[Verdict]]:
        """Judged on as little as will do: a verdict that no write would prove is given on everything there is."""
        if assume:
            state = await self._store.assume(changes, self._recent)
            judged, verdicts = self._judge(changes, state, stream)
            if not judged.cases and not any(isinstance(verdict, WalletError) for verdict in verdicts):
                return judged, verdicts
        return self._judge(changes, await self._store.load(changes), stream)

    async def _write(
        self, book: str, stream: Stream, judged: Book, verdicts: list[Verdict], attempts: _Attempts
    ) -> None:
        block: Block = judged.block(token=new_id("bat"))
        try:
            await self._store.write(Batch(stream, block, judged))
        except CommitUnknown:
            attempts.unanswered[block.token] = (stream, verdicts)
            raise
        self._streams[book] = stream.after(block)
        self._recent.remember(account for _, account in judged.changed_accounts)

    async def _stream(self, book: str) -> Stream:
        """This process's stream of the book: as remembered, read again after trouble, or claimed."""
        stream = self._streams.get(book)
        if stream is not None and book in self._doubtful:
            stream = await self._stream_store.read(stream)
            if stream is None:
                log.warning("stream-lost")
        if stream is None:
            stream = await self._stream_store.claim(book, self._owner)
        self._streams[book] = stream
        self._doubtful.discard(book)
        return stream

    async def _landed(self, attempts: _Attempts) -> list[Verdict] | None:
        """The verdicts of an unanswered commit, if it has happened after all.

        The head was read before: whoever else owns the stream by now could claim it only after our commit was over,
        one way or the other.
        """
        for token, (stream, verdicts) in attempts.unanswered.items():
            if await self._stream_store.token_of(stream, stream.number + 1) == token:
                return verdicts
        return None

    def _judge(self, changes: Sequence[Change], state: State, stream: Stream) -> tuple[Book, list[Verdict]]:
        book = Book(state, stream, at=self._instant(state))
        try:
            return book, [book.judge(change) for change in changes]
        except Exception as error:
            raise BatchPoisoned from error  # a change that cannot even be judged

    def _instant(self, state: State) -> datetime:
        """One time per batch, never before anything it follows, so that past balances stay what they were."""
        moments = [self._clock.now(), self._last_at]
        moments.extend(account.updated_at for account in state.accounts.values())
        self._last_at = max(moment for moment in moments if moment is not None)
        return self._last_at
