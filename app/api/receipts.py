"""Receipts: proof that a transaction is in the books, and the key to check it with."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from app.api.bodies import TransactionId
from app.api.deps import CurrentRuntime, Reader
from app.api.problems import problems
from app.api.strict import StrictRoute
from app.errors import Missing
from app.identity.principals import Principal
from app.ids import stored_id
from app.ledger.accounts import CUSTOMER
from app.ledger.receipts import receipt
from app.runtime import Runtime

router = APIRouter(tags=["receipts"], route_class=StrictRoute)


class BlockView(BaseModel):
    """The header of the block that holds the transaction."""

    stream: str
    n: int
    prev_hash: str
    root: str
    count: int
    at: str
    hash: str


class ReceiptView(BaseModel):
    """The transaction's content, the path from its leaf to the block's root, and the signature of the block's hash."""

    version: int
    content: str
    path: list[tuple[str, str]]
    block: BlockView
    signature: str
    key_id: str


class ReceiptKey(BaseModel):
    """The public key that receipts are signed with, 32 bytes in base64."""

    algorithm: str
    key_id: str
    public_key: str


@router.get("/v1/transactions/{transaction_id}/receipt", responses=problems(Missing))
async def show_receipt(transaction_id: TransactionId, caller: Reader, runtime: CurrentRuntime) -> ReceiptView:
    """Proof that a transaction of yours is in the books; ``wallet verify --receipt`` checks it offline."""
    transaction = await runtime.ledger.transaction(stored_id(caller.book, transaction_id))
    if transaction is None or not await _is_told_to(caller, transaction, runtime):
        raise Missing("transaction")
    found = await runtime.ledger.block_of(transaction)
    if found is None:
        raise Missing("block")
    block, transactions = found
    return ReceiptView.model_validate(receipt(block, transactions, transaction["_id"], runtime.signer))


@router.get("/.well-known/wallet-receipt-key")
async def show_receipt_key(runtime: CurrentRuntime) -> ReceiptKey:
    """The key to check receipts with."""
    return ReceiptKey(algorithm="Ed25519", key_id=runtime.signer.key_id, public_key=runtime.signer.public_key)


async def _is_told_to(caller: Principal, transaction: dict[str, Any], runtime: Runtime) -> bool:
    """Whether it touches an account of theirs, or is of a saga of theirs: outcome and story name all that it posted."""
    own = await runtime.ledger.accounts_of(caller.book, caller.user_id, CUSTOMER)
    if not {account.id for account in own}.isdisjoint(leg["account_id"] for leg in transaction["legs"]):
        return True
    saga_id = transaction["saga_id"]
    return saga_id is not None and await runtime.sagas.saga_of(saga_id, caller.user_id) is not None
