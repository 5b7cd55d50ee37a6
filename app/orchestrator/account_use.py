"""Whether a flow that is still running, or something that may yet be taken back, will come back to an account."""

from collections.abc import Iterator
from typing import Any

from app.errors import AccountInUse
from app.ids import book_of, public_id
from app.ledger.accounts import Account
from app.orchestrator.store import SagaStore
from app.orchestrator.watch_store import WatchStore
from app.plumbing.collections import ids_of_book

_UNFINISHED = ["running", "waiting", "compensating", "parked"]
_SAGAS_MAX = 1_000


class AccountUse:
    """Asks the sagas, and the watches they have left."""

    def __init__(self, sagas: SagaStore, watches: WatchStore) -> None:
        self._sagas = sagas
        self._watches = watches

    async def require_unused(self, account: Account) -> None:
        """Raise AccountInUse for the first unfinished saga, or open watch, of the owner that names the account.

        Of more than are read, the account may be in use by any; so it counts as in use.
        """
        await self._require_unnamed(account)
        watches = await self._watches.watches_open(book_of(account.id), str(account.user_id), _SAGAS_MAX)
        for watch in watches:
            if len(watches) == _SAGAS_MAX or watch.facts.get("account_id") == account.id:
                raise AccountInUse(public_id(account.id), public_id(watch.saga_id))

    async def _require_unnamed(self, account: Account) -> None:
        query = {
            "_id": ids_of_book(book_of(account.id)),
            "book": book_of(account.id),
            "user_id": account.user_id,
            "status": {"$in": _UNFINISHED},
        }
        found = await self._sagas.sagas(query, _SAGAS_MAX)
        names = {account.id, public_id(account.id)}
        for saga in found:
            if len(found) == _SAGAS_MAX or not names.isdisjoint(_texts(saga.params)):
                raise AccountInUse(public_id(account.id), public_id(saga.id))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
