"""The objects of the vendor: made with an id and a time, kept as they are shown, listed newest first."""

from collections.abc import Mapping
from typing import Any

from app.sandbox.simulation import Simulation
from app.sandbox.store import Document
from app.sandbox.stripe.wire import invalid, listed, missing, page_of, query_of
from app.sandbox.vendor import Answer, Call

PREFIXES = {
    "payment_intent": "pi",
    "charge": "ch",
    "refund": "re",
    "dispute": "du",
    "account": "acct",
    "card": "card",
    "transfer": "tr",
    "transfer_reversal": "trr",
    "payout": "po",
    "balance_transaction": "txn",
    "event": "evt",
}
"""Every kind of object, and how its ids begin."""

COLLECTIONS = {f"stripe_{kind}s": ("number", "account+number") for kind in PREFIXES}

Object = dict[str, Any]


class Objects:
    """All of them. ``account`` is the connected account an object belongs to; empty for our own."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._store = simulation.store

    def now(self) -> int:
        """The vendor's time in seconds."""
        return int(self._simulation.clock.now().timestamp())

    async def make(self, kind: str, fields: Object, *, account: str = "") -> Object:
        """A new object."""
        made: Object = {
            "id": f"{PREFIXES[kind]}_{await self._simulation.new_hex(kind, 24)}",
            "object": kind,
            "created": self.now(),
            "livemode": False,
            **fields,
        }
        document = {
            "_id": made["id"],
            "number": await self._store.next_number(),
            "account": account,
            "shown": made,
        }
        await self._store.put(f"stripe_{kind}s", document)
        return made

    async def keep(self, shown: Object) -> None:
        """The object as it now is."""
        found = await self._found(shown["object"], shown["id"])
        if found is not None:
            await self._store.put(f"stripe_{shown['object']}s", {**found, "shown": shown})

    async def find(self, kind: str, key: str, *, account: str = "") -> Object | None:
        """The object of that id, if it belongs to that account."""
        found = await self._found(kind, key)
        return found["shown"] if found is not None and found["account"] == account else None

    async def get(self, kind: str, key: str, *, account: str = "", status: int = 404) -> Object:
        """The same. Raises Refusal."""
        found = await self.find(kind, key, account=account)
        if found is None:
            raise missing(kind, key, status=status)
        return found

    async def account_of(self, kind: str, key: str) -> str:
        """The account it belongs to."""
        found = await self._found(kind, key)
        return found["account"] if found else ""

    async def all_of(self, kind: str, query: Mapping[str, Any] | None = None) -> list[Object]:
        """Every object of a kind, oldest first."""
        found = await self._store.find(f"stripe_{kind}s", query or {}, sort=(("number", 1),), limit=10_000)
        return [each["shown"] for each in found]

    async def listed(self, call: Call, kind: str, *, filters: Mapping[str, str], account: str = "") -> Answer:
        """A page, newest first. ``filters``: where the value of a parameter is found, by its name."""
        query: dict[str, Any] = {"account": account}
        given = query_of(call)
        for name, field in filters.items():
            if isinstance(given.get(name), str):
                query[field] = given[name]
        _bound_by_time(query, given)
        await self._bound_by_cursor(query, kind, call)
        limit = page_of(call)
        found = await self._store.find(f"stripe_{kind}s", query, sort=(("number", -1),), limit=limit + 1)
        shown = [each["shown"] for each in found[:limit]]
        return listed(shown, call, more=len(found) > limit)

    async def _bound_by_cursor(self, query: dict[str, Any], kind: str, call: Call) -> None:
        for name, comparison in (("starting_after", "$lt"), ("ending_before", "$gt")):
            if key := call.query(name):
                found = await self._found(kind, key)
                if found is None:
                    raise missing(kind, key, status=400)
                query.setdefault("number", {})[comparison] = found["number"]

    async def _found(self, kind: str, key: str) -> Document | None:
        return await self._store.get(f"stripe_{kind}s", key)


def _bound_by_time(query: dict[str, Any], given: Mapping[str, Any]) -> None:
    created = given.get("created")
    bounds = created.items() if isinstance(created, dict) else [("eq", created)] if created else []
    for name, text in bounds:
        if name not in {"eq", "gt", "gte", "lt", "lte"} or not str(text).isdigit():
            raise invalid("created", "Invalid timestamp.", "parameter_invalid_integer")
        query.setdefault("shown.created", {})[f"${name}"] = int(text)
