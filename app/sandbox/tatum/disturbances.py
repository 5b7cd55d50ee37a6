"""What chains do to transactions when one does not look: they drop, replace, undo and fail them, by order of the desk.

broadcast ── drop ────► dropped       gone from the pool; its nonce and its inputs are free again
broadcast ── replace ─► replaced      another transaction with its nonce or inputs is in a block
broadcast ── fail ────► confirmed     in a block, moving nothing but the fee
confirmed ── reorg ───► broadcast     its block is gone; it is mined again, or dropped where ``lost`` is said
dropped, replaced ── again ─► broadcast  its sender tells the pool once more
"""

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from app.money import Money
from app.sandbox.simulation import Simulation
from app.sandbox.store import Document
from app.sandbox.tatum.chain_book import SPENT, TRANSACTIONS, ChainBook, output_document
from app.sandbox.tatum.chains import CHAINS, Chain, restored


class DisturbanceRequest(BaseModel):
    """Which transaction. ``lost``: a reorganised one does not come back. ``amount``: one that was dropped pays that
    when it does, as a contract may that is run in another block.
    """

    model_config = ConfigDict(extra="forbid")

    hash: str = Field(min_length=1, max_length=200)
    lost: bool = False
    amount: str | None = Field(None, pattern=r"^\d{1,30}(\.\d{1,18})?$")


class Disturbances:
    """Bad luck on demand."""

    def __init__(self, simulation: Simulation, book: ChainBook) -> None:
        self._simulation = simulation
        self._store = simulation.store
        self._book = book

    async def drop(self, tx_hash: str) -> None:
        """The pool forgets it."""
        transaction = await self._of(tx_hash, "broadcast")
        await self._store.put(TRANSACTIONS, {**transaction, "status": "dropped"})
        await self._book.give_back(_chain(transaction), transaction)
        await self._free(transaction)

    async def replace(self, tx_hash: str) -> str:
        """Another transaction of the same sender, to itself, is mined in its place; that one's hash."""
        replaced = await self._of(tx_hash, "broadcast")
        chain = _chain(replaced)
        if not replaced["spends"]:
            raise HTTPException(409, "It has neither a nonce nor inputs to compete for.")
        await self._store.put(TRANSACTIONS, {**replaced, "status": "replaced"})
        await self._book.give_back(chain, replaced)
        await self._free(replaced)
        other = await self._book.broadcast(
            chain,
            sender=replaced["from"],
            outputs=[output_document(replaced["from"], Money(1, chain.coin))],
            spends=replaced["spends"],
            kms_id=None,
            nonce=replaced["nonce"],
        )
        await self._book.schedule(other, 0)
        return other

    async def fail(self, tx_hash: str) -> None:
        """It will be mined, and move nothing."""
        transaction = await self._of(tx_hash, "broadcast")
        if _chain(transaction).is_utxo:
            raise HTTPException(409, "On a UTXO chain nothing is mined that fails.")
        await self._store.put(TRANSACTIONS, {**transaction, "reverts": True})

    async def reorganise(self, tx_hash: str, *, lost: bool) -> None:
        """Its block never was."""
        transaction = await self._of(tx_hash, "confirmed")
        chain = _chain(transaction)
        again = {**transaction, "status": "dropped" if lost else "broadcast", "block_number": None}
        await self._store.put(TRANSACTIONS, again)
        await self._book.unmine(chain, transaction)
        if lost:
            await self._book.give_back(chain, transaction)
            await self._free(transaction)
        else:
            await self._book.schedule(tx_hash, self._simulation.config.pace_s)

    async def broadcast_again(self, tx_hash: str, amount: str | None) -> None:
        """The pool has it again, and a block will."""
        transaction = await self._of(tx_hash, "dropped", "replaced")
        for spent in transaction["spends"]:
            if await self._store.get(SPENT, spent) is not None:
                raise HTTPException(409, "Another transaction has what it spends.")
        for spent in transaction["spends"]:
            await self._store.put(SPENT, {"_id": spent, "hash": tx_hash})
        await self._book.outputs.spend(transaction["spends"], tx_hash)
        again = {**transaction, "status": "broadcast"}
        if amount is not None:
            again["to"] = [
                output_document(each["address"], Money.parse(amount, restored(each).asset)) for each in again["to"]
            ]
        await self._store.put(TRANSACTIONS, again)
        await self._book.take_again(_chain(again), again)
        await self._book.schedule(tx_hash, self._simulation.config.pace_s)

    async def _free(self, transaction: Document) -> None:
        await self._store.delete(SPENT, {"_id": {"$in": transaction["spends"]}})
        await self._book.outputs.spend(transaction["spends"], None)

    async def _of(self, tx_hash: str, *statuses: str) -> Document:
        transaction = await self._store.get(TRANSACTIONS, tx_hash)
        if transaction is None or transaction["status"] not in statuses:
            raise HTTPException(404, f"There is no such transaction that is {' or '.join(statuses)}.")
        return transaction


def add_disturbances(desk: APIRouter, disturbances: Disturbances, simulation: Simulation) -> None:
    """The desk's endpoints: POST {hash} to drop, replace, fail, reorg, again."""

    @desk.post("/drop")
    async def drop(body: DisturbanceRequest) -> dict[str, str]:
        await simulation.store.atomically(lambda: disturbances.drop(body.hash))
        return {"hash": body.hash}

    @desk.post("/replace")
    async def replace(body: DisturbanceRequest) -> dict[str, str]:
        return {"hash": await simulation.store.atomically(lambda: disturbances.replace(body.hash))}

    @desk.post("/fail")
    async def fail(body: DisturbanceRequest) -> dict[str, str]:
        await simulation.store.atomically(lambda: disturbances.fail(body.hash))
        return {"hash": body.hash}

    @desk.post("/reorg")
    async def reorg(body: DisturbanceRequest) -> dict[str, str]:
        await simulation.store.atomically(lambda: disturbances.reorganise(body.hash, lost=body.lost))
        return {"hash": body.hash}

    @desk.post("/again")
    async def again(body: DisturbanceRequest) -> dict[str, str]:
        await simulation.store.atomically(lambda: disturbances.broadcast_again(body.hash, body.amount))
        return {"hash": body.hash}


def _chain(transaction: Document) -> Chain:
    return next(chain for chain in CHAINS if chain.name == transaction["chain"])
