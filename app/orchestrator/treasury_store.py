"""What the treasury's addresses have given out, in MongoDB; written through the ledger's door only."""

from collections.abc import Sequence
from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from app.orchestrator.treasury import INPUTS, NONCES, RETURNED_NONCES, input_id
from app.plumbing.collections import CollectionSpec

Document = dict[str, Any]

COLLECTIONS = (
    CollectionSpec(NONCES),
    CollectionSpec(
        RETURNED_NONCES,
        indexes=(IndexModel([("address", ASCENDING), ("nonce", ASCENDING)], partialFilterExpression={"free": 1}),),
    ),
    CollectionSpec(
        INPUTS,
        indexes=(IndexModel([("_id", ASCENDING), ("in_use", ASCENDING)], partialFilterExpression={"in_use": 1}),),
    ),
)


class TreasuryStore:
    """Reads for whoever is about to take something; each guards what it read."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._database = database

    async def numbering(self, address_id: str, mined: int) -> tuple[Document | None, Document | None]:
        """The allocator of an address, and the lowest nonce that was given back to it and is not mined with already.

        ``mined`` is the chain's own count: a number below it was used by somebody else meanwhile, and hides no other.
        """
        within = {"_id": {"$gt": f"{address_id}#", "$lt": f"{address_id}$"}}
        returned = {"address": address_id, "free": 1, "nonce": {"$gte": mined}, **within}
        return (
            await self._database[NONCES].find_one({"_id": address_id}),
            await self._database[RETURNED_NONCES].find_one(returned, sort=[("nonce", ASCENDING)]),
        )

    async def returned(self, address_id: str, nonce: int) -> Document | None:
        """That nonce of an address, if it was given back and nobody has taken it since."""
        return await self._database[RETURNED_NONCES].find_one({"address": address_id, "nonce": nonce, "free": 1})

    async def inputs_in_use(self, chain: str) -> list[Document]:
        """The chain's inputs that sends have taken, and that are not spent for good yet."""
        query = {"_id": {"$gt": input_id(chain, ""), "$lt": input_id(chain, "~")}, "in_use": 1}
        return await self._database[INPUTS].find(query).to_list()

    async def inputs(self, chain: str, refs: Sequence[str]) -> dict[str, Document]:
        """What is known of those inputs, by their names on the chain."""
        query = {"_id": {"$in": [input_id(chain, ref) for ref in refs]}}
        return {document["ref"]: document async for document in self._database[INPUTS].find(query)}
