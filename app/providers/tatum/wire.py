"""Tatum's JSON in our words: pure translations.

Its units differ by endpoint and its pages contradict each other, so every amount is normalised here, by one rule:
a JSON integer counts satoshis; text, and a number with a point, counts whole coins. Nothing passes through a float.
"""

from decimal import ROUND_CEILING, Decimal
from typing import Any

from app.money import Asset, Money
from app.providers import exact_json
from app.providers.ports import ChainTransaction, CoinOrder, PendingSend
from app.providers.tatum.chains import CHAINS, Chain

_FEE_PER_BYTE_MAX = Decimal(5_000)
"""Satoshis per byte; five times the dearest day so far, so whatever exceeds it is in another unit."""

RESENT = ("already known", "nonce too low")
"""What a node says of a transaction that it has seen: the opposite of a refusal."""


def send_request(
    order: CoinOrder, chain: Chain, *, signature_id: str, treasury_address: str, fee: Money
) -> dict[str, Any]:
    """The body of POST /v3/bitcoin/transaction: ``value`` is a number of whole coins, ``fee`` a text of them."""
    if order.amount.asset != chain.coin:
        raise ValueError(f"{chain.name} sends {chain.coin.code}")
    return {
        "fromAddress": [{"address": treasury_address, "signatureId": signature_id}],
        "to": [{"address": order.to, "value": Decimal(str(order.amount))}],
        "fee": str(fee),
        "changeAddress": treasury_address,
    }


def pending_id(body: Any) -> str:
    """The id of the pending operation. The answer calls it signatureId, but it is not the one we sent."""
    return _text(body["signatureId"])


def pending_send(body: Any) -> PendingSend:
    """An operation of the queue, decoded from what will be signed. Raises as parsers do, also for several receivers."""
    chain = _chain_of(body["chain"])
    (receiver,) = _receivers(body)
    return PendingSend(
        id=_text(body["id"]),
        chain=chain.name,
        to=_text(receiver["address"]),
        amount=amount(receiver["value"], chain.coin),
        tx_id=body.get("txId") or None,
    )


def pending_sends(body: Any) -> tuple[PendingSend, ...]:
    """The queue without sends to several receivers: ours have one each.

    One that cannot be decoded at all raises, because nobody could say that it is not ours.
    """
    if not isinstance(body, list):
        raise TypeError("a list is expected")
    return tuple(pending_send(item) for item in body if len(_receivers(item)) == 1)


def transaction(body: Any, chain: Chain, *, height: int | None) -> ChainTransaction:
    """A transaction of a UTXO chain; such a chain holds no failed ones. ``height`` is that of the newest block."""
    block_number = block_of(body)
    deep = 0 if block_number is None or height is None else max(0, height - block_number + 1)
    return ChainTransaction(
        tx_id=_text(body["hash"]),
        status="pending" if block_number is None else "mined",
        block_number=block_number,
        confirmations=deep,
        fee=amount(body.get("fee", 0), chain.coin),
        to_amounts=tuple(
            (output["address"], amount(output["value"], chain.coin)) for output in body["outputs"] if _is_paid(output)
        ),
    )


def block_of(body: Any) -> int | None:
    """The block that holds the transaction; None while it waits."""
    number = body.get("blockNumber")
    return None if number is None else _height(number)


def height(body: Any) -> int:
    """The newest block's number; the answer is the bare number or an object around it."""
    if isinstance(body, dict):
        names = ("blockNumber", "number", "height", "current")
        return _height(next((body[name] for name in names if name in body), None))
    return _height(body)


def rate(body: Any) -> Decimal:
    """The price of one whole coin."""
    price = Decimal(body["value"])
    if not price.is_finite() or price <= 0:
        raise ValueError("a price is positive")
    return price


def network_fee(body: Any, chain: Chain) -> Money:
    """The estimate for a usual send: the medium tier, in satoshis per byte, times its size, rounded up."""
    per_byte = Decimal(body["medium"])
    if not 0 < per_byte <= _FEE_PER_BYTE_MAX:
        raise ValueError("not satoshis per byte")
    return Money(int((per_byte * chain.send_bytes).to_integral_value(ROUND_CEILING)), chain.coin)


def amount(value: Any, coin: Asset) -> Money:
    """A coin amount by the rule above. Raises as parsers do for a fraction of a satoshi or a negative amount."""
    if type(value) is int:  # bool is an int
        if value < 0:
            raise ValueError("a negative amount")
        return Money(value, coin)
    return Money.parse(format(value, "f") if isinstance(value, Decimal) else value, coin)


def error_code(body: Any) -> object:
    """The vendor's code; None when the body is not Tatum's."""
    return body.get("errorCode") if isinstance(body, dict) else None


def says_resent(body: Any) -> bool:
    """Whether a refusal means that an earlier attempt has arrived."""
    message = body.get("message") if isinstance(body, dict) else None
    return isinstance(message, str) and any(phrase in message.lower() for phrase in RESENT)


def _receivers(operation: Any) -> list[Any]:
    receivers = exact_json.loads(operation["serializedTransaction"])["to"]
    if not isinstance(receivers, list):
        raise TypeError("a list of receivers is expected")
    return receivers


def _chain_of(symbol: str) -> Chain:
    return {chain.symbol: chain for chain in CHAINS.values()}[symbol]


def _is_paid(output: Any) -> bool:
    """Outputs without an address carry data or a bare script; nobody we pay is behind them."""
    return isinstance(output.get("address"), str)


def _height(value: Any) -> int:
    number = int(value) if isinstance(value, str) else value
    if type(number) is not int or number < 0:
        raise TypeError("a block number is expected")
    return number


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("text is expected")
    return value
