"""Tatum's JSON in our words, whatever the chain: pure translations; each family has a file of its own."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, assert_never

from app.money import Asset, Money
from app.providers.chain_ports import ChainTransaction, Movement, PendingSend
from app.providers.tatum import evm, solana, tron, utxo
from app.providers.tatum.chains import CHAINS, Chain, Network
from app.providers.tatum.fields import block_number, text, whole_coins

RESENT = ("already known", "nonce too low")
"""What a node says of a transaction that it has seen: the opposite of a refusal."""


def pending_id(body: Any) -> str:
    """The id of the pending operation. The answer calls it signatureId, but it is not the one we sent."""
    return text(body["signatureId"])


def pending_send(body: Any, network: Network, treasuries: Mapping[str, str]) -> PendingSend:
    """An operation of the queue, decoded from what will be signed. Raises as parsers do, also for several receivers.

    ``treasuries``: our own address on each chain, which change comes back to.
    """
    chain = {chain.symbol: chain for chain in CHAINS.values()}[body["chain"]]
    match chain.family:
        case "utxo":
            return utxo.pending_send(body, chain, network, treasuries[chain.name])
        case "evm":
            return evm.pending_send(body, chain, network)
        case "tron":
            return tron.pending_send(body, chain, network)
        case "solana":
            return solana.pending_send(body, chain, network)
        case _:
            assert_never(chain.family)


def pending_sends(body: Any, chain: Chain, network: Network, treasuries: Mapping[str, str]) -> tuple[PendingSend, ...]:
    """The queue without sends to several receivers: ours have one each.

    One that cannot be decoded at all raises, because nobody could say that it is not ours.
    """
    if not isinstance(body, list):
        raise TypeError("a list is expected")
    if chain.family == "utxo":
        body = [item for item in body if len(utxo.receivers(item, chain, network, treasuries[chain.name])) == 1]
    return tuple(pending_send(item, network, treasuries) for item in body)


def transaction(body: Any, chain: Chain, network: Network, *, height: int | None) -> ChainTransaction:
    """A transaction as the chain has it. ``height`` is that of the newest block; None while it waits for one."""
    match chain.family:
        case "utxo":
            return utxo.transaction(body, chain, height=height)
        case "evm":
            return evm.transaction(body, chain, network, height=height)
        case "tron":
            return tron.transaction(body, chain, network, height=height)
        case "solana":
            return solana.transaction(body, chain, network, height=height)
        case _:
            assert_never(chain.family)


def block_of(body: Any) -> int | None:
    """The block, or Solana's slot, that holds the transaction; None while it waits."""
    number = body.get("slot") if body.get("blockNumber") is None else body["blockNumber"]
    return None if number is None else block_number(number)


def height(body: Any) -> int:
    """The newest block's number; the answer is the bare number or an object around it."""
    if isinstance(body, dict):
        names = ("blockNumber", "number", "height", "current")
        return block_number(next((body[name] for name in names if name in body), None))
    return block_number(body)


def rate(body: Any) -> Decimal:
    """The price of one whole coin."""
    price = Decimal(body["value"])
    if not price.is_finite() or price <= 0:
        raise ValueError("a price is positive")
    return price


def balance(body: Any, coin: Asset) -> Money:
    """What an address holds of the chain's coin; a UTXO chain tells what came and went instead of a sum."""
    if "balance" in body:
        return whole_coins(body["balance"], coin)
    return whole_coins(body["incoming"], coin) - whole_coins(body["outgoing"], coin)


def token_balance(body: Any, chain: Chain, network: Network, asset: Asset) -> Money:
    """What a portfolio holds of a token.

    The vendor's pages disagree on the unit: text with a point counts whole tokens, text without one smallest units.
    """
    token = chain.token(asset)
    for line in body["result"]:
        if token is not None and chain.token_at(line.get("tokenAddress") or "-", network) == token:
            told = text(line["balance"])
            return Money.parse(told, asset) if "." in told else Money(int(told), asset)
    return Money(0, asset)


def history(body: Any) -> tuple[Movement, ...]:
    """The lines of an address's history."""
    return tuple(
        Movement(text(line["hash"]), text(line["address"]), incoming=line["transactionSubtype"] == "incoming")
        for line in body["result"]
    )


def incoming_history(body: Any, address: str) -> tuple[Movement, ...]:
    """The transactions that paid an address of a UTXO chain."""
    if not isinstance(body, list):
        raise TypeError("a list is expected")
    return tuple(Movement(text(each["hash"]), address, incoming=True) for each in body)


def error_code(body: Any) -> object:
    """The vendor's code; None when the body is not Tatum's."""
    return body.get("errorCode") if isinstance(body, dict) else None


def says_resent(body: Any) -> bool:
    """Whether a refusal means that an earlier attempt has arrived."""
    message = body.get("message") if isinstance(body, dict) else None
    return isinstance(message, str) and any(phrase in message.lower() for phrase in RESENT)
