"""Who may receive: any customer's account whose owner is verified.

Whose an account is never changes, so it is read once; that its owner is verified is known to a few seconds. Whether the
account is still open is judged with the posting itself.
"""

from collections import OrderedDict

from app.errors import DestinationNotFound
from app.identity.store import Users
from app.ledger.accounts import CUSTOMER
from app.ledger.store import LedgerStore
from app.plumbing.gathered import Gathered

_OWNERS_MAX = 50_000


class Receivers:
    """Knows the owners of accounts that received lately."""

    def __init__(self, store: LedgerStore, users: Users) -> None:
        self._users = users
        self.reads = Gathered(store.accounts_by_id)
        self._owners: OrderedDict[str, str] = OrderedDict()

    async def require(self, book: str, payer: str, account_id: str) -> None:
        """Raise DestinationNotFound unless that stored account may receive from the payer.

        One's own account may always, verified or not: the money stays whose it was.
        """
        owner = self._owners.get(account_id) or await self._read(account_id)
        if owner == payer:
            return
        user = await self._users.recent(book, owner)
        if user is None or user.compliance_level != "verified":
            raise DestinationNotFound

    async def _read(self, account_id: str) -> str:
        account = await self.reads.get(account_id)
        if account is None or account.role != CUSTOMER or account.user_id is None:
            raise DestinationNotFound
        self._owners[account_id] = account.user_id
        while len(self._owners) > _OWNERS_MAX:
            self._owners.popitem(last=False)
        return account.user_id
