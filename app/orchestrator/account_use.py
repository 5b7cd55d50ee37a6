"""Whether a flow that is still running will come back to an account."""

from collections.abc import Iterator
from typing import Any

from app.errors import AccountInUse
from app.ids import book_of, public_id
from app.ledger.accounts import Account
from app.orchestrator.store import SagaStore
from app.plumbing.collections import ids_of_book

_UNFINISHED = ["running", "waiting", "compensating", "parked"]
_SAGAS_MAX = 1_000


class AccountUse:
    """Asks the sagas."""

    def __init__(self, sagas: SagaStore) -> None:
        self._sagas = sagas

    async def require_unused(self, account: Account) -> None:
        """Raise AccountInUse for the first unfinished saga of the owner that names the account in its parameters.

        Of more sagas than are read, the account may be in use by any; so it counts as in use.
        """
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
