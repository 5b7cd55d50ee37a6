"""Reading a request to send coins. Every send goes through KMS; a private key in one is refused."""

import re
from dataclasses import dataclass
from typing import Any

from app.money import ASSETS, Money
from app.sandbox.store import Document
from app.sandbox.tatum.chains import CONTRACTS, Chain, asset_named, money
from app.sandbox.tatum.encodings import from_base58, output_script
from app.sandbox.tatum.refusals import body_of, invalid, refusal
from app.sandbox.tatum.unsigned import solana_transaction, tron_transaction, web3_transaction
from app.sandbox.tatum.wallets import address_of
from app.sandbox.vendor import Call, Refusal

_OUTPUTS_MAX = 100
_EVM_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_BASE58_BYTES = {"tron": 25, "solana": 32}


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
    fee: Money | None = None
    change_address: str = ""
    change: Document | None = None

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
    return Sending(
        chain=chain,
        sender=str(sources[0].get("address", "tb1qutxo")),
        outputs=outputs,
        signature_ids=tuple(_signature_id(source.get("signatureId")) for source in sources),
        spends=tuple(f"{source['txHash']}:{source.get('index')}" for source in sources if "txHash" in source),
        serialized="",  # written once it is known what it spends
        fee=_amount(body["fee"], chain, chain.coin.code) if "fee" in body else None,
        change_address=str(body.get("changeAddress", "")),
    )


def account_sending(call: Call, chain: Chain, *, opens: bool) -> Sending:
    """The request to send on a chain with accounts; ``opens``: the receiver has no account for the token yet.

    Raises Refusal.
    """
    body = body_of(call)
    if "fromPrivateKey" in body or "privateKey" in body:
        raise _private_key_refused()
    index, nonce = body.get("index"), body.get("nonce")
    for name, number in (("index", index), ("nonce", nonce)):
        if number is not None and (isinstance(number, bool) or not isinstance(number, int) or number < 0):
            raise invalid(name, None, f"{name} must not be less than 0")
    to, signature_id = _address(body.get("to"), chain), _signature_id(body.get("signatureId"))
    amount = _amount(body.get("amount"), chain, _currency(call, body, chain))
    sender = str(body.get("from") or address_of(chain, signature_id, index))
    return Sending(
        chain=chain,
        sender=sender,
        outputs=(Output(to, amount),),
        signature_ids=(signature_id,),
        spends=() if nonce is None else (f"{chain.name}/{sender}/{nonce}",),
        serialized=_unsigned(chain, sender, to, amount, nonce, body.get("fee") or {}, opens=opens),
        nonce=nonce,
        index=index,
    )


def receiver_of(call: Call, chain: Chain) -> tuple[str, str]:
    """Who is to receive which token, as far as the request says."""
    body = body_of(call)
    return str(body.get("to", "")), _code_at(chain, body.get("contractAddress"))


def _unsigned(
    chain: Chain, sender: str, to: str, amount: Money, nonce: int | None, fee: dict[str, Any], *, opens: bool
) -> str:
    if chain.is_evm:
        return web3_transaction(chain, to, amount, nonce, fee)
    if chain.name == "tron":
        return tron_transaction(chain, sender, to, amount)
    return solana_transaction(chain, sender, to, amount, opens=opens)


def _currency(call: Call, body: dict[str, Any], chain: Chain) -> Any:
    """A token is named by its contract at Tron's own endpoint and at the one for many chains, else by its code."""
    if is_of_tokens(call):
        code = _code_at(chain, body.get("contractAddress"))
        if code and body.get("digits") != ASSETS[code].scale:
            raise invalid("digits", body.get("digits"), "digits must be the token's")
        return code
    if "tokenAddress" not in body:
        return body.get("currency") or chain.coin.code
    if not isinstance(body.get("feeLimit"), int):
        raise invalid("feeLimit", None, "feeLimit must be a number")
    return _code_at(chain, body["tokenAddress"])


def is_of_tokens(call: Call) -> bool:
    """Whether the call came to the endpoint for the tokens of many chains, which names the chain in its body."""
    return "chain" not in call.request.path_params


def _code_at(chain: Chain, contract: Any) -> str:
    return next((code for (name, code), at in CONTRACTS.items() if (name, at) == (chain.name, contract)), "")


def _outputs(given: Any, chain: Chain) -> tuple[Output, ...]:
    if not isinstance(given, list) or not 1 <= len(given) <= _OUTPUTS_MAX:
        raise invalid("to", None, "to must be a list of outputs")
    outputs = []
    for output in given:
        if not isinstance(output, dict) or not isinstance(output.get("address"), str) or not output["address"]:
            raise invalid("to.address", None, "address must be a text")
        if isinstance(output.get("value"), str):
            raise invalid("to.value", output["value"], "value must be a number")
        try:
            output_script(output["address"])
        except ValueError:
            raise invalid("to.address", output["address"], "address must be one of the chain") from None
        outputs.append(Output(output["address"], _amount(output.get("value"), chain, chain.coin.code)))
    return tuple(outputs)


def _amount(given: Any, chain: Chain, currency: Any) -> Money:
    asset = asset_named(currency) if isinstance(currency, str) else None
    if asset is None or not chain.carries(asset):
        raise invalid("currency", None, "currency must be supported on this chain")
    try:
        return money(given, asset)
    except ValueError as error:
        raise invalid("amount", None, str(error)) from None


def _address(given: Any, chain: Chain) -> str:
    """An address of the chain, as far as its form shows."""
    if not isinstance(given, str) or not given:
        raise invalid("to", None, "to must be an address")
    if chain.is_evm and not _EVM_ADDRESS.fullmatch(given):
        raise invalid("to", given, "to must be an address of 42 characters")
    if chain.name in _BASE58_BYTES:
        try:
            length = len(from_base58(given))
        except ValueError:
            length = 0
        if length != _BASE58_BYTES[chain.name]:
            raise invalid("to", given, "to must be an address")
    return given


def _signature_id(given: Any) -> str:
    if not isinstance(given, str) or not given:
        raise invalid("signatureId", None, "signatureId must be a UUID")
    return given


def _private_key_refused() -> Refusal:
    return refusal(400, "validation.failed", "Private keys are refused here: send through KMS with a signatureId.")
