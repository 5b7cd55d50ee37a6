"""What can be done to the books, as changes through the door."""

from app.errors import HoldUnavailable, InvalidAmount, Missing
from app.ids import book_of, derived_id, public_id, stored_id
from app.ledger.changes import Change, Companion, Door, Duplicate, Posted
from app.ledger.documents import transaction_from
from app.ledger.store import LedgerStore
from app.ledger.transactions import Transaction, release
from app.money import Money


async def post(door: Door, *transactions: Transaction) -> Posted | Duplicate:
    """Post transactions of one book, all or none: transfers, holds, captures alike.

    The same again answers with the first ones. Raises what ``book.py`` lists, and what the door adds.
    """
    return await door.submit(Change(transactions[0].book, transactions))


async def reverse(door: Door, store: LedgerStore, transaction_id: str, *companions: Companion) -> Posted | Duplicate:
    """Post the mirror of a transaction, whole and once; asked again, answer with the first mirror.

    Raises Missing, NotReversible, then what ``book.py`` lists.
    """
    mirror = (await _stored(store, transaction_id)).reversed()
    return await door.submit(Change(mirror.book, (mirror,), companions))


async def refund(
    door: Door, store: LedgerStore, transaction_id: str, amount: Money, *companions: Companion, cause: str
) -> Posted | Duplicate:
    """Give back part of what a transaction moved; the same ``cause`` again answers with the first refund.

    All refunds together never exceed the original, and what was reversed is not refunded, nor the reverse. Fees stay
    where they are. Raises Missing, InvalidAmount, NotReversible, then what ``book.py`` lists.
    """
    original = await _stored(store, transaction_id)
    if not amount:
        raise InvalidAmount(amount.asset.code, "it must be more than nothing")
    refund_id = stored_id(book_of(transaction_id), derived_id("txn", transaction_id, "refund", cause))
    return await door.submit(Change(original.book, (original.refunded(refund_id, amount),), companions))


async def release_hold(door: Door, store: LedgerStore, hold_id: str) -> Posted | Duplicate:
    """Give back all that a hold still reserves; asked again, answer with the first release.

    Raises Missing, HoldUnavailable (used up, or drawn on at the same moment).
    """
    return await _release(door, store, hold_id, fact=False)


async def expire_hold(door: Door, store: LedgerStore, hold_id: str) -> Posted | Duplicate:
    """Give back what a hold reserves whose time is over: a fact, so that a freeze does not keep it for ever.

    It is the same release that anybody else would make, so the two together happen once. Raises as ``release_hold``.
    """
    return await _release(door, store, hold_id, fact=True)


async def _release(door: Door, store: LedgerStore, hold_id: str, *, fact: bool) -> Posted | Duplicate:
    held = await store.transaction(hold_id)
    if held is None:
        raise Missing("hold")
    released_id = stored_id(held["book"], derived_id("txn", hold_id, "release"))
    remaining = await store.hold_remaining(hold_id)
    earlier = await store.transaction(released_id)  # after what remains: whoever finds nothing left finds its release
    if earlier is not None:
        return Duplicate((earlier,))
    if not remaining:
        raise HoldUnavailable(public_id(hold_id))
    original = transaction_from(held)
    amount = Money(remaining, original.first_debit.amount.asset)
    return await door.submit(Change(original.book, (release(released_id, original, amount),), fact=fact))


async def _stored(store: LedgerStore, transaction_id: str) -> Transaction:
    document = await store.transaction(transaction_id)
    if document is None:
        raise Missing("transaction")
    return transaction_from(document)
