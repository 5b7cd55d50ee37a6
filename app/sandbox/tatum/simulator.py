"""Tatum, put together."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from app.sandbox.simulation import Simulation
from app.sandbox.tatum.blocks import ANCHOR, Blocks
from app.sandbox.tatum.chain_book import SPENT, TRANSACTIONS, TREASURIES, ChainBook, output_document
from app.sandbox.tatum.chains import asset_named, money
from app.sandbox.tatum.kms import PENDING, Kms
from app.sandbox.tatum.notices import SECRETS, SUBSCRIPTIONS, Notices
from app.sandbox.tatum.prices import Prices
from app.sandbox.tatum.reads import Reads
from app.sandbox.tatum.refusals import chain_of, general, invalid, refusal
from app.sandbox.vendor import Call, Operation, Vendor
from app.sandbox.webhooks import Sender

OUTSIDE_SENDER = "tb1qoutside"
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
    return Vendor(
        name="tatum",
        operations=(
            Operation("rate", "GET", "/v4/data/rate/symbol", prices.rate),
            Operation("estimate_fee", "GET", "/v3/blockchain/fee/{chain}", prices.fee),
            Operation("estimate_fee", "POST", "/v3/blockchain/estimate", prices.estimate),
            Operation("estimate_fee", "POST", "/v4/blockchainOperations/gas", prices.estimate),
            Operation("send", "POST", "/v3/{chain}/transaction", kms.send, declines=True),
            Operation("kms_pending", "GET", "/v3/kms/pending/{chain}", kms.list_pending),
            Operation("kms_pending", "POST", "/v3/kms/pending/{chain}", kms.list_pending),
            Operation("kms_get", "GET", "/v3/kms/{id}", kms.get_pending),
            Operation("kms_complete", "PUT", "/v3/kms/{id}/{tx_id}", kms.complete),
            Operation("kms_delete", "DELETE", "/v3/kms/{id}", kms.delete),
            Operation("get_transaction", "GET", "/v4/data/blockchains/transaction", reads.get_transaction),
            Operation("current_block", "GET", "/v4/data/blockchains/block/current", reads.current_block),
            Operation("balance", "GET", "/v4/data/blockchains/balance", reads.balance),
            Operation("history", "GET", "/v4/data/transaction/history", reads.history),
            Operation("subscribe", "POST", "/v4/subscription", notices.subscribe),
            Operation("list_subscriptions", "GET", "/v4/subscription", notices.list_subscriptions),
            Operation("set_secret", "PUT", "/v4/subscription", notices.set_secret),
            Operation("unsubscribe", "DELETE", "/v4/subscription/{id}", notices.unsubscribe),
        ),
        refuse=general,
        decline=lambda _call: refusal(403, "credits.exhausted", "The operation was declined."),
        authenticate=_authenticate,
        sender=Sender(f"{simulation.config.api_url}/webhooks/tatum", "application/json", notices.sign),
        moves={"ask": kms.ask, "broadcast": kms.broadcast, "mine": book.mine},
        book=book.book,
        collections={
            TRANSACTIONS: ("chain+from", "chain+to.address", "created_at"),
            SPENT: (),
            TREASURIES: (),
            PENDING: ("chain+state",),
            SUBSCRIPTIONS: ("attr.address",),
            SECRETS: (),
            ANCHOR: (),
        },
        lasting=frozenset({ANCHOR}),
        seed=blocks.seed,
        desk=_desk(simulation, book),
    )


def _desk(simulation: Simulation, book: ChainBook) -> APIRouter:
    desk = APIRouter()

    @desk.post("/incoming")
    async def receive(body: IncomingRequest) -> dict[str, Any]:
        """Coins from outside: mined half a pace later, then told."""
        chain, asset = chain_of(body.chain), asset_named(body.currency)
        if asset is None:
            raise invalid("currency", body.currency, "currency must be supported")
        try:
            amount = money(body.amount, asset)
        except ValueError as error:
            raise invalid("amount", body.amount, str(error)) from None
        outputs = [output_document(body.address, amount)]
        tx_hash = await simulation.store.atomically(
            lambda: book.broadcast(chain, sender=OUTSIDE_SENDER, outputs=outputs, spends=[], kms_id=None)
        )
        return {"hash": tx_hash}

    return desk


def _authenticate(call: Call) -> None:
    if not call.header("x-api-key").strip():
        raise refusal(401, "subscription.invalid", "Unable to find a valid subscription for the API key.")
