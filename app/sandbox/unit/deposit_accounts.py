"""Customers' deposit accounts: opened, frozen, unfrozen, closed."""

from typing import Any

from app.sandbox.simulation import Simulation
from app.sandbox.store import Document
from app.sandbox.unit.applications import Applications
from app.sandbox.unit.bank import ACCOUNTS, account_shown
from app.sandbox.unit.events import Events
from app.sandbox.unit.jsonapi import invalid, listed, order_of, page_of, query_of, refusal, tag_pairs, to_one
from app.sandbox.unit.keys import Keys
from app.sandbox.unit.requests import related, resource_of, tags_of, text_of
from app.sandbox.vendor import Answer, Call

_FILTERS = {"customerId": "customer_id", "status": "status"}


class DepositAccounts:
    """Accounts of customers."""

    def __init__(self, simulation: Simulation, events: Events, keys: Keys, applications: Applications) -> None:
        self._simulation = simulation
        self._store = simulation.store
        self._events = events
        self._keys = keys
        self._applications = applications

    async def create_account(self, call: Call) -> Answer:
        attributes, relationships = resource_of(call, "depositAccount")
        key = text_of(attributes, "idempotencyKey", 255)
        if (earlier := await self._keys.made_with(ACCOUNTS, key)) is not None:
            return Answer({"data": account_shown(earlier)}, 201)
        pointer = "/data/relationships/customer"
        customer = await self._applications.require_customer(related(relationships, "customer") or "", pointer)
        tags = tags_of(attributes.get("tags"))
        account = {
            "_id": str(await self._store.next_number()),
            "customer_id": customer["_id"],
            "product": text_of(attributes, "depositProduct", 100, required=True),
            "status": "Open",
            "balance": 0,
            "tags": tags,
            "tag_pairs": tag_pairs(tags),
            "created_at": self._simulation.clock.now(),
        }
        await self._store.put(ACCOUNTS, account)
        await self._keys.remember(ACCOUNTS, key, account)
        await self._tell("account.created", account)
        return Answer({"data": account_shown(account)}, 201)

    async def list_accounts(self, call: Call) -> Answer:
        limit, offset = page_of(call)
        query = query_of(call, _FILTERS)
        found = await self._store.find(ACCOUNTS, query, sort=order_of(call), skip=offset, limit=limit)
        total = await self._store.count(ACCOUNTS, query)
        return listed([account_shown(account) for account in found], limit=limit, offset=offset, total=total)

    async def freeze_account(self, call: Call) -> Answer:
        attributes, _ = resource_of(call, "accountFreeze")
        reason = text_of(attributes, "reason", 50, required=True)
        if reason == "Other":
            text_of(attributes, "reasonText", 200, required=True)
        return await self._move(call, "Open", "Frozen", "account.frozen")

    async def unfreeze_account(self, call: Call) -> Answer:
        return await self._move(call, "Frozen", "Open", "account.unfrozen")

    async def close_account(self, call: Call) -> Answer:
        if call.body:
            resource_of(call, "depositAccountClose")
        account = await self._account(call)
        if account["balance"]:
            raise invalid("an account is closed at balance zero", "/data")
        return await self._move(call, "Open", "Closed", "account.closed")

    async def _move(self, call: Call, status: str, following: str, event: str) -> Answer:
        account = await self._account(call)
        if account["status"] != status:
            detail = f"the account is {account['status']}, not {status}"
            raise refusal(400, "not_supported_for_account_status", detail)
        moved = {**account, "status": following}
        await self._store.put(ACCOUNTS, moved)
        await self._tell(event, moved)
        return Answer({"data": account_shown(moved)})

    async def _account(self, call: Call) -> Document:
        account = await self._store.get(ACCOUNTS, call.path("id"))
        if account is None:
            raise refusal(404, "not_found", "there is no such account")
        return account

    async def _tell(self, event: str, account: Document) -> None:
        related_to: dict[str, Any] = {
            "account": to_one("depositAccount", account["_id"]),
            "customer": to_one("customer", account["customer_id"]),
        }
        await self._events.record(event, related_to, {"tags": account["tags"]})
