"""A whole saga in an abstract world: the books by the ledger's own rules, and what the third parties have.

Every commit is judged by the ledger's own ``Book``; the saga is driven by the product's own driver. Between two of its
commits the world may move, and the worker may be gone: then another goes on from what is written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from app.errors import WalletError
from app.ledger.accounts import Account
from app.ledger.book import Book, State
from app.ledger.changes import Change, Document, Duplicate, Posted
from app.ledger.streams import Stream
from app.ledger.transactions import Hold
from app.ledger.verify import is_transit
from app.orchestrator.journal import EFFECTS, EVENTS, SAGAS, SagaRecord, saga_from
from app.orchestrator.watches import WATCHES, WatchRecord, watch_from
from tests.checker.asking import START
from tests.checker.things import Thing

BOOK = "default"
USER = "usr_ada"
_STREAM = Stream(f"{BOOK}/str_0", epoch=1)
_FLEETING = {"updated_at", "created_at", "version", "events", "looks", "lease_until", "wake_at", "at"}
TIMEOUT, QUIET, REST = timedelta(seconds=1), timedelta(seconds=2), timedelta(seconds=60)
WAITS = (timedelta(0), QUIET, REST)
"""What a saga waits for by the clock, the longest last."""

_ENDED = {"confirmed", "rejected", "cancelled"}
_WRITTEN_ONLY = {"notifications", "cases", "account_acts"}

Documents = Mapping[tuple[str, str], Document]


@dataclass(frozen=True)
class World:
    """Everything: the books, what was written with them, what the third parties have, and the hour."""

    now: datetime = START
    accounts: Mapping[str, Account] = field(default_factory=dict)
    holds: Mapping[str, Hold] = field(default_factory=dict)
    posted: Mapping[str, Document] = field(default_factory=dict)
    documents: Documents = field(default_factory=dict)
    things: tuple[Thing, ...] = ()
    freezes: int = 0
    reorgs: int = 0

    @cached_property
    def saga(self) -> SagaRecord:
        """The saga as written; once it has ended, the last recovery that it needed."""
        *_, (_, saga_id) = (key for key in self.documents if key[0] == SAGAS)
        return saga_from({"_id": saga_id, **self.documents[SAGAS, saga_id]})

    @cached_property
    def ordered(self) -> SagaRecord:
        """The order's own saga as written."""
        saga_id = next(saga_id for collection, saga_id in self.documents if collection == SAGAS)
        return saga_from({"_id": saga_id, **self.documents[SAGAS, saga_id]})

    @cached_property
    def watches(self) -> tuple[WatchRecord, ...]:
        """What is watched, or was."""
        kept = ((key[1], document) for key, document in self.documents.items() if key[0] == WATCHES)
        return tuple(watch_from({"_id": watch_id, **document}) for watch_id, document in kept)

    @property
    def due(self) -> bool:
        """Whether a worker would take it up now."""
        wake_at = self.saga.wake_at
        return wake_at is not None and wake_at <= self.now

    @cached_property
    def effects(self) -> Mapping[str, Document]:
        """The effects, by id."""
        return {key[1]: document for key, document in self.documents.items() if key[0] == EFFECTS}

    @cached_property
    def key(self) -> str:
        """What tells it from another: of hours only which of the waits they begin are over, and no counts of writes."""
        accounts = sorted((a.id, a.balance, a.held, a.status) for a in self.accounts.values())
        holds = sorted((each.id, each.remaining) for each in self.holds.values())
        documents = sorted((key, self._bare(_that_matter(key[0], each))) for key, each in self.documents.items())
        left = (self.freezes, self.reorgs)
        return repr((accounts, holds, sorted(self.posted), documents, self.things, self.due, left))

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, World) and self.key == other.key

    def judged(self, change: Change) -> tuple[Posted | Duplicate | WalletError, "World"]:
        """The ledger's verdict, and the world after it."""
        state = State(
            accounts=dict(self.accounts),
            transactions=dict(self.posted),
            holds=dict(self.holds),
            companions={key: dict(document) for key, document in self.documents.items()},
        )
        book = Book(state, _STREAM, at=self.now)
        verdict = book.judge(change)
        if not isinstance(verdict, Posted):
            return verdict, self
        written = {
            (each.collection, each.id): {**self.documents.get((each.collection, each.id), {}), **each.document}
            for each in book.companions
            if each.collection != EVENTS
        }
        return verdict, replace(
            self,
            accounts={**self.accounts, **{after.id: after for _, after in book.changed_accounts}},
            holds={**self.holds, **{after.id: after for _, after in book.changed_holds}},
            posted={**self.posted, **{each["_id"]: each for each in book.transactions}},
            documents={**self.documents, **written},
        )

    def left_on_the_way(self) -> list[str]:
        """The accounts through which money passes, where some of it has stayed."""
        return [
            f"{each.role} {each.balance}" for each in self.accounts.values() if is_transit(each.id) and each.balance
        ]

    def _bare(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            kept = ((name, self._bare(each)) for name, each in value.items() if name not in _FLEETING)
            return sorted(kept, key=lambda pair: str(pair[0]))
        if isinstance(value, datetime):
            return sum(self.now >= value + wait for wait in WAITS)
        return value


def _that_matter(collection: str, document: Document) -> Document:
    """The fields that a later decision reads: of what has ended, how it ended."""
    if collection == SAGAS:
        steps = {name: told["status"] for name, told in document["steps"].items()}
        return {"state": document["state"], "steps": steps, "results": document["results"]}
    if collection == EFFECTS and document["status"] in _ENDED:
        return {name: document[name] for name in ("status", "provider_ref", "approved_ref")}
    if collection == WATCHES:
        return {name: document[name] for name in ("status", "ref")}
    return {} if collection in _WRITTEN_ONLY else document
