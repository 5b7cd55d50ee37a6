"""Solana on Tatum's wire: coins, and tokens of the token program.

The queue holds what the vendor's daemon reads: JSON with the message's bytes in hexadecimal as ``txData``
(github.com/tatumio/tatum-js, solana.kms.ts). Two kinds are signed for: the system program's transfer, and the token
program's, before which the receiver's account for the token may be opened. A message expires by itself with the block
it names, so there is no nonce.

A token goes from account to account, each derived from its wallet (``token_accounts.py``). The message names accounts
only, so what it is decoded to pay is the receiver's account; whoever compares it with an order derives that first.
"""

from collections.abc import Iterator
from typing import Any

from app.money import Asset, Money
from app.providers import exact_json
from app.providers.chain_ports import ChainTransaction, CoinOrder, Paid, PendingSend
from app.providers.tatum import base58
from app.providers.tatum.chains import Chain, Network, Token
from app.providers.tatum.fields import block_number, depth, quantity, text
from app.providers.tatum.solana_message import Instruction, Message, read_message
from app.providers.tatum.token_accounts import ASSOCIATED_PROGRAM, TOKEN_PROGRAM, associated, key

_SYSTEM_PROGRAM = bytes(32)
_COIN_TRANSFER = (2).to_bytes(4, "little")
_COIN_TRANSFER_BYTES = 12
_TOKEN_TRANSFER, _TOKEN_TRANSFER_CHECKED = (3, 9), (12, 10)
"""The kinds of the token program's transfers, and how long each is."""
_AMOUNT_BYTES = 8
_OPENINGS = {b"", b"\x00", b"\x01"}
"""Create, in its old and its new spelling, and create unless it is there."""


def send_path(order: CoinOrder, chain: Chain) -> str:
    """Where the order is posted: tokens have an endpoint of their own, for many chains."""
    return f"/v3/{chain.path}/transaction" if order.amount.asset == chain.coin else "/v3/blockchain/token/transaction"


def send_request(
    order: CoinOrder, chain: Chain, network: Network, *, signature_id: str, treasury_address: str
) -> dict[str, Any]:
    """The body of the send. Raises ValueError for an asset that the chain does not carry."""
    body: dict[str, Any] = {
        "from": treasury_address,
        "to": order.to,
        "amount": str(order.amount),
        "signatureId": signature_id,
    }
    if order.amount.asset == chain.coin:
        return body
    token = chain.token(order.amount.asset)
    if token is None:
        raise ValueError(f"{chain.name} does not send {order.amount.asset.code}")
    return {**body, "chain": chain.symbol, "contractAddress": token.contracts[network], "digits": token.digits}


def paid_at(to: str, asset: Asset, chain: Chain, network: Network) -> str:
    """Where a message pays the wallet ``to``: in coins the wallet itself, in tokens its account for them."""
    token = chain.token(asset)
    return to if token is None else base58.encoded(associated(key(to), key(token.contracts[network])))


def pending_send(operation: Any, chain: Chain, network: Network) -> PendingSend:
    """An operation decoded from the bytes that will be signed, by nobody but the one who pays."""
    unsigned = exact_json.loads(text(operation["serializedTransaction"]))
    message = read_message(bytes.fromhex(text(unsigned["txData"])))
    if message.signers != 1:
        raise ValueError("one signer is expected")
    to, amount = _received(message, chain, network)
    return PendingSend(text(operation["id"]), chain.name, base58.encoded(to), amount, operation.get("txId") or None)


def transaction(body: Any, chain: Chain, network: Network, *, height: int | None) -> ChainTransaction:
    """A transaction: what an account holds after it and did not before, is what it was paid."""
    meta, slot = body["meta"], block_number(body["slot"])
    failed = meta["err"] is not None
    return ChainTransaction(
        tx_id=text(body["transaction"]["signatures"][0]),
        status="reverted" if failed else "mined",
        block_number=slot,
        confirmations=depth(slot, height),
        fee=Money(quantity(meta["fee"]) + _rent(meta), chain.coin),
        paid=() if failed else (*_paid_in_coins(body, chain), *_paid_in_tokens(meta, chain, network)),
    )


