"""Who wants to be a customer, and who is one. The social security number decides how an application goes."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from app.clock import rfc3339
from app.sandbox.simulation import Simulation
from app.sandbox.store import Document
from app.sandbox.unit.events import Events
from app.sandbox.unit.jsonapi import invalid, listed, order_of, page_of, query_of, refusal, tag_pairs, to_one
from app.sandbox.unit.keys import Keys
from app.sandbox.unit.requests import resource_of, tags_of, text_of
from app.sandbox.vendor import Answer, Call

APPLICATIONS = "unit_applications"
CUSTOMERS = "unit_customers"

FATES = {
    "000000001": "Denied",
    "000000002": "AwaitingDocuments",
    "000000003": "AwaitingDocuments",
    "000000004": "PendingReview",
    "000000006": "AwaitingDocuments",
}
"""The vendor's own magic numbers; any other person is approved."""

_OPEN = {"AwaitingDocuments", "PendingReview", "Pending"}
_EVENTS = {
    "Approved": "application.approved",
    "Denied": "application.denied",
    "AwaitingDocuments": "application.awaitingDocuments",
    "PendingReview": "application.pendingReview",
}
_SSN = re.compile(r"[0-9]{9}", re.ASCII)
_PERSON = "/data/attributes"


class Applications:
    """Applications of individuals, and the customers they become."""

    def __init__(self, simulation: Simulation, events: Events, keys: Keys) -> None:
        self._simulation = simulation
        self._store = simulation.store
        self._events = events
        self._keys = keys

    async def create_application(self, call: Call) -> Answer:
        attributes, _ = resource_of(call, "individualApplication")
        key = text_of(attributes, "idempotencyKey", 255)
        if (earlier := await self._keys.made_with(APPLICATIONS, key)) is not None:
            return Answer({"data": _application_shown(earlier)}, 201)
        person = _person_of(attributes)
        tags = tags_of(attributes.get("tags"))
        application = {
            "_id": str(await self._store.next_number()),
            "person": person,
            "tags": tags,
            "tag_pairs": tag_pairs(tags),
            "status": "New",
            "customer_id": None,
            "created_at": self._simulation.clock.now(),
        }
        status = "Denied" if call.declined else FATES.get(person["ssn"], "Approved")
        await self._events.record("application.created", _named(application), {"tags": tags})
        decided = await self._decide(application, status)
        await self._keys.remember(APPLICATIONS, key, decided)
        return Answer({"data": _application_shown(decided)}, 201)

    async def get_application(self, call: Call) -> Answer:
        return Answer({"data": _application_shown(await self._application(call.path("id")))})

    async def list_applications(self, call: Call) -> Answer:
        return await self._list(call, APPLICATIONS, _application_shown)

    async def approve_application(self, call: Call) -> Answer:
        return await self._close(call, "Approved")

    async def deny_application(self, call: Call) -> Answer:
        return await self._close(call, "Denied")

    async def get_customer(self, call: Call) -> Answer:
        customer = await self._store.get(CUSTOMERS, call.path("id"))
        if customer is None:
            raise refusal(404, "not_found", "there is no such customer")
        return Answer({"data": _customer_shown(customer)})

    async def list_customers(self, call: Call) -> Answer:
        return await self._list(call, CUSTOMERS, _customer_shown)

    async def require_customer(self, customer_id: str, pointer: str) -> Document:
        """The customer that a request names. Raises Refusal."""
        customer = await self._store.get(CUSTOMERS, customer_id)
        if customer is None:
            raise refusal(400, "customer_not_found", f"there is no customer {customer_id[:20]}", pointer)
        return customer

    async def book(self) -> dict[str, Any]:
        """What is held of applications and customers, without who they are."""
        applications = await self._store.find(APPLICATIONS, {}, limit=100_000)
        customers = await self._store.find(CUSTOMERS, {}, limit=100_000)
        return {
            "applications": [
                {"id": each["_id"], "status": each["status"], "tags": each["tags"]} for each in applications
            ],
            "customers": [{"id": each["_id"], "status": "Active"} for each in customers],
        }

    async def _close(self, call: Call, status: str) -> Answer:
        application = await self._application(call.path("id"))
        if application["status"] not in _OPEN:
            raise refusal(400, "invalid_state", f"an application that is {application['status']} is decided")
        return Answer({"data": _application_shown(await self._decide(application, status))})

    async def _decide(self, application: Document, status: str) -> Document:
        decided = {**application, "status": status}
        if status == "Approved":
            customer = {
                "_id": str(await self._store.next_number()),
                "application_id": application["_id"],
                "person": application["person"],
                "tags": application["tags"],
                "tag_pairs": application["tag_pairs"],
                "created_at": self._simulation.clock.now(),
            }
            await self._store.put(CUSTOMERS, customer)
            decided["customer_id"] = customer["_id"]
            related = {**_named(application), "customer": to_one("customer", customer["_id"])}
            await self._events.record("customer.created", related, {"tags": application["tags"]})
        await self._store.put(APPLICATIONS, decided)
        await self._events.record(_EVENTS[status], _named(application), {"tags": application["tags"]})
        return decided

    async def _application(self, key: str) -> Document:
        application = await self._store.get(APPLICATIONS, key)
        if application is None:
            raise refusal(404, "not_found", "there is no such application")
        return application

    async def _list(self, call: Call, collection: str, shown: Any) -> Answer:
        limit, offset = page_of(call)
        query = query_of(call, {"status": "status"})
        found = await self._store.find(collection, query, sort=order_of(call), skip=offset, limit=limit)
        total = await self._store.count(collection, query)
        return listed([shown(item) for item in found], limit=limit, offset=offset, total=total)


