"""The chains' own book: transactions from broadcast to block, balances, and what a nonce or an input was spent on."""

from typing import Any

from app.money import Money
from app.sandbox.simulation import Simulation
from app.sandbox.store import Document
from app.sandbox.tatum.blocks import Blocks
from app.sandbox.tatum.chains import CHAINS, Chain, restored, stored
from app.sandbox.tatum.encodings import base58
from app.sandbox.tatum.notices import Notices
from app.sandbox.tatum.outputs import Outputs
from app.sandbox.tatum.wallets import is_ours

TRANSACTIONS = "tatum_transactions"
SPENT = "tatum_spent"
TREASURIES = "tatum_treasuries"
OPENING_COINS = 1_000_000
"""What a KMS-managed address is seen with at first."""
SCANNED_MAX = 100_000


class AlreadySpent(Exception):
    """Another transaction used the nonce or the input, or it is not there to be used."""


class ChainBook:
    """Transactions of all chains."""

    def __init__(self, simulation: Simulation, blocks: Blocks, notices: Notices) -> None:
        self._simulation = simulation
        self._store = simulation.store
        self._blocks = blocks
        self._notices = notices
        self.outputs = Outputs(simulation)

    async def broadcast(
        self,
        chain: Chain,
        *,
        sender: str,
        outputs: list[Document],
        spends: list[str],
        kms_id: str | None,
        nonce: int | None = None,
        change: Document | None = None,
        tx_hash: str | None = None,
    ) -> str:
        """Put a transaction on its way into a block; its hash. Raises AlreadySpent."""
        tx_hash = tx_hash or await self._new_hash(chain)
        for spent in spends:
            if await self._store.get(SPENT, spent) is not None:
                raise AlreadySpent(spent)
            if chain.is_utxo and await self.outputs.get(spent) is None:
                raise AlreadySpent(spent)
        if nonce is not None and nonce < await self.nonce(chain, sender):
            raise AlreadySpent(nonce)
        for spent in spends:
            await self._store.put(SPENT, {"_id": spent, "hash": tx_hash})
        if chain.is_utxo:
            await self.outputs.spend(spends, tx_hash)
        broadcast = {
            "_id": tx_hash,
            "chain": chain.name,
            "from": sender,
            "to": outputs,
            "nonce": nonce,
            "spends": spends,
            "change": change,
            "reverts": False,
            "opens": await self.opens(chain, outputs[0]["address"], outputs[0]["asset"]),
            "kms_id": kms_id,
            "status": "broadcast",
            "block_number": None,
            "created_at": self._simulation.clock.now(),
        }
        await self._store.put(TRANSACTIONS, broadcast)
        if chain.is_utxo and kms_id is None:
            await self._notices.pooled(broadcast)
        for output in outputs:
            await self._shift(chain, sender, -restored(output))
        await self.schedule(tx_hash, self._simulation.config.pace_s / 2)
        return tx_hash

    async def _new_hash(self, chain: Chain) -> str:
        digits = await self._simulation.new_hex(f"tatum-tx/{chain.name}", 64)
        match chain.name:
            case "bitcoin" | "tron":
                return digits
            case "solana":
                return base58(bytes.fromhex(digits) * 2)
            case _:
                return f"0x{digits}"

    async def schedule(self, tx_hash: str, after_s: float) -> None:
        """Let the transaction be mined then."""
        await self._simulation.agenda.add("tatum", "mine", tx_hash, after_s=after_s)

    async def nonce(self, chain: Chain, address: str) -> int:
        """How many transactions of the address are in blocks."""
        query = {"chain": chain.name, "from": address, "status": "confirmed"}
        return await self._store.count(TRANSACTIONS, {**query, "nonce": {"$ne": None}})

    async def mine(self, tx_hash: str) -> None:
        """Put the transaction into the block of now, once, and tell."""
        await self._store.atomically(lambda: self._mine(tx_hash))

    async def _mine(self, tx_hash: str) -> None:
        waiting = await self._store.get(TRANSACTIONS, tx_hash)
        if waiting is None or waiting["status"] != "broadcast":
            return
        chain = next(chain for chain in CHAINS if chain.name == waiting["chain"])
        if waiting["nonce"] is not None and waiting["nonce"] > await self.nonce(chain, waiting["from"]):
            return  # it waits in the pool for the nonces before it
        mined = {
            **waiting,
            "status": "confirmed",
            "block_number": self._blocks.height(chain),
            "mined_at": self._simulation.clock.now(),
        }
        await self._store.put(TRANSACTIONS, mined)
        payee = mined["from"] if mined["reverts"] else None
        for output in mined["to"]:
            await self._shift(chain, payee or output["address"], restored(output))
        if chain.is_utxo:
            await self.outputs.mined(chain, with_change(mined))
        if not mined["reverts"]:
            await self._notices.moved(mined)
        await self.mine_following(mined)

    async def give_back(self, chain: Chain, transaction: Document) -> None:
        """What its sender had sent is the sender's again."""
        for output in transaction["to"]:
            await self._shift(chain, transaction["from"], restored(output))

    async def take_again(self, chain: Chain, transaction: Document) -> None:
        """What its sender sends is the sender's no more."""
        for output in transaction["to"]:
            await self._shift(chain, transaction["from"], -restored(output))

    async def unmine(self, chain: Chain, transaction: Document) -> None:
        """Its block is gone: the receivers never got anything, and its outputs are not there to be spent."""
        for output in transaction["to"]:
            await self._shift(chain, output["address"], -restored(output))
        await self.outputs.unmined(transaction)

    async def mine_following(self, mined: Document) -> None:
        """The sender's next nonce may have been waiting for this one."""
        if mined["nonce"] is not None:
            query = {"chain": mined["chain"], "from": mined["from"], "status": "broadcast"}
            for following in await self._store.find(TRANSACTIONS, {**query, "nonce": mined["nonce"] + 1}):
                await self.schedule(following["_id"], 0)

    async def knows(self, chain: Chain, address: str) -> bool:
        """Whether a KMS-managed address has been seen."""
        return await self._store.get(TREASURIES, f"{chain.name}/{address}") is not None

    async def opens(self, chain: Chain, address: str, token: str) -> bool:
        """Whether a payment would be the first of that token there: on Solana it has to open an account for it."""
        if chain.name != "solana" or token in {"", chain.coin.code}:
            return False
        paid = {"chain": chain.name, "to.address": address, "to.asset": token, "status": "confirmed"}
        return not await self._store.find(TRANSACTIONS, paid, limit=1)

    async def fund(self, chain: Chain, address: str) -> None:
        """Give a KMS-managed address its opening balance, when it is first seen."""
        key = f"{chain.name}/{address}"
        if not await self.knows(chain, address):
            opening = OPENING_COINS * chain.coin.one
            await self._store.put(TREASURIES, {"_id": key, "minor": str(opening)})
            if chain.is_utxo and is_ours(chain, address):
                await self.outputs.open(chain, address, Money(opening, chain.coin))

    async def mined_of(self, chain: Chain, address: str, *, outgoing: bool, skip: int, limit: int) -> list[Document]:
        """Mined transactions that spent from an address, or paid it without spending from it, newest first."""
        whose = {"from": address} if outgoing else {"to.address": address, "from": {"$ne": address}}
        query = {"chain": chain.name, "status": "confirmed", **whose}
        newest = (("block_number", -1), ("_id", -1))
        return await self._store.find(TRANSACTIONS, query, sort=newest, skip=skip, limit=limit)

    async def of_address(self, chain: Chain, address: str) -> list[Document]:
        """The address's transactions, oldest first."""
        return await self._store.find(
            TRANSACTIONS,
            {"chain": chain.name, "$or": [{"from": address}, {"to.address": address}]},
            sort=(("created_at", 1), ("_id", 1)),
            limit=SCANNED_MAX,
        )

    async def flows(self, chain: Chain, address: str) -> dict[str, Money]:
        """What came in and went out in the native coin, mined and pending; the opening counts as incoming."""
        zero = Money(0, chain.coin)
        flows = dict.fromkeys(("incoming", "outgoing", "incomingPending", "outgoingPending"), zero)
        if await self._store.get(TREASURIES, f"{chain.name}/{address}") is not None:
            flows["incoming"] = Money(OPENING_COINS * chain.coin.one, chain.coin)
        for transaction in await self.of_address(chain, address):
            pending = "" if transaction["status"] == "confirmed" else "Pending"
            for output in transaction["to"]:
                amount = restored(output)
                if amount.asset != chain.coin:
                    continue
                if transaction["from"] == address:
                    flows[f"outgoing{pending}"] += amount
                if output["address"] == address:
                    flows[f"incoming{pending}"] += amount
        return flows

    async def spendable(self, chain: Chain, address: str) -> Money:
        """What a KMS-managed address may still send of the native coin, broadcasts already counted."""
        treasury = await self._store.get(TREASURIES, f"{chain.name}/{address}")
        return Money(int(treasury["minor"]) if treasury else 0, chain.coin)

    async def _shift(self, chain: Chain, address: str, amount: Money) -> None:
        """Move what a KMS-managed address may send; other addresses and tokens are not counted."""
        treasury = await self._store.get(TREASURIES, f"{chain.name}/{address}")
        if treasury is not None and amount.asset == chain.coin:
            await self._store.put(TREASURIES, {**treasury, "minor": str(int(treasury["minor"]) + amount.minor)})

    async def book(self) -> dict[str, Any]:
        found = await self._store.find(TRANSACTIONS, {}, sort=(("created_at", 1), ("_id", 1)), limit=SCANNED_MAX)
        return {"transactions": [line for transaction in found for line in _lines(transaction)]}


def output_document(address: str, amount: Money) -> Document:
    return {"address": address, **stored(amount)}


def with_change(transaction: Document) -> Document:
    """The transaction with what returns to its sender among its outputs, as the last one."""
    change = transaction["change"]
    return {**transaction, "to": [*transaction["to"], change]} if change else transaction


def _lines(transaction: Document) -> list[dict[str, Any]]:
    """One line per output; nearly always one."""
    return [
        {
            "hash": transaction["_id"],
            "chain": transaction["chain"],
            "from": transaction["from"],
            "to": output["address"],
            "amount": str(restored(output)),
            "currency": output["asset"],
            "status": transaction["status"],
            "kms_id": transaction["kms_id"],
        }
        for output in transaction["to"]
    ]
