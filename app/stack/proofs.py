"""Proofs on the command line: receipts and outcomes checked offline, and heads to be kept outside."""

import json
from pathlib import Path
from typing import Any

from app.ledger.receipts import ReceiptInvalid, check
from app.ledger.store import LedgerStore
from app.orchestrator import attestations
from app.plumbing.mongo import connect
from app.plumbing.signing import Signer, is_signed
from app.settings import Settings
from app.stack.problem import GaveUp, Problem


def checked(receipt: Path, public_key: str) -> str:
    """What a receipt proves, in a sentence. Refuses with GaveUp (exit 1) what proves nothing."""
    if not public_key:
        raise Problem("A receipt is checked against the public key of whoever gave it: name it with --public-key.")
    given = _read(receipt)
    try:
        content = json.loads(check(given, public_key))
    except ReceiptInvalid as invalid:
        raise GaveUp(f"{receipt} proves nothing: {invalid}.") from None
    block: dict[str, object] = given["block"]
    legs = ", ".join(f"{side} {account} {amount} {code}" for account, side, amount, code, _ in content["legs"])
    place = f"block {block['n']} of {block['stream']}, {content['timestamp']}"
    return f"{content['_id']} is in the books ({place}), in minor units: {legs}"


def checked_outcome(outcome: Path, public_key: str) -> str:
    """What a saga's signed outcome attests, in a sentence. Refuses with GaveUp (exit 1) what attests nothing."""
    if not public_key:
        raise Problem("An outcome is checked against the public key of whoever gave it: name it with --public-key.")
    try:
        told = attestations.check(_read(outcome), public_key)
    except attestations.AttestationInvalid as invalid:
        raise GaveUp(f"{outcome} proves nothing: {invalid}.") from None
    amounts = ", ".join(f"{name} {each['amount']} {each['currency']}" for name, each in told["amounts"].items())
    return (
        f"{told['saga']}, a {told['type']}, ended {told['status']} at {told['at']}: {amounts}; "
        f"{len(told['transactions'])} transactions"
    )


async def signed_heads(settings: Settings) -> str:
    """The last block of every stream, and the signature over them, as JSON."""
    client, database = connect(settings.mongodb_uri.get_secret_value(), settings.mongodb_database)
    async with client:
        heads = await LedgerStore(client, database).heads()
    signer = Signer(settings.receipt_key)
    signed = {"heads": heads, "signature": signer.sign(_text(heads)), "public_key": signer.public_key}
    return json.dumps(signed, indent=2)


def read_heads(anchor: Path) -> dict[str, str]:
    """Block hashes by id, from a file that ``signed_heads`` wrote. Refuses with Problem what is not one."""
    given = _read(anchor)
    heads = given.get("heads")
    if not isinstance(heads, dict) or not all(isinstance(value, str) for value in heads.values()):
        raise Problem(f"{anchor} holds no heads: make one with wallet heads.")
    if not is_signed(_text(heads), str(given.get("signature")), str(given.get("public_key"))):
        raise Problem(f"The heads in {anchor} do not have their signature: somebody has edited them.")
    return heads


def _text(heads: dict[str, str]) -> str:
    return json.dumps(heads, sort_keys=True, separators=(",", ":"))


def _read(file: Path) -> dict[str, Any]:
    try:
        given = json.loads(file.read_text())
    except (OSError, ValueError):
        raise Problem(f"{file} cannot be read as JSON: name another file.") from None
    return given if isinstance(given, dict) else {}
