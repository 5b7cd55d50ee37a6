"""What a change would do, said without doing it: the same rules, on the state as it is now."""

from app.clock import Clock
from app.errors import Overloaded, WalletError
from app.ids import stored_id
from app.ledger.batch_store import BatchStore
from app.ledger.book import Book
from app.ledger.changes import Change, Duplicate, Posted
from app.ledger.outcomes import BatchTransient
from app.ledger.streams import Stream


class Previews:
    """Judges changes and forgets them."""

    def __init__(self, store: BatchStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def judge(self, change: Change) -> Posted | Duplicate:
        """The verdict that the change would meet. Raises what the book refuses it for, and Overloaded."""
        try:
            state = await self._store.load([change])
        except BatchTransient:
            raise Overloaded from None
        stream = Stream(stored_id(change.book, "preview"), epoch=0)
        verdict = Book(state, stream, at=self._clock.now()).judge(change)
        if isinstance(verdict, WalletError):
            raise verdict
        return verdict