def _received(message: Message, chain: Chain, network: Network) -> tuple[bytes, Money]:
    """The account that a message pays, and how much; ValueError for whatever is no transfer of ours."""
    *openings, transfer = message.instructions
    if transfer.program == _SYSTEM_PROGRAM and not openings:
        return _coins(transfer, chain)
    to, amount = _tokens(transfer, message.payer, chain, network)
    for opening in openings:
        if opening.program != ASSOCIATED_PROGRAM or opening.data not in _OPENINGS or opening.accounts[1] != to:
            raise ValueError("nothing but the receiver's account is opened")
    return to, amount


def _coins(transfer: Instruction, chain: Chain) -> tuple[bytes, Money]:
    _, to = transfer.accounts
    if len(transfer.data) != _COIN_TRANSFER_BYTES or not transfer.data.startswith(_COIN_TRANSFER):
        raise ValueError("a transfer is expected")
    return to, Money(int.from_bytes(transfer.data[len(_COIN_TRANSFER) :], "little"), chain.coin)


def _tokens(transfer: Instruction, payer: bytes, chain: Chain, network: Network) -> tuple[bytes, Money]:
    """A transfer from the payer's own account for a token of ours; what kind it is, that account tells."""
    if transfer.program != TOKEN_PROGRAM:
        raise ValueError("a transfer is expected")
    kind, amount = transfer.data[0], transfer.data[1 : 1 + _AMOUNT_BYTES]
    if (kind, len(transfer.data)) == _TOKEN_TRANSFER:
        source, to, owner = transfer.accounts
    elif (kind, len(transfer.data)) == _TOKEN_TRANSFER_CHECKED:
        source, _, to, owner = transfer.accounts
    else:
        raise ValueError("a transfer is expected")
    token = next((each for each, mint in _mints(chain, network) if source == associated(payer, mint)), None)
    if token is None or owner != payer:
        raise ValueError("not a token of ours")
    return to, Money(int.from_bytes(amount, "little"), token.asset)


def _mints(chain: Chain, network: Network) -> Iterator[tuple[Token, bytes]]:
    for token in chain.tokens:
        if network in token.contracts:
            yield token, key(token.contracts[network])


def _paid_in_coins(body: Any, chain: Chain) -> Iterator[Paid]:
    meta = body["meta"]
    keys = [each if isinstance(each, str) else each["pubkey"] for each in body["transaction"]["message"]["accountKeys"]]
    for place, (address, before, after) in enumerate(zip(keys, meta["preBalances"], meta["postBalances"], strict=True)):
        if quantity(after) > quantity(before):
            yield Paid(str(place), text(address), Money(quantity(after) - quantity(before), chain.coin))


def _paid_in_tokens(meta: Any, chain: Chain, network: Network) -> Iterator[Paid]:
    """Each account's gain, for the wallet that owns it; a token that only calls itself USDC is none of ours."""
    before = {line["accountIndex"]: _held(line) for line in meta.get("preTokenBalances") or ()}
    for line in meta.get("postTokenBalances") or ():
        token = chain.token_at(text(line["mint"]), network)
        gained = _held(line) - before.get(line["accountIndex"], 0)
        if token is not None and gained > 0 and line.get("owner"):
            yield Paid(f"token-{block_number(line['accountIndex'])}", text(line["owner"]), Money(gained, token.asset))


def _held(line: Any) -> int:
    return quantity(line["uiTokenAmount"]["amount"])


def _rent(meta: Any) -> int:
    """What the payer has left in accounts for tokens that were opened: it is spent, like the fee."""
    known = {line["accountIndex"] for line in meta.get("preTokenBalances") or ()}
    opened = {line["accountIndex"] for line in meta.get("postTokenBalances") or ()} - known
    return sum(quantity(meta["postBalances"][place]) - quantity(meta["preBalances"][place]) for place in opened)
