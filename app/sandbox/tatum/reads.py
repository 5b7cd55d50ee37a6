"""Reading the chains: transactions, heights, balances, history."""

from decimal import Decimal
from typing import Any

from app.money import Money
from app.sandbox.simulation import Simulation
from app.sandbox.store import Document
from app.sandbox.tatum.blocks import Blocks
from app.sandbox.tatum.chain_book import TRANSACTIONS, ChainBook
from app.sandbox.tatum.chains import CONTRACTS, Chain, money, restored
from app.sandbox.tatum.encodings import derived_address
from app.sandbox.tatum.refusals import chain_of, invalid, refusal
from app.sandbox.tatum.shown import shown, utxo_shown
from app.sandbox.tatum.wallets import is_ours
from app.sandbox.vendor import Answer, Call

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
        return Answer(shown(chain, transaction))

    async def derived(self, call: Call) -> Answer:
        """The address of that number behind a public key; Solana has no such thing."""
        chain, index = chain_of(call.path("chain")), call.path("index")
        if chain.name == "solana" or not (index.isascii() and index.isdigit()):
            raise invalid("index", index, "index must be a number, and the chain must derive addresses")
        return Answer({"address": derived_address(chain, call.path("xpub"), int(index))})

    async def nonce(self, call: Call) -> Answer:
        """How many transactions of an address are in blocks; an EVM address is read however it is cased."""
        return Answer(await self._book.nonce(chain_of(call.query("chain")), call.query("address")))

    async def unspent(self, call: Call) -> Answer:
        """Outputs to spend, worth at least ``totalValue`` if there is that much."""
        chain, address = _utxo_chain(call), call.query("address")
        try:
            at_least = money(call.query("totalValue"), chain.coin)
        except ValueError as error:
            raise invalid("totalValue", call.query("totalValue"), str(error)) from None
        if is_ours(chain, address) and not await self._book.knows(chain, address):
            await self._store.atomically(lambda: self._book.fund(chain, address))
        found = await self._book.outputs.unspent(chain, address, at_least)
        return Answer([_unspent_row(chain, output) for output in found])

    async def utxo_history(self, call: Call) -> Answer:
        """The latest transactions that spent from an address (``outgoing``) or paid it, newest first."""
        chain, address = _utxo_chain(call), call.query("address")
        outgoing = call.query("txType") == "outgoing"
        size = min(_whole(call, "pageSize", _PAGE_MAX), _PAGE_MAX)
        offset = _whole(call, "offset", 0)
        found = await self._book.mined_of(chain, address, outgoing=outgoing, skip=offset, limit=size)
        return Answer([utxo_shown(each) for each in found])

    async def portfolio(self, call: Call) -> Answer:
        """Token balances, in whole tokens."""
        chain, address = chain_of(call.query("chain")), call.query("addresses")
        held: dict[str, Money] = {}
        for each in await self._book.of_address(chain, address):
            for output in each["to"] if each["status"] == "confirmed" else ():
                amount = restored(output)
                if amount.asset != chain.coin:
                    signed = amount if output["address"] == address else -amount
                    held[amount.asset.code] = held.get(amount.asset.code, Money(0, amount.asset)) + signed
        rows = [
            {
                "chain": chain.testnet,
                "type": "fungible",
                "address": address,
                "balance": str(balance),
                "tokenAddress": CONTRACTS[chain.name, code],
            }
            for code, balance in held.items()
        ]
        return Answer({"result": rows})

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


def _utxo_chain(call: Call) -> Chain:
    chain = chain_of(call.query("chain"))
    if not chain.is_utxo:
        raise invalid("chain", call.query("chain"), "chain must be an UTXO chain")
    return chain


def _unspent_row(chain: Chain, output: Document) -> dict[str, Any]:
    amount = str(restored(output))
    return {
        "chain": chain.testnet,
        "address": output["address"],
        "txHash": output["tx_hash"],
        "index": output["place"],
        "value": Decimal(amount),
        "valueAsString": amount,
    }


def _whole(call: Call, name: str, default: int) -> int:
    text = call.query(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise invalid(name, text, f"{name} must be a number")
    return int(text)


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
