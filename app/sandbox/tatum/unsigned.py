"""What the daemon is given to sign, in each chain's own form."""

from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import Any

from app.money import Money
from app.sandbox import exact_json
from app.sandbox.store import Document
from app.sandbox.tatum.chains import CONTRACTS, Chain
from app.sandbox.tatum.encodings import from_base58, output_script, token_account
from app.sandbox.tatum.refusals import invalid, refusal

_ERC20_TRANSFER = "a9059cbb"
_FINAL = 0xFFFFFFFF
_FEE_WEI_MAX = 10**18
"""What nodes pay at most (geth's ``rpc.txfeecap``): a price in another unit costs more."""
_SYSTEM = bytes(32)
_TOKENS, _RENT, _OPENING = map(
    from_base58,
    (
        "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA",
        "SysvarRent111111111111111111111111111111111",
        "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL",
    ),
)
"""Solana's programs, and where it keeps the price of an account."""


def bitcoin_transaction(outputs: list[Document], inputs: list[Document]) -> str:
    """bitcore-lib's form: outputs as scripts, in satoshi; without inputs it is not said what will be spent."""
    return exact_json.write(
        {
            "version": 2,
            "inputs": [
                {
                    "prevTxId": each["tx_hash"],
                    "outputIndex": each["place"],
                    "sequenceNumber": _FINAL,
                    "script": "",
                    "output": {"satoshis": int(each["minor"]), "script": output_script(each["address"])},
                }
                for each in inputs
            ],
            "outputs": [{"satoshis": int(each["minor"]), "script": output_script(each["address"])} for each in outputs],
            "nLockTime": 0,
        }
    )


def web3_transaction(chain: Chain, to: str, amount: Money, nonce: int | None, fee: dict[str, Any]) -> str:
    """Web3's form: quantities in hexadecimal, the gas price in wei."""
    fields: dict[str, Any] = {"from": 0, "to": to, "value": hex(amount.minor)}
    if amount.asset != chain.coin:
        contract = CONTRACTS[chain.name, amount.asset.code]
        fields |= {"to": contract, "value": "0x0", "data": f"0x{_call(to.removeprefix('0x').lower(), amount)}"}
    if nonce is not None:
        fields["nonce"] = nonce
    if "gasPrice" in fee:
        fields["gasPrice"] = hex(_gwei(fee["gasPrice"]))
        if _gwei(fee["gasPrice"]) * _whole(fee.get("gasLimit", 0)) > _FEE_WEI_MAX:
            raise refusal(403, "ethereum.broadcast.failed", "The fee exceeds the node's cap of one coin.")
    if "gasLimit" in fee:
        fields["gas"] = str(fee["gasLimit"])
    return exact_json.write(fields)


def tron_transaction(chain: Chain, sender: str, to: str, amount: Money) -> str:
    """TronWeb's form: addresses in hexadecimal, amounts in sun."""
    owner, receiver = _tron_hex(sender), _tron_hex(to)
    if amount.asset == chain.coin:
        kind, value = "TransferContract", {"owner_address": owner, "to_address": receiver, "amount": amount.minor}
    else:
        contract = _tron_hex(CONTRACTS[chain.name, amount.asset.code])
        kind = "TriggerSmartContract"
        value = {"owner_address": owner, "contract_address": contract, "data": _call(receiver[2:], amount)}
    raw = {"contract": [{"type": kind, "parameter": {"value": value}}]}
    return exact_json.write({"txID": sha256(exact_json.write(raw).encode()).hexdigest(), "raw_data": raw})


def solana_transaction(chain: Chain, sender: str, to: str, amount: Money, *, opens: bool) -> str:
    """The daemon's form: JSON with a legacy message in hexadecimal, its accounts in the order of web3.js."""
    if amount.asset == chain.coin:
        transfer = (2).to_bytes(4, "little") + amount.minor.to_bytes(8, "little")
        accounts = [from_base58(sender), from_base58(to), _SYSTEM]
        return _message(accounts, [(2, (0, 1), transfer)], sender, read_only=1)
    mint, wallet = from_base58(CONTRACTS[chain.name, amount.asset.code]), from_base58(to)
    held = [token_account(from_base58(sender), mint), token_account(wallet, mint)]
    transfer = bytes((3,)) + amount.minor.to_bytes(8, "little")
    if not opens:
        return _message([from_base58(sender), *held, _TOKENS], [(3, (1, 2, 0), transfer)], sender, read_only=1)
    accounts = [from_base58(sender), *held, wallet, mint, _SYSTEM, _TOKENS, _RENT, _OPENING]
    return _message(accounts, [(8, (0, 2, 3, 4, 5, 6, 7), b""), (6, (1, 2, 0), transfer)], sender, read_only=6)


def _message(
    accounts: list[bytes], instructions: list[tuple[int, tuple[int, ...], bytes]], sender: str, *, read_only: int
) -> str:
    """One signer; the last ``read_only`` accounts are not written to. The block's hash is one of long ago."""
    written = bytes((1, 0, read_only, len(accounts))) + b"".join(accounts) + sha256(sender.encode()).digest()
    written += bytes((len(instructions),))
    for program, named, data in instructions:
        written += bytes((program, len(named), *named, len(data))) + data
    return exact_json.write({"txData": written.hex()})


def _call(receiver: str, amount: Money) -> str:
    return f"{_ERC20_TRANSFER}{receiver.rjust(64, '0')}{amount.minor:064x}"


def _tron_hex(address: str) -> str:
    return from_base58(address)[:21].hex()


def _whole(text: Any) -> int:
    try:
        return int(str(text))
    except ValueError:
        raise invalid("fee.gasLimit", None, "gasLimit must be a number") from None


def _gwei(text: Any) -> int:
    """Wei: the body's gas price is in Gwei, unlike the estimate's."""
    try:
        return int(Decimal(str(text)).scaleb(9))
    except (InvalidOperation, ValueError, OverflowError):
        raise invalid("fee.gasPrice", None, "gasPrice must be a number of Gwei") from None
