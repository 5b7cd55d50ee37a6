"""Solana on Tatum's wire. The queue holds a legacy message in bytes, which is decoded as the chain would read it.

A message: counts, then the accounts (32 bytes each), a recent block's hash, and instructions that name accounts by
number. Counts are in the compact form of one to three bytes. Only one instruction is signed for: the system program's
transfer. A message without its recent hash expires by itself, so there is no nonce.
"""

from typing import Any

from app.money import Money
from app.providers.chain_ports import ChainTransaction, CoinOrder, Paid, PendingSend
from app.providers.tatum import base58
from app.providers.tatum.chains import Chain
from app.providers.tatum.fields import block_number, depth, quantity, text

_KEY_BYTES = 32
_SIGNATURE_BYTES = 64
_HEADER_BYTES = 3
_SYSTEM_PROGRAM = bytes(_KEY_BYTES)
_TRANSFER = (2).to_bytes(4, "little")
_TRANSFER_BYTES = 12


def send_request(order: CoinOrder, chain: Chain, *, signature_id: str, treasury_address: str) -> dict[str, Any]:
    """The body of POST /v3/solana/transaction. Raises ValueError for anything but the coin itself."""
    if order.amount.asset != chain.coin:
        raise ValueError(f"{chain.name} sends {chain.coin.code}")
    return {"from": treasury_address, "to": order.to, "amount": str(order.amount), "signatureId": signature_id}


def pending_send(operation: Any, chain: Chain) -> PendingSend:
    """An operation decoded from the bytes that will be signed."""
    to, lamports = _transfer(bytes.fromhex(text(operation["serializedTransaction"])))
    return PendingSend(
        text(operation["id"]), chain.name, to, Money(lamports, chain.coin), operation.get("txId") or None
    )


def transaction(body: Any, chain: Chain, *, height: int | None) -> ChainTransaction:
    """A transaction: what an account holds after it and did not before, is what it was paid."""
    meta, slot = body["meta"], block_number(body["slot"])
    keys = [key if isinstance(key, str) else key["pubkey"] for key in body["transaction"]["message"]["accountKeys"]]
    changes = zip(keys, meta["preBalances"], meta["postBalances"], strict=True)
    paid = tuple(
        Paid(str(place), text(key), Money(quantity(after) - quantity(before), chain.coin))
        for place, (key, before, after) in enumerate(changes)
        if quantity(after) > quantity(before)
    )
    failed = meta["err"] is not None
    return ChainTransaction(
        tx_id=text(body["transaction"]["signatures"][0]),
        status="reverted" if failed else "mined",
        block_number=slot,
        confirmations=depth(slot, height),
        fee=Money(quantity(meta["fee"]), chain.coin),
        paid=() if failed else paid,
    )


def _transfer(data: bytes) -> tuple[str, int]:
    """The receiver and the lamports of a message with one transfer; ValueError for any other."""
    rest = data
    signatures, rest = _count(rest)
    rest = rest[signatures * _SIGNATURE_BYTES + _HEADER_BYTES :]
    accounts, rest = _count(rest)
    keys = [rest[_KEY_BYTES * number : _KEY_BYTES * (number + 1)] for number in range(accounts)]
    instructions, rest = _count(rest[_KEY_BYTES * (accounts + 1) :])
    if instructions != 1:
        raise ValueError("one transfer is expected")
    program, (named, rest) = keys[rest[0]], _count(rest[1:])
    places, (length, rest) = rest[:named], _count(rest[named:])
    if program != _SYSTEM_PROGRAM or len(places) != 2 or length != _TRANSFER_BYTES or len(rest) != length:
        raise ValueError("a transfer is expected")
    if not rest.startswith(_TRANSFER):
        raise ValueError("a transfer is expected")
    return base58.encoded(keys[places[1]]), int.from_bytes(rest[len(_TRANSFER) :], "little")


def _count(data: bytes) -> tuple[int, bytes]:
    """A count in the compact form, seven bits a byte, and what follows it."""
    value = 0
    for place in range(3):
        value |= (data[place] & 0x7F) << (7 * place)
        if not data[place] & 0x80:
            return value, data[place + 1 :]
    raise ValueError("a count has at most three bytes")
