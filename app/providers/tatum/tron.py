"""Tron on Tatum's wire. Amounts: whole coins in a send, sun (10^-6) in whatever comes back.

Addresses come back in base58 or as 21 bytes in hexadecimal, by endpoint; names in snake_case from the queue, in
camelCase from the transaction's page. Both are read.
"""

from typing import Any

from app.money import Money
from app.providers import exact_json
from app.providers.chain_ports import ChainTransaction, CoinOrder, Paid, PendingSend
from app.providers.tatum import base58
from app.providers.tatum.chains import Chain, Network
from app.providers.tatum.fields import block_number, depth, quantity, text

_TRANSFER = "a9059cbb"
_CALL_DIGITS = len(_TRANSFER) + 2 * 64
_SUCCESS = "SUCCESS"


def send_path(order: CoinOrder, chain: Chain) -> str:
    """Where the order is posted: tokens have an endpoint of their own."""
    return f"/v3/{chain.path}/{'transaction' if order.amount.asset == chain.coin else 'trc20/transaction'}"


def send_request(
    order: CoinOrder, chain: Chain, network: Network, *, signature_id: str, index: int | None, treasury_address: str
) -> dict[str, Any]:
    """The body of the send. Raises ValueError for an asset that the chain does not carry."""
    body: dict[str, Any] = {
        "from": treasury_address,
        "to": order.to,
        "amount": str(order.amount),
        "signatureId": signature_id,
        **({} if index is None else {"index": index}),
    }
    if order.amount.asset == chain.coin:
        return body
    token = chain.token(order.amount.asset)
    if token is None:
        raise ValueError(f"{chain.name} does not send {order.amount.asset.code}")
    return {**body, "tokenAddress": token.contracts[network], "feeLimit": int(chain.flat_fee_of_tokens)}


def pending_send(operation: Any, chain: Chain, network: Network) -> PendingSend:
    """An operation decoded from the unsigned transaction."""
    unsigned = exact_json.loads(operation["serializedTransaction"])
    (contract,) = unsigned["raw_data"]["contract"]
    to, amount = _received(contract, chain, network)
    return PendingSend(text(operation["id"]), chain.name, to, amount, operation.get("txId") or None)


def transaction(body: Any, chain: Chain, network: Network, *, height: int | None) -> ChainTransaction:
    """A transaction; one without a block waits."""
    number = body.get("blockNumber")
    block = None if number is None else block_number(number)
    (verdict,) = body["ret"]
    succeeded = verdict["contractRet"] == _SUCCESS
    (contract,) = (body.get("rawData") or body["raw_data"])["contract"]
    paid: tuple[Paid, ...] = ()
    if succeeded and _is_transfer(contract, chain, network):
        to, amount = _received(contract, chain, network)
        paid = (Paid("value", to, amount),) if amount else ()
    return ChainTransaction(
        tx_id=text(body["txID"]),
        status="pending" if block is None else "mined" if succeeded else "reverted",
        block_number=block,
        confirmations=depth(block, height),
        fee=Money(quantity(verdict.get("fee", 0)), chain.coin),
        paid=paid,
    )


def _is_transfer(contract: Any, chain: Chain, network: Network) -> bool:
    """Whether the contract moves the coin or a token of ours; many others do other things."""
    if contract["type"] == "TransferContract":
        return True
    if contract["type"] != "TriggerSmartContract":
        return False
    value = contract["parameter"]["value"]
    known = chain.token_at(_address(_either(value, "contract_address", "contractAddress")), network)
    return known is not None and str(value.get("data", "")).startswith(_TRANSFER)


def _received(contract: Any, chain: Chain, network: Network) -> tuple[str, Money]:
    value = contract["parameter"]["value"]
    if contract["type"] == "TransferContract":
        to = _either(value, "to_address", "toAddressBase58", "toAddress")
        return _address(to), Money(quantity(value["amount"]), chain.coin)
    token = chain.token_at(_address(_either(value, "contract_address", "contractAddress")), network)
    data = text(value["data"]).lower()
    if contract["type"] != "TriggerSmartContract" or token is None or value.get("call_value"):
        raise ValueError("a call that is no transfer of a token of ours")
    if not data.startswith(_TRANSFER) or len(data) != _CALL_DIGITS:
        raise ValueError("a call that is no transfer")
    receiver, minor = data[len(_TRANSFER) : len(_TRANSFER) + 64], data[len(_TRANSFER) + 64 :]
    return _address(f"41{receiver[24:]}"), Money(int(minor, 16), token.asset)


def _either(value: Any, *names: str) -> str:
    return text(next((value[name] for name in names if value.get(name)), None))


def _address(told: str) -> str:
    """In base58, however it was told."""
    if told.startswith("T"):
        return told
    data = bytes.fromhex(told)
    if len(data) != 21 or data[0] != 0x41:
        raise ValueError("an address has 21 bytes and begins with 41")
    return base58.with_checksum(data)
