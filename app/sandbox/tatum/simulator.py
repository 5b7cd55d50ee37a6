"""Tatum, put together."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from app.sandbox.simulation import Simulation
from app.sandbox.tatum.blocks import ANCHOR, Blocks
from app.sandbox.tatum.chain_book import SPENT, TRANSACTIONS, TREASURIES, ChainBook, output_document
from app.sandbox.tatum.chains import asset_named, money
from app.sandbox.tatum.disturbances import Disturbances, add_disturbances
from app.sandbox.tatum.kms import PENDING, Kms
from app.sandbox.tatum.notices import SECRETS, SUBSCRIPTIONS, Notices
from app.sandbox.tatum.outputs import OUTPUTS
from app.sandbox.tatum.prices import Prices
from app.sandbox.tatum.reads import Reads
from app.sandbox.tatum.refusals import chain_of, general, invalid, refusal
from app.sandbox.vendor import Call, Operation, Vendor
from app.sandbox.webhooks import Sender

OUTSIDE_SENDERS = {
    "bitcoin": "tb1qoutside",
    "ethereum": "0x31207a2065f46a5b948fce6fe5c13e85abaf5631",
    "polygon": "0x31207a2065f46a5b948fce6fe5c13e85abaf5631",
    "tron": "TESy21CFQ5RnKvMhdgRfvKKDBaLEsuUVVu",
    "solana": "4Jmhc1tjvK4vQZ8i9roP9W389NA7USXrTKRvcbQeoZcn",
}
"""Where coins come from that nobody here sent."""


class IncomingRequest(BaseModel):
    """Coins that arrive at an address from outside."""

    model_config = ConfigDict(extra="forbid")

    chain: str
    address: str = Field(min_length=1, max_length=200)
    amount: str
    currency: str


def tatum(simulation: Simulation) -> Vendor:
    """The vendor as data."""
    blocks, notices = Blocks(simulation), Notices(simulation)
    book, prices = ChainBook(simulation, blocks, notices), Prices(simulation, blocks)
    kms, reads = Kms(simulation, book, notices), Reads(simulation, blocks, book)
    disturbances = Disturbances(simulation, book)
    return Vendor(
        name="tatum",
        operations=_operations(prices, kms, reads, notices),
        refuse=general,
        decline=lambda _call: refusal(403, "credits.exhausted", "The operation was declined."),
        authenticate=_authenticate,
        sender=Sender(f"{simulation.config.api_url}/webhooks/tatum", "application/json", notices.sign),
        moves={"ask": kms.ask, "broadcast": kms.broadcast, "mine": book.mine},
        book=book.book,
        collections={
            TRANSACTIONS: ("chain+from+status", "chain+to.address", "nonce", "created_at"),
            OUTPUTS: ("chain+address+spent_by", "tx_hash"),
            SPENT: (),
            TREASURIES: (),
            PENDING: ("chain+state+deleted",),
            SUBSCRIPTIONS: ("attr.address",),
            SECRETS: (),
            ANCHOR: (),
        },
        lasting=frozenset({ANCHOR}),
        seed=blocks.seed,
        desk=_desk(simulation, book, disturbances),
    )


def _operations(prices: Prices, kms: Kms, reads: Reads, notices: Notices) -> tuple[Operation, ...]:
    return (
        Operation("rate", "GET", "/v4/data/rate/symbol", prices.rate),
        Operation("estimate_fee", "GET", "/v3/blockchain/fee/{chain}", prices.fee),
        Operation("estimate_fee", "POST", "/v3/blockchain/estimate", prices.estimate),
        Operation("estimate_fee", "POST", "/v4/blockchainOperations/gas", prices.estimate),
        Operation("send", "POST", "/v3/{chain}/transaction", kms.send, declines=True),
        Operation("send", "POST", "/v3/{chain}/trc20/transaction", kms.send, declines=True),
        Operation("send", "POST", "/v3/blockchain/token/transaction", kms.send, declines=True),
        Operation("derive_address", "GET", "/v3/{chain}/address/{xpub}/{index}", reads.derived),
        Operation("kms_pending", "GET", "/v3/kms/pending/{chain}", kms.list_pending),
        Operation("kms_pending", "POST", "/v3/kms/pending/{chain}", kms.list_pending),
        Operation("kms_get", "GET", "/v3/kms/{id}", kms.get_pending),
        Operation("kms_complete", "PUT", "/v3/kms/{id}/{tx_id}", kms.complete),
        Operation("kms_delete", "DELETE", "/v3/kms/{id}", kms.delete),
        Operation("get_transaction", "GET", "/v4/data/blockchains/transaction", reads.get_transaction),
        Operation("nonce", "GET", "/v4/data/blockchains/transaction/count", reads.nonce),
        Operation("utxo_history", "GET", "/v4/data/blockchains/transaction/history/utxos", reads.utxo_history),
        Operation("unspent", "GET", "/v4/data/utxos", reads.unspent),
        Operation("portfolio", "GET", "/v4/data/wallet/portfolio", reads.portfolio),
        Operation("current_block", "GET", "/v4/data/blockchains/block/current", reads.current_block),
        Operation("balance", "GET", "/v4/data/blockchains/balance", reads.balance),
        Operation("history", "GET", "/v4/data/transaction/history", reads.history),
        Operation("subscribe", "POST", "/v4/subscription", notices.subscribe),
        Operation("list_subscriptions", "GET", "/v4/subscription", notices.list_subscriptions),
        Operation("set_secret", "PUT", "/v4/subscription", notices.set_secret),
        Operation("unsubscribe", "DELETE", "/v4/subscription/{id}", notices.unsubscribe),
    )


def _desk(simulation: Simulation, book: ChainBook, disturbances: Disturbances) -> APIRouter:
    desk = APIRouter()
    add_disturbances(desk, disturbances, simulation)

    @desk.post("/incoming")
    async def receive(body: IncomingRequest) -> dict[str, Any]:
        """Coins from outside: told from the pool where the chain has outputs, mined half a pace later, then told."""
        chain, asset = chain_of(body.chain), asset_named(body.currency)
        if asset is None or not chain.carries(asset):
            raise invalid("currency", body.currency, "currency must be supported")
        try:
            amount = money(body.amount, asset)
        except ValueError as error:
            raise invalid("amount", body.amount, str(error)) from None
        outputs = [output_document(body.address, amount)]
        sender = OUTSIDE_SENDERS[chain.name]
        tx_hash = await simulation.store.atomically(
            lambda: book.broadcast(chain, sender=sender, outputs=outputs, spends=[], kms_id=None)
        )
        return {"hash": tx_hash}

    return desk


def _authenticate(call: Call) -> None:
    if not call.header("x-api-key").strip():
        raise refusal(401, "subscription.invalid", "Unable to find a valid subscription for the API key.")
