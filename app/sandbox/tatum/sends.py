"""Reading a request to send coins. Every send goes through KMS; a private key in one is refused."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import Any

from app.money import Money
from app.sandbox import exact_json
from app.sandbox.tatum.chains import Chain, asset_named, money
from app.sandbox.tatum.refusals import body_of, invalid, refusal
from app.sandbox.vendor import Call, Refusal

_OUTPUTS_MAX = 100
_TOKEN_CONTRACTS = {
    "USDC": "0x1c7d4b196cb0c7b01d743fbc6116a902379c7238",
    "USDT": "0x7169d38820dfd117c3fa1f22a697dba58d90ba06",
}
_ERC20_TRANSFER = "a9059cbb"


@dataclass(frozen=True, slots=True)
class Output:
    """Who receives how much."""

    address: str
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """A valid request to send. ``spends`` are what it uses up on chain: a nonce, or inputs."""

    chain: Chain
    sender: str
    outputs: tuple[Output, ...]
    signature_ids: tuple[str, ...]
    spends: tuple[str, ...]
    serialized: str
    nonce: int | None = None
    index: int | None = None

    @property
    def total(self) -> Money:
        first, *others = (output.amount for output in self.outputs)
        return sum(others, start=first)


def bitcoin_sending(call: Call, chain: Chain) -> Sending:
    """The request to ``POST /v3/bitcoin/transaction``. Raises Refusal."""
    body = body_of(call)
    sources = body.get("fromAddress") or body.get("fromUTXO")
    if not isinstance(sources, list) or not sources or not all(isinstance(item, dict) for item in sources):
        raise invalid("fromAddress", None, "fromAddress or fromUTXO must be a list")
    if any("privateKey" in source for source in sources):
        raise _private_key_refused()
    if ("fee" in body) != ("changeAddress" in body):
        raise invalid("fee", body.get("fee"), "fee and changeAddress must be given together")
    outputs = _outputs(body.get("to"), chain)
    signed = {name: body[name] for name in ("to", "fromAddress", "fromUTXO", "fee", "changeAddress") if name in body}
    return Sending(
        chain=chain,
        sender=str(sources[0].get("address", "tb1qutxo")),
        outputs=outputs,
        signature_ids=tuple(_signature_id(source.get("signatureId")) for source in sources),
        spends=tuple(f"{source['txHash']}:{source.get('index')}" for source in sources if "txHash" in source),
        serialized=exact_json.write(signed),
    )


def account_sending(call: Call, chain: Chain) -> Sending:
    """The request to send on a chain with accounts and nonces. Raises Refusal."""
    body = body_of(call)
    if "fromPrivateKey" in body or "privateKey" in body:
        raise _private_key_refused()
    to, index, nonce = body.get("to"), body.get("index"), body.get("nonce")
    if not isinstance(to, str) or not to:
        raise invalid("to", None, "to must be an address")
    for name, number in (("index", index), ("nonce", nonce)):
        if number is not None and (isinstance(number, bool) or not isinstance(number, int) or number < 0):
            raise invalid(name, None, f"{name} must not be less than 0")
    signature_id = _signature_id(body.get("signatureId"))
    amount = _amount(body.get("amount"), body.get("currency") or chain.coin.code)
    sender = str(body.get("from") or "0x" + sha256(f"{signature_id}/{index}".encode()).hexdigest()[:40])
    return Sending(
        chain=chain,
        sender=sender,
        outputs=(Output(to, amount),),
        signature_ids=(signature_id,),
        spends=() if nonce is None else (f"{chain.name}/{sender}/{nonce}",),
        serialized=exact_json.write(_unsigned(chain, to, amount, nonce, body.get("fee") or {})),
        nonce=nonce,
        index=index,
    )


def _unsigned(chain: Chain, to: str, amount: Money, nonce: int | None, fee: dict[str, Any]) -> dict[str, Any]:
    """The transaction as the daemon is given it, in web3's form: quantities in hexadecimal, the gas price in wei."""
    contract = None if amount.asset == chain.coin else _TOKEN_CONTRACTS.get(amount.asset.code)
    fields: dict[str, Any] = {"from": 0, "to": to, "value": hex(amount.minor)}
    if contract is not None:
        recipient = to.removeprefix("0x").lower().rjust(64, "0")
        fields |= {"to": contract, "value": "0x0", "data": f"0x{_ERC20_TRANSFER}{recipient}{amount.minor:064x}"}
    if nonce is not None:
        fields["nonce"] = nonce
    if "gasPrice" in fee:
        fields["gasPrice"] = hex(_gwei(fee["gasPrice"]))
    if "gasLimit" in fee:
        fields["gas"] = str(fee["gasLimit"])
    return fields


def _gwei(text: Any) -> int:
    """Wei: the body's gas price is in Gwei, unlike the estimate's."""
    try:
        return int(Decimal(str(text)).scaleb(9))
    except (InvalidOperation, ValueError, OverflowError):
        raise invalid("fee.gasPrice", None, "gasPrice must be a number of Gwei") from None


def _outputs(given: Any, chain: Chain) -> tuple[Output, ...]:
    if not isinstance(given, list) or not 1 <= len(given) <= _OUTPUTS_MAX:
        raise invalid("to", None, "to must be a list of outputs")
    outputs = []
    for output in given:
        if not isinstance(output, dict) or not isinstance(output.get("address"), str) or not output["address"]:
            raise invalid("to.address", None, "address must be a text")
        if isinstance(output.get("value"), str):
            raise invalid("to.value", output["value"], "value must be a number")
        outputs.append(Output(output["address"], _amount(output.get("value"), chain.coin.code)))
    return tuple(outputs)


def _amount(given: Any, currency: Any) -> Money:
    asset = asset_named(currency) if isinstance(currency, str) else None
    if asset is None:
        raise invalid("currency", None, "currency must be supported on this chain")
    try:
        return money(given, asset)
    except ValueError as error:
        raise invalid("amount", None, str(error)) from None


def _signature_id(given: Any) -> str:
    if not isinstance(given, str) or not given:
        raise invalid("signatureId", None, "signatureId must be a UUID")
    return given


def _private_key_refused() -> Refusal:
    return refusal(400, "validation.failed", "Private keys are refused here: send through KMS with a signatureId.")
