"""How the ledger's parts are put together: the one place of the benchmark that knows."""

from collections.abc import Iterable
from datetime import datetime
from random import Random

from app.clock import SystemClock
from app.ids import new_id, stored_id
from app.ledger.accounts import Account
from app.ledger.book import Book, State
from app.ledger.committer import Committer
from app.ledger.deciding import open_lanes
from app.ledger.streams import Stream
from app.plumbing.mongo import Database
from bench.world import BOOK


def door_to(database: Database) -> Committer:
    """A door, as a process of the product has one."""
    return Committer(open_lanes(database, SystemClock(), Random()))


def book_over(accounts: Iterable[Account], stream: Stream, at: datetime) -> Book:
    """A book that knows those accounts and nothing else, for the next commit of a stream."""
    return Book(State(accounts={account.id: account for account in accounts}), stream, at=at)


def loose_stream() -> Stream:
    """A stream that nobody has leased, for documents that need to name one."""
    return Stream(stored_id(BOOK, new_id("str")), epoch=1)
