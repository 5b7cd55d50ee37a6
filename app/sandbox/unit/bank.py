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

    async def post_alone(self, account_id: str, kind: str, signed: int, **more: Any) -> Document | None:
        """Move an account's balance by so many cents, for something that is no ACH payment; the transaction."""
        account = await self._store.change(ACCOUNTS, {"_id": account_id}, {"$inc": {"balance": signed}})
        if account is None:
            return None
        transaction = {
            "_id": str(await self._store.next_number()),
            "type": kind,
            "direction": "Credit" if signed > 0 else "Debit",
            "amount": abs(signed),
            "balance": account["balance"],
            "account_id": account_id,
            "customer_id": account["customer_id"],
            "tags": {},
            "tag_pairs": [],
            "created_at": self._simulation.clock.now(),
            **more,
        }
        await self._store.put(TRANSACTIONS, transaction)
        return transaction

    async def get_transaction(self, call: Call) -> Answer:
        transaction = await self._store.get(TRANSACTIONS, call.path("id"))
        if transaction is None or transaction["account_id"] != call.path("account_id"):
            raise refusal(404, "not_found", "there is no such transaction")
        return Answer({"data": _transaction_shown(transaction)})

    async def get_account(self, call: Call) -> Answer:
        account = await self._store.get(ACCOUNTS, call.path("id"))
        if account is None:
            raise refusal(404, "not_found", "there is no such account")
        return Answer({"data": account_shown(account)})

    async def list_transactions(self, call: Call) -> Answer:
        limit, offset = page_of(call)
        query = query_of(call, _FILTERS)
        found = await self._store.find(TRANSACTIONS, query, sort=order_of(call), skip=offset, limit=limit)
        total = await self._store.count(TRANSACTIONS, query)
        return listed([_transaction_shown(item) for item in found], limit=limit, offset=offset, total=total)


def account_number(account_id: str) -> str:
    """Ten to twelve digits, another for every account."""
    return f"1000{account_id[-8:]:0>6}"


def account_shown(account: Document) -> dict[str, Any]:
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
            "depositProduct": account.get("product", "checking"),
            "routingNumber": "812345678",
            "accountNumber": account_number(account["_id"]),
            "tags": dict(account.get("tags", {})),
        },
        "relationships": {"customer": to_one("customer", account["customer_id"])},
    }


def _transaction_shown(transaction: Document) -> dict[str, Any]:
    related = {name: to_one(kind, key) for name, (kind, key) in transaction.get("related", {}).items()}
    if "payment_id" in transaction:
        related["payment"] = to_one("achPayment", transaction["payment_id"])
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
            **transaction.get("extra", {}),
        },
        "relationships": {
            "account": to_one("account", transaction["account_id"]),
            "customer": to_one("customer", transaction["customer_id"]),
            **related,
        },
    }
