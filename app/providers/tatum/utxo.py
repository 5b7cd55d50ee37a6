"""Bitcoin and its kin on Tatum's wire: amounts differ by endpoint, so they are read by one rule.

A JSON integer counts satoshis; text, and a number with a point, counts whole coins. The queue holds what the vendor's
daemon reads: a transaction of bitcore-lib as JSON, its outputs as scripts (github.com/tatumio/tatum-js,
btc-based.kms.ts; github.com/bitpay/bitcore, ``Transaction.toObject``).
"""

from decimal import ROUND_CEILING, Decimal
from typing import Any

from app.money import Money
from app.providers import exact_json
from app.providers.chain_ports import ChainTransaction, CoinOrder, Input, Paid, PendingSend
from app.providers.tatum.addresses import canonical_address
from app.providers.tatum.chains import Chain, Network
from app.providers.tatum.fields import block_number, coins, depth, quantity, text, whole_coins
from app.providers.tatum.scripts import address_of

_FEE_PER_BYTE_MAX = Decimal(5_000)
"""Satoshis per byte; five times the dearest day so far, so whatever exceeds it is in another unit."""


def send_request(
    order: CoinOrder, chain: Chain, *, signature_id: str, treasury_address: str, fee: Money
) -> dict[str, Any]:
    """The body of POST /v3/bitcoin/transaction: ``value`` is a number of whole coins, ``fee`` a text of them.

    With inputs these and no others are spent; without, the vendor takes what the address has.
    """
    if order.amount.asset != chain.coin:
        raise ValueError(f"{chain.name} sends {chain.coin.code}")
    source: dict[str, Any] = {"fromAddress": [{"address": treasury_address, "signatureId": signature_id}]}
    if order.inputs:
        source = {
            "fromUTXO": [
                {"txHash": each.tx_id, "index": each.place, "signatureId": signature_id} for each in order.inputs
            ]
        }
    return {
        **source,
        "to": [{"address": order.to, "value": Decimal(str(order.amount))}],
        "fee": str(order.fee or fee),
        "changeAddress": treasury_address,
    }


def receivers(operation: Any, chain: Chain, network: Network, treasury: str) -> list[tuple[str, Money]]:
    """Who is paid by an operation of the queue, and how much: what comes back to the treasury is change.

    Unless nobody else is paid: then it is the treasury that is, as its first output says.
    """
    outputs = exact_json.loads(operation["serializedTransaction"])["outputs"]
    if not isinstance(outputs, list):
        raise TypeError("a list of outputs is expected")
    paid = [
        (address_of(bytes.fromhex(text(each["script"])), chain, network), Money(quantity(each["satoshis"]), chain.coin))
        for each in outputs
    ]
    own = canonical_address(chain.name, treasury)
    return [(to, amount) for to, amount in paid if to != own] or paid[:1]


def pending_send(operation: Any, chain: Chain, network: Network, treasury: str) -> PendingSend:
    """An operation with one receiver, decoded from what will be signed."""
    ((to, amount),) = receivers(operation, chain, network, treasury)
    spent = exact_json.loads(operation["serializedTransaction"])["inputs"]
    return PendingSend(
        id=text(operation["id"]),
        chain=chain.name,
        to=to,
        amount=amount,
        tx_id=operation.get("txId") or None,
        inputs=frozenset(f"{text(each['prevTxId'])}:{block_number(each['outputIndex'])}" for each in spent),
    )


def transaction(body: Any, chain: Chain, *, height: int | None) -> ChainTransaction:
    """A transaction; such a chain holds no failed ones. ``height`` is that of the newest block."""
    block = block_of(body)
    return ChainTransaction(
        tx_id=text(body["hash"]),
        status="pending" if block is None else "mined",
        block_number=block,
        confirmations=depth(block, height),
        fee=coins(body.get("fee", 0), chain.coin),
        paid=tuple(
            Paid(str(place), output["address"], coins(output["value"], chain.coin))
            for place, output in enumerate(body["outputs"])
            if _is_paid(output)
        ),
        spent=frozenset(
            f"{text(each['prevout']['hash'])}:{block_number(each['prevout']['index'])}"
            for each in body.get("inputs", ())
        ),
    )


def block_of(body: Any) -> int | None:
    """The block that holds the transaction; None while it waits."""
    number = body.get("blockNumber")
    return None if number is None else block_number(number)


def unspent(body: Any, chain: Chain) -> tuple[Input, ...]:
    """Outputs to spend: ``value`` is in whole coins, exact in ``valueAsString`` where the vendor tells that too."""
    return tuple(
        Input(
            text(each["txHash"]),
            block_number(each["index"]),
            whole_coins(each.get("valueAsString", each["value"]), chain.coin),
        )
        for each in body
    )


def network_fee(body: Any, chain: Chain) -> Money:
    """The estimate for a usual send: the medium tier, in satoshis per byte, times its size, rounded up."""
    per_byte = Decimal(body["medium"])
    if not 0 < per_byte <= _FEE_PER_BYTE_MAX:
        raise ValueError("not satoshis per byte")
    return Money(int((per_byte * chain.send_bytes).to_integral_value(ROUND_CEILING)), chain.coin)


def _is_paid(output: Any) -> bool:
    """Outputs without an address carry data or a bare script; nobody we pay is behind them."""
    return isinstance(output.get("address"), str)
