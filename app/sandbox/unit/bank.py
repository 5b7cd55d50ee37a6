"""Unit's own book: deposit accounts and the transactions that moved their balances."""

from typing import Any

from app.clock import rfc3339
from app.sandbox.simulation import Simulation
from app.sandbox.store import Document
from app.sandbox.unit.jsonapi import invalid, listed, order_of, page_of, query_of, refusal, to_one
from app.sandbox.vendor import Answer, Call

ACCOUNTS = "unit_accounts"
TRANSACTIONS = "unit_transactions"

OPENING_BALANCE_CENTS = 1_000_000_000_00
_SEEDED = {"_id": "10", "customer_id": "7", "status": "Open", "balance": OPENING_BALANCE_CENTS}
_FILTERS = {"accountId": "account_id", "customerId": "customer_id", "type": "type", "direction": "direction"}


class Bank:
    """Accounts and transactions."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._store = simulation.store

    async def seed(self) -> None:
        """One open deposit account, ``10``, of customer ``7``."""
        if await self._store.get(ACCOUNTS, "10") is None:
            await self._store.put(ACCOUNTS, {**_SEEDED, "created_at": self._simulation.clock.now()})

    async def account(self, key: str, pointer: str) -> Document:
        """The account a payment names. Raises Refusal."""
        account = await self._store.get(ACCOUNTS, key)
        if account is None:
            raise refusal(400, "account_not_found", f"there is no account {key[:20]}", pointer)
        if account["status"] != "Open":
            raise invalid("the account is not open", pointer)
        return account

    async def post(self, payment: Document, kind: str, direction: str) -> None:
        """Move the account's balance for a payment; the transaction inherits the payment's tags."""
        signed = payment["amount"] if direction == "Credit" else -payment["amount"]
        account = await self._store.change(ACCOUNTS, {"_id": payment["account_id"]}, {"$inc": {"balance": signed}})
        if account is None:
            return
        await self._store.put(
            TRANSACTIONS,
            {
                "_id": str(await self._store.next_number()),
                "type": kind,
                "direction": direction,
                "amount": payment["amount"],
                "balance": account["balance"],
                "summary": f"{payment['description']} | {payment['counterparty']['name']}",
                "account_id": payment["account_id"],
                "customer_id": payment["customer_id"],
                "payment_id": payment["_id"],
                "tags": payment["tags"],
                "tag_pairs": payment["tag_pairs"],
                "created_at": self._simulation.clock.now(),
            },
        )

    async def get_account(self, call: Call) -> Answer:
        account = await self._store.get(ACCOUNTS, call.path("id"))
        if account is None:
            raise refusal(404, "not_found", "there is no such account")
        return Answer({"data": _account_shown(account)})

    async def list_transactions(self, call: Call) -> Answer:
        limit, offset = page_of(call)
        query = query_of(call, _FILTERS)
        found = await self._store.find(TRANSACTIONS, query, sort=order_of(call), skip=offset, limit=limit)
        total = await self._store.count(TRANSACTIONS, query)
        return listed([_transaction_shown(item) for item in found], limit=limit, offset=offset, total=total)


def _account_shown(account: Document) -> dict[str, Any]:
    return {
        "type": "depositAccount",
        "id": account["_id"],
        "attributes": {
            "name": "Customer funds",
            "createdAt": rfc3339(account["created_at"]),
            "status": account["status"],
            "balance": account["balance"],
            "hold": 0,
            "available": account["balance"],
            "currency": "USD",
            "routingNumber": "812345678",
            "accountNumber": f"1000{account['_id']:0>6}",
            "tags": {},
        },
        "relationships": {"customer": to_one("customer", account["customer_id"])},
    }


def _transaction_shown(transaction: Document) -> dict[str, Any]:
    return {
        "type": transaction["type"],
        "id": transaction["_id"],
        "attributes": {
            "createdAt": rfc3339(transaction["created_at"]),
            "direction": transaction["direction"],
            "amount": transaction["amount"],
            "balance": transaction["balance"],
            "summary": transaction["summary"],
            "tags": dict(transaction["tags"]),
        },
        "relationships": {
            "account": to_one("account", transaction["account_id"]),
            "customer": to_one("customer", transaction["customer_id"]),
            "payment": to_one("achPayment", transaction["payment_id"]),
        },
    }