def _person_of(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The person of a request, as strictly as the vendor reads it. Raises Refusal."""
    ssn = attributes.get("ssn")
    if not isinstance(ssn, str) or not _SSN.fullmatch(ssn):
        raise invalid("ssn must be 9 digits", f"{_PERSON}/ssn")
    name, address, phone = (_object(attributes, each) for each in ("fullName", "address", "phone"))
    try:
        born_on = date.fromisoformat(str(attributes.get("dateOfBirth")))
    except ValueError:
        raise invalid("dateOfBirth must be a date", f"{_PERSON}/dateOfBirth") from None
    return {
        "ssn": ssn,
        "fullName": {each: text_of(name, each, 40, required=True) for each in ("first", "last")},
        "dateOfBirth": born_on.isoformat(),
        "address": {
            each: text_of(address, each, 100, required=True)
            for each in ("street", "city", "state", "postalCode", "country")
        },
        "email": text_of(attributes, "email", 100, required=True),
        "phone": {each: text_of(phone, each, 15, required=True) for each in ("countryCode", "number")},
    }


def _object(attributes: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    given = attributes.get(name)
    if not isinstance(given, Mapping):
        raise invalid(f"{name} must be an object", f"{_PERSON}/{name}")
    return given


def _named(application: Document) -> dict[str, Any]:
    return {"application": to_one("individualApplication", application["_id"])}


def _application_shown(application: Document) -> dict[str, Any]:
    relationships = {"org": to_one("org", "1")}
    if application["customer_id"] is not None:
        relationships["customer"] = to_one("customer", application["customer_id"])
    return {
        "type": "individualApplication",
        "id": application["_id"],
        "attributes": {
            **application["person"],
            "createdAt": rfc3339(application["created_at"]),
            "status": application["status"],
            "message": "",
            "archived": False,
            "tags": dict(application["tags"]),
        },
        "relationships": relationships,
    }


def _customer_shown(customer: Document) -> dict[str, Any]:
    return {
        "type": "individualCustomer",
        "id": customer["_id"],
        "attributes": {
            **customer["person"],
            "createdAt": rfc3339(customer["created_at"]),
            "status": "Active",
            "authorizedUsers": [],
            "tags": dict(customer["tags"]),
        },
        "relationships": {
            "org": to_one("org", "1"),
            "application": to_one("individualApplication", customer["application_id"]),
        },
    }
