"""Saved counterparties, and who is at the other end of a payment."""

from typing import Any

from app.clock import rfc3339
from app.sandbox import processor_tokens
from app.sandbox.simulation import Simulation
from app.sandbox.store import Document
from app.sandbox.unit.jsonapi import invalid, listed, order_of, page_of, query_of, refusal, to_one
from app.sandbox.unit.requests import PaymentRequest, counterparty_of, related, resource_of
from app.sandbox.vendor import Answer, Call

COUNTERPARTIES = "unit_counterparties"


class Counterparties:
    """The other side's bank accounts."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._store = simulation.store

    async def behind(self, request: PaymentRequest) -> tuple[dict[str, Any], Document | None]:
        """The bank account a payment names, and its Plaid link if it has one. Raises Refusal."""
        if request.counterparty is not None:
            return request.counterparty, None
        if request.counterparty_id is not None:
            saved = await self._store.get(COUNTERPARTIES, request.counterparty_id)
            if saved is None:
                pointer = "/data/relationships/counterparty"
                raise refusal(400, "counterparty_not_found", "there is no such counterparty", pointer)
            link = await processor_tokens.redeem(self._store, saved["processor_token"] or "")
            return saved["account"], link
        link = await self._linked(request.processor_token or "")
        name = request.counterparty_name or link["account"]["name"]
        return {**_bank_account(link), "name": name}, link

    async def create_counterparty(self, call: Call) -> Answer:
        attributes, relationships = resource_of(call, "achCounterparty")
        token = attributes.get("plaidProcessorToken")
        if token is not None:
            link = await self._linked(str(token))
            account = {**_bank_account(link), "name": str(attributes.get("name") or link["account"]["name"])}
        else:
            account = counterparty_of(attributes)
        counterparty = {
            "_id": str(await self._store.next_number()),
            "account": account,
            "bank": "Tattersall Federal",
            "processor_token": token,
            "type": str(attributes.get("type", "Unknown")),
            "permissions": str(attributes.get("permissions", "CreditAndDebit" if token else "CreditOnly")),
            "customer_id": related(relationships, "customer") or "7",
            "created_at": self._simulation.clock.now(),
        }
        await self._store.put(COUNTERPARTIES, counterparty)
        return Answer({"data": _shown(counterparty)}, 201)

    async def get_counterparty(self, call: Call) -> Answer:
        counterparty = await self._store.get(COUNTERPARTIES, call.path("id"))
        if counterparty is None:
            raise refusal(404, "not_found", "there is no such counterparty")
        return Answer({"data": _shown(counterparty)})

    async def list_counterparties(self, call: Call) -> Answer:
        limit, offset = page_of(call)
        query = query_of(call, {"customerId": "customer_id"})
        found = await self._store.find(COUNTERPARTIES, query, sort=order_of(call), skip=offset, limit=limit)
        total = await self._store.count(COUNTERPARTIES, query)
        return listed([_shown(item) for item in found], limit=limit, offset=offset, total=total)

    async def _linked(self, token: str) -> Document:
        link = await processor_tokens.redeem(self._store, token)
        if link is None:
            raise invalid("the processor token is not valid", "/data/attributes/plaidProcessorToken")
        return link


def _bank_account(link: Document) -> dict[str, Any]:
    account = link["account"]
    return {key: account[key] for key in ("name", "routingNumber", "accountNumber", "accountType")}


def _shown(counterparty: Document) -> dict[str, Any]:
    return {
        "type": "achCounterparty",
        "id": counterparty["_id"],
        "attributes": {
            "createdAt": rfc3339(counterparty["created_at"]),
            **counterparty["account"],
            "bank": counterparty["bank"],
            "type": counterparty["type"],
            "permissions": counterparty["permissions"],
            "tags": {},
        },
        "relationships": {"customer": to_one("customer", counterparty["customer_id"])},
    }
