"""Attestations: how a saga ended, signed, so that anybody can check it offline with the public key alone. Pure.

What is signed is the text of ``content``, canonical JSON: names in order, no spaces. It names the saga, what it was,
how it ended and when, the amounts it was about, and its ledger transactions; each of those has a receipt of its own.
The key is the one that receipts are signed with (Ed25519, RFC 8032).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from app.clock import rfc3339
from app.errors import SagaUnfinished
from app.ids import public_id
from app.ledger.transactions import Status, Transaction
from app.money import Money
from app.orchestrator.journal import SagaRecord
from app.orchestrator.lifecycle import ENDS
from app.orchestrator.saga import Saga
from app.plumbing.signing import Signer, is_signed

_VERSION = 1
_KIND = "wallet-saga-outcome"
_NAMES = {"kind", "saga", "type", "status", "at", "amounts", "transactions"}


class AttestationInvalid(Exception):
    """It does not attest what it says; the message names the first step that fails."""


def attestation(saga: SagaRecord, flow: Saga | None, postings: Sequence[Transaction], signer: Signer) -> dict[str, Any]:
    """The signed outcome of a saga that has ended; ``postings`` are all of its transactions. Raises SagaUnfinished.

    Of a definition that this release does not have no amounts are read.
    """
    if saga.state not in ENDS:
        raise SagaUnfinished(public_id(saga.id), saga.status)
    content = _canonical(
        {
            "kind": _KIND,
            "saga": public_id(saga.id),
            "type": saga.type,
            "status": saga.status,
            "at": rfc3339(saga.updated_at),
            "amounts": _amounts(flow, saga.params) if flow else {},
            "transactions": [public_id(each.id) for each in postings if each.status is Status.POSTED],
        }
    )
    return {"version": _VERSION, "content": content, "signature": signer.sign(content), "key_id": signer.key_id}


def check(given: Mapping[str, Any], public_key: str) -> dict[str, Any]:
    """What the attestation says. Raises AttestationInvalid."""
    content = given.get("content")
    if not isinstance(content, str) or given.get("version") != _VERSION:
        raise AttestationInvalid("it is not the outcome of a saga")
    if not is_signed(content, str(given.get("signature")), public_key):
        raise AttestationInvalid("the signature is not of this key")
    told = json.loads(content)
    if not isinstance(told, dict) or told.keys() != _NAMES or told["kind"] != _KIND:
        raise AttestationInvalid("what is signed is not the outcome of a saga")
    return told


def _amounts(flow: Saga, params: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    read = flow.params.model_validate(params)
    named = {name: getattr(read, name) for name in type(read).model_fields}
    return {
        name: {"amount": str(value), "currency": value.asset.code}
        for name, value in named.items()
        if isinstance(value, Money)
    }


def _canonical(told: Mapping[str, Any]) -> str:
    return json.dumps(told, sort_keys=True, separators=(",", ":"))
