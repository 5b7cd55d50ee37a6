"""The one place that makes books for the rules to judge in, outside the door."""

from collections.abc import Iterable
from datetime import datetime

from app.ledger.accounts import Account
from app.ledger.book import Book, State
from app.ledger.recent import Head


def book_over(accounts: Iterable[Account], stream: str, number: int, at: datetime) -> Book:
    """A book that knows those accounts and nothing else, for the commit of that number in that stream."""
    return Book(State(head=Head(number - 1), accounts={account.id: account for account in accounts}), stream, at=at)
