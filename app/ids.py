"""Ids that say what they name, and that begin with the book they belong to where the ledger stores them.

A *public* id is what the API shows: ``txn_`` and 26 letters. A *stored* id is ``book/public``; the book is the
shard-key prefix, and because it comes from the caller's tenant, a stored id of another tenant cannot even be spelt.
"""

import hashlib
import re

import uuid_utils

_SHIFTS = range(120, -10, -10)
_PADDING_BITS = 2
_USUAL, _SORTING = (
    tuple(first + second for first in alphabet for second in alphabet)
    for alphabet in ("abcdefghijklmnopqrstuvwxyz234567", "0123456789abcdefghijklmnopqrstuv")
)
_PUBLIC = re.compile(r"[a-z]{2,4}_[A-Za-z0-9._-]{1,64}", re.ASCII)
_BOOK = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII)


def new_id(kind: str) -> str:
    """A fresh public id of that kind, ordered by time (UUIDv7, in an alphabet that sorts as the numbers do)."""
    return f"{kind}_{_letters(uuid_utils.uuid7().bytes, _SORTING)}"


def derived_id(kind: str, *causes: str) -> str:
    """The public id that these causes always have: doing a thing twice finds the first one.

    Every cause is hashed with its length, so no two lists of causes can be confused.
    """
    digest = hashlib.sha256()
    for cause in causes:
        data = cause.encode()
        digest.update(len(data).to_bytes(4, "big") + data)
    return f"{kind}_{_letters(digest.digest()[:16], _USUAL)}"


def stored_id(book: str, public: str) -> str:
    """The id under which a book's document is stored."""
    return f"{book}/{public}"


def public_id(stored: str) -> str:
    """The part of a stored id that callers see; stripes of an account look alike."""
    return base_id(stored.partition("/")[2])


def striped_id(account_id: str, slot: str) -> str:
    """The id of an account's stripe for that slot."""
    return f"{account_id}~{slot}"


def base_id(account_id: str) -> str:
    """The id of the account that a stripe belongs to; any other id as it is."""
    return account_id.partition("~")[0]


def book_of(stored: str) -> str:
    """The book that a stored id begins with."""
    return stored.partition("/")[0]


def is_public_id(text: str, kind: str) -> bool:
    """Whether the text is shaped like a public id of that kind."""
    return text.startswith(f"{kind}_") and _PUBLIC.fullmatch(text) is not None


def is_book(text: str) -> bool:
    """Whether the text may name a book (and so a tenant): lower-case letters, digits and hyphens."""
    return _BOOK.fullmatch(text) is not None


def _letters(sixteen: bytes, pairs: tuple[str, ...]) -> str:
    """RFC 4648 base 32 of sixteen bytes, in small letters and without padding, two letters at a time.

    The standard library's own takes several times as long, and ids are made for everything that is written.
    """
    number = int.from_bytes(sixteen) << _PADDING_BITS
    return "".join([pairs[number >> shift & 1023] for shift in _SHIFTS])
