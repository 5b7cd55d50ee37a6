"""Reading the chains: transactions, heights, balances, history."""

from typing import Any

from app.sandbox.simulation import Simulation
from app.sandbox.store import Document
from app.sandbox.tatum.blocks import Blocks
from app.sandbox.tatum.chain_book import TRANSACTIONS, ChainBook
from app.sandbox.tatum.chains import Chain, restored
from app.sandbox.tatum.prices import GAS_LIMIT, GAS_PRICE_WEI
from app.sandbox.tatum.refusals import chain_of, invalid, refusal
from app.sandbox.vendor import Answer, Call

BITCOIN_FEE_SATOSHI = 1_000
_PAGE_MAX = 50


class Reads:
    """What anyone can see on a chain."""

    def __init__(self, simulation: Simulation, blocks: Blocks, book: ChainBook) -> None:
        self._store = simulation.store
        self._blocks = blocks
        self._book = book

    async def get_transaction(self, call: Call) -> Answer:
        """404 means unknown *or not in a block yet*, as at the vendor."""
        chain = chain_of(call.query("chain"))
        transaction = await self._store.get(TRANSACTIONS, call.query("hash"))
        if transaction is None or transaction["chain"] != chain.name or transaction["status"] != "confirmed":
            raise refusal(404, "tx.not.found", "Transaction not found. Possible not exists or is still pending.")
        return Answer(_utxo_shown(transaction) if chain.is_utxo else _account_shown(transaction))

    async def current_block(self, call: Call) -> Answer:
        return Answer(self._blocks.height(chain_of(call.query("chain"))))

    async def balance(self, call: Call) -> Answer:
        chain, address = chain_of(call.query("chain")), call.query("address")
        if not address:
            raise invalid("address", None, "address must be given")
        flows = await self._book.flows(chain, address)
        balance = str(flows["incoming"] - flows["outgoing"])
        if not chain.is_utxo:
            return Answer({"balance": balance})
        return Answer({"balance": balance, **{name: str(amount) for name, amount in flows.items()}})

    async def history(self, call: Call) -> Answer:
        chain = chain_of(call.query("chain"))
        addresses = [address for address in call.query("addresses").split(",") if address]
        if not addresses:
            raise invalid("addresses", None, "addresses must be given")
        size, offset = _whole(call, "pageSize", _PAGE_MAX), _whole(call, "offset", 0)
        rows = [
            row
            for address in addresses
            for transaction in await self._book.of_address(chain, address)
            if transaction["status"] == "confirmed"
            for row in _history_rows(chain, transaction, address)
        ]
        wanted = call.query("transactionSubtype")
        rows = [row for row in rows if not wanted or row["transactionSubtype"] in wanted.split(",")]
        rows.sort(key=lambda row: row["blockNumber"], reverse=True)
        return Answer({"result": rows[offset : offset + min(size, _PAGE_MAX)], "prevPage": "", "nextPage": ""})


def _whole(call: Call, name: str, default: int) -> int:
    text = call.query(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise invalid(name, text, f"{name} must be a number")
    return int(text)


def _utxo_shown(transaction: Document) -> dict[str, Any]:
    """Values are satoshi, as in the vendor's schema of UTXO transactions."""
    outputs = [
        {"value": restored(output).minor, "address": output["address"], "script": ""} for output in transaction["to"]
    ]
    spent = sum(output["value"] for output in outputs) + BITCOIN_FEE_SATOSHI
    return {
        "hash": transaction["_id"],
        "blockNumber": transaction["block_number"],
        "fee": BITCOIN_FEE_SATOSHI,
        "time": int(transaction["mined_at"].timestamp()),
        "inputs": [
            {
                "prevout": {"hash": transaction["_id"][::-1], "index": 0},
                "coin": {"address": transaction["from"], "value": spent},
            }
        ],
        "outputs": outputs,
    }


def _account_shown(transaction: Document) -> dict[str, Any]:
    output = transaction["to"][0]
    price = str(GAS_PRICE_WEI["medium"])
    return {
        "hash": transaction["_id"],
        "transactionHash": transaction["_id"],
        "blockNumber": transaction["block_number"],
        "from": transaction["from"],
        "to": output["address"],
        "value": str(restored(output).minor),
        "nonce": transaction["nonce"],
        "gas": GAS_LIMIT,
        "gasPrice": price,
        "gasUsed": GAS_LIMIT,
        "effectiveGasPrice": price,
        "status": True,
        "logs": [],
    }


def _history_rows(chain: Chain, transaction: Document, address: str) -> list[dict[str, Any]]:
    rows = []
    for index, output in enumerate(transaction["to"]):
        outgoing = transaction["from"] == address
        if not outgoing and output["address"] != address:
            continue
        amount = restored(output)
        rows.append(
            {
                "chain": chain.testnet,
                "hash": transaction["_id"],
                "address": address,
                "counterAddress": output["address"] if outgoing else transaction["from"],
                "blockNumber": transaction["block_number"],
                "transactionIndex": index,
                "transactionType": "native" if amount.asset == chain.coin else "fungible",
                "transactionSubtype": "outgoing" if outgoing else "incoming",
                "amount": f"-{amount}" if outgoing else str(amount),
                "timestamp": int(transaction["mined_at"].timestamp() * 1_000),
            }
        )
    return rows
