"""What this process's last commits left: accounts that need not be read again.

Trusted for one reason only: every write filters on the version it was judged on, so a commit on something outdated
fails and is judged again on fresh state. By the same reasoning ids are first taken to be new and guards to hold: an id
that is there fails on its key, a guard that does not hold finds nothing to write. What is *not* written has no such
proof, and so a batch with a refusal, or with a fact that landed elsewhere, is judged on everything there is.
"""

from collections import OrderedDict
from collections.abc import Iterable

from app.ledger.accounts import Account

_ACCOUNTS_MAX = 20_000


class Recent:
    """Accounts, the longest unused forgotten first."""

    def __init__(self, accounts_max: int = _ACCOUNTS_MAX) -> None:
        self._accounts_max = accounts_max
        self._accounts: OrderedDict[str, Account] = OrderedDict()

    def accounts(self, ids: Iterable[str]) -> dict[str, Account]:
        """Those that are known."""
        found: dict[str, Account] = {}
        for account_id in ids:
            account = self._accounts.get(account_id)
            if account is not None:
                self._accounts.move_to_end(account_id)
                found[account_id] = account
        return found

    def remember(self, accounts: Iterable[Account]) -> None:
        """Keep what a commit has just made true."""
        for account in accounts:
            self._accounts[account.id] = account
            self._accounts.move_to_end(account.id)
        while len(self._accounts) > self._accounts_max:
            self._accounts.popitem(last=False)

    def forget(self, accounts: Iterable[str]) -> None:
        """Something of this may have moved elsewhere."""
        for account_id in accounts:
            self._accounts.pop(account_id, None)
