"""Outputs of the UTXO chain: made when a transaction is mined, spent by name, once."""

from typing import Any

from app.money import Money
from app.sandbox.simulation import Simulation
from app.sandbox.store import Document
from app.sandbox.tatum.chains import Chain, restored, stored

OUTPUTS = "tatum_outputs"
OPENING_OUTPUTS = 500
"""So many sends may be under way at once before the change of one of them is needed."""
_PAGE = 50


def name_of(tx_hash: str, place: int) -> str:
    return f"{tx_hash}:{place}"


class Outputs:
    """Who can spend what."""

    def __init__(self, simulation: Simulation) -> None:
        self._store = simulation.store

    async def open(self, chain: Chain, address: str, total: Money) -> None:
        """An address's first coins, in equal outputs."""
        origin = f"{chain.name}-opening-{address}"
        share = Money(total.minor // OPENING_OUTPUTS, chain.coin)
        opening = [_output(chain, origin, place, address, share) for place in range(OPENING_OUTPUTS)]
        await self._store.add(OUTPUTS, opening)

    async def mined(self, chain: Chain, transaction: Document) -> None:
        """The transaction's outputs can be spent from now on."""
        for place, output in enumerate(transaction["to"]):
            made = _output(chain, transaction["_id"], place, output["address"], restored(output))
            await self._store.put(OUTPUTS, made)

    async def unmined(self, transaction: Document) -> None:
        """The transaction's block is gone, and its outputs with it."""
        await self._store.delete(OUTPUTS, {"tx_hash": transaction["_id"]})

    async def get(self, name: str) -> Document | None:
        return await self._store.get(OUTPUTS, name)

    async def spend(self, names: list[str], by: str | None) -> None:
        """Note who spends these outputs; None: nobody any more."""
        for name in names:
            await self._store.change(OUTPUTS, {"_id": name}, {"$set": {"spent_by": by}})

    async def unspent(self, chain: Chain, address: str, at_least: Money) -> list[Document]:
        """Outputs of the address that nobody spends, oldest first, until they are worth that much."""
        query: dict[str, Any] = {"chain": chain.name, "address": address, "spent_by": None}
        found, worth = list[Document](), Money(0, chain.coin)
        while worth < at_least:
            page = await self._store.find(OUTPUTS, query, limit=_PAGE)
            for output in page:
                if worth < at_least:
                    found.append(output)
                    worth += restored(output)
            if len(page) < _PAGE:
                break
            query["_id"] = {"$gt": page[-1]["_id"]}
        return found


def _output(chain: Chain, tx_hash: str, place: int, address: str, amount: Money) -> Document:
    return {
        "_id": name_of(tx_hash, place),
        "tx_hash": tx_hash,
        "place": place,
        "chain": chain.name,
        "address": address,
        "spent_by": None,
        **stored(amount),
    }
