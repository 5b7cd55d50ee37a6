"""What can be done to the books, as changes through the door."""

from app.errors import HoldUnavailable, Missing
from app.ids import derived_id, public_id, stored_id
from app.ledger.changes import Change, Duplicate, Posted
from app.ledger.committer import Committer
from app.ledger.documents import transaction_from
from app.ledger.store import LedgerStore
from app.ledger.transactions import Transaction, release
from app.money import Money


async def post(door: Committer, *transactions: Transaction) -> Posted | Duplicate:
    """Post transactions of one book, all or none: transfers, holds, captures alike.

    The same again answers with the first ones. Raises what ``book.py`` lists, and what the door adds.
    """
    return await door.submit(Change(transactions[0].book, transactions))


async def reverse(door: Committer, store: LedgerStore, transaction_id: str) -> Posted | Duplicate:
    """Post the mirror of a transaction, whole and once; asked again, answer with the first mirror.

    Raises Missing, NotReversible, then what ``book.py`` lists.
    """
    document = await store.transaction(transaction_id)
    if document is None:
        raise Missing("transaction")
    return await post(door, transaction_from(document).reversed())


async def release_hold(door: Committer, store: LedgerStore, hold_id: str) -> Posted | Duplicate:
    """Give back all that a hold still reserves; asked again, answer with the first release.

    Raises Missing, HoldUnavailable (used up, or drawn on at the same moment).
    """
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
    return await post(door, release(released_id, original, amount))
