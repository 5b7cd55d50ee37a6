"""EVM chains on Tatum's wire.

The trap: estimates and queued transactions count gas prices in wei, a send's ``fee.gasPrice`` in Gwei. Passing one as
the other is an error of 10^9, so wei stay integers here until the one place that writes the body.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.money import Asset, Money
from app.providers import exact_json
from app.providers.chain_ports import ChainTransaction, CoinOrder, Paid, PendingSend
from app.providers.tatum.addresses import checksummed
from app.providers.tatum.chains import Chain, Network
from app.providers.tatum.fields import block_number, depth, quantity, text

_GAS_PRICE_WEI_MAX = 100_000 * 10**9
"""A hundred thousand Gwei; whatever exceeds it is in another unit."""
_GAS_LIMIT_MAX = 30_000_000
_TRANSFER = "a9059cbb"
"""The selector of ERC-20's ``transfer(address,uint256)``."""
_TRANSFERRED = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
"""The topic of ERC-20's ``Transfer(address,address,uint256)``."""
_CALL_DIGITS = len(_TRANSFER) + 2 * 64


@dataclass(frozen=True, slots=True)
class Gas:
    """What a transaction may cost at most: ``price_wei`` times ``limit``."""

    price_wei: int
    limit: int

    def raised(self, percent: int) -> "Gas":
        """The same at so much of the price, rounded up."""
        return Gas(-(-self.price_wei * percent // 100), self.limit)

    def cost(self, coin: Asset) -> Money:
        """That as money."""
        return Money(self.price_wei * self.limit, coin)


def gas_request(chain: Chain, network: Network, *, sender: str, to: str, amount: Money) -> dict[str, Any]:
    """The body of POST /v4/blockchainOperations/gas."""
    token = chain.token(amount.asset)
    named = {} if token is None else {"contractAddress": token.contracts[network]}
    return {"chain": chain.gas_chain, "from": sender, "to": to, "amount": str(amount), **named}


def gas(body: Any) -> Gas:
    """The estimate, in wei."""
    found = Gas(quantity(body["gasPrice"]), quantity(body["gasLimit"]))
    if not 0 < found.price_wei <= _GAS_PRICE_WEI_MAX or not 0 < found.limit <= _GAS_LIMIT_MAX:
        raise ValueError("not wei, or not gas")
    return found


def send_request(order: CoinOrder, chain: Chain, *, signature_id: str, index: int | None, gas: Gas) -> dict[str, Any]:
    """The body of POST /v3/{chain}/transaction; its gas price is in Gwei. Raises ValueError for a foreign asset."""
    token = chain.token(order.amount.asset)
    if token is None and order.amount.asset != chain.coin:
        raise ValueError(f"{chain.name} does not send {order.amount.asset.code}")
    return {
        "to": order.to,
        "amount": str(order.amount),
        "currency": chain.currency if token is None else token.currency,
        "signatureId": signature_id,
        **({} if index is None else {"index": index}),
        **({} if order.nonce is None else {"nonce": order.nonce}),
        "fee": {"gasPrice": format(Decimal(gas.price_wei).scaleb(-9).normalize(), "f"), "gasLimit": str(gas.limit)},
    }


def pending_send(operation: Any, chain: Chain, network: Network) -> PendingSend:
    """An operation decoded from the unsigned transaction, in web3's form: quantities in hexadecimal or digits."""
    unsigned = exact_json.loads(operation["serializedTransaction"])
    to, amount = _received(unsigned, chain, network)
    return PendingSend(
        id=text(operation["id"]),
        chain=chain.name,
        to=to,
        amount=amount,
        tx_id=operation.get("txId") or None,
        nonce=_nonce(unsigned),
    )


def _nonce(body: Any) -> int | None:
    nonce = body.get("nonce")
    return None if nonce is None else quantity(nonce)


def _received(unsigned: Any, chain: Chain, network: Network) -> tuple[str, Money]:
    """Whom it pays how much: the coin itself, or a call of a token's ``transfer`` and of nothing else."""
    data = (unsigned.get("data") or "0x").removeprefix("0x").lower()
    value = quantity(unsigned.get("value", 0))
    if not data:
        return checksummed(text(unsigned["to"])), Money(value, chain.coin)
    token = chain.token_at(text(unsigned["to"]), network)
    if token is None or value or not data.startswith(_TRANSFER) or len(data) != _CALL_DIGITS:
        raise ValueError("a call that is no transfer of a token of ours")
    receiver, minor = data[len(_TRANSFER) : len(_TRANSFER) + 64], data[len(_TRANSFER) + 64 :]
    return _address(receiver), Money(int(minor, 16), token.asset)


def transaction(body: Any, chain: Chain, network: Network, *, height: int | None) -> ChainTransaction:
    """A transaction in a block; ``status`` false was mined and has moved nothing but its fee."""
    block = block_number(body["blockNumber"])
    succeeded = _succeeded(body["status"])
    return ChainTransaction(
        tx_id=text(body.get("hash") or body["transactionHash"]),
        status="mined" if succeeded else "reverted",
        block_number=block,
        confirmations=depth(block, height),
        fee=Money(quantity(body["gasUsed"]) * quantity(body.get("effectiveGasPrice") or body["gasPrice"]), chain.coin),
        paid=_paid(body, chain, network) if succeeded else (),
        nonce=_nonce(body),
    )


def _succeeded(status: Any) -> bool:
    """Told as true or false by one page of the vendor, as 1 or 0, plain or hexadecimal, by nodes."""
    if isinstance(status, bool):
        return status
    return quantity(status) == 1


def _paid(body: Any, chain: Chain, network: Network) -> tuple[Paid, ...]:
    value = quantity(body["value"])
    own = (
        (Paid("value", checksummed(body["to"]), Money(value, chain.coin)),)
        if value and isinstance(body.get("to"), str)
        else ()
    )
    return (*own, *_transfers(body.get("logs") or (), chain, network))


def _transfers(logs: Any, chain: Chain, network: Network) -> tuple[Paid, ...]:
    """The transfers of tokens of ours; a contract that only calls its token USDC is none.

    A transfer's place is counted within its transaction. A log's own index counts the whole block's, so it is another
    one whenever another block takes the transaction, and the same coins would be another payment.
    """
    found = []
    for place, log in enumerate(logs):
        topics = log.get("topics") or []
        token = chain.token_at(text(log["address"]), network)
        if token is None or len(topics) != 3 or topics[0].lower() != _TRANSFERRED:
            continue
        amount = Money(quantity(log["data"]), token.asset)
        if amount:
            found.append(Paid(f"log-{place}", _address(topics[2].removeprefix("0x")), amount))
    return tuple(found)


def _address(word: str) -> str:
    """The address in a 32-byte word."""
    if len(word) != 64 or int(word[:24], 16):
        raise ValueError("an address has 20 bytes")
    return checksummed(f"0x{word[24:]}")
