"""Tatum's webhooks: signed over JSON without spaces, and identified by what they are about."""

import hmac
import json
from base64 import b64encode
from time import perf_counter
from typing import Any

import pytest
from pydantic import SecretStr

from app.errors import Malformed, SignatureInvalid
from app.providers.events import WebhookEvent
from app.providers.tatum.webhooks import read_events, without_spaces

SECRETS = [SecretStr("tatum-hmac-1")]
BODY = b'{"address":"0xabc","amount":"0.5","txId":"0x01"}'
HASH = "xtFsggZKOD6/8qhMTUjedJvlR1Vsq0iDS8tuQ5IhbRMAAUBhidn81uWke8VtSF1per5pOAdgCFwkmRezWizCjg=="
LEGACY = {
    "address": "tb1abc",
    "counterAddress": "tb1def",
    "amount": "0.5",
    "asset": "BTC",
    "txId": "ab",
    "blockNumber": 100,
    "type": "native",
    "chain": "bitcoin-testnet",
    "subscriptionType": "INCOMING_NATIVE_TX",
}
ENRICHED = {
    "kind": "transfer",
    "txId": "ab",
    "blockNumber": 100,
    "currency": "BTC",
    "from": "tb1def",
    "to": "tb1abc",
    "value": "50000000",
    "subscriptionType": "OUTGOING_NATIVE_TX",
}


def told(payload: Any) -> WebhookEvent:
    body = payload if isinstance(payload, bytes) else json.dumps(payload, separators=(",", ":")).encode()
    (event,) = read_events(body, {"x-payload-hash": signed(body)}, SECRETS)
    return event


def signed(body: bytes) -> str:
    return b64encode(hmac.digest(b"tatum-hmac-1", body, "sha512")).decode()


def test_the_published_hash_fits_and_an_event_without_a_type_is_malformed() -> None:
    with pytest.raises(Malformed):
        read_events(BODY, {"x-payload-hash": HASH}, SECRETS)


def test_a_pretty_printed_body_is_verified_without_its_spaces() -> None:
    pretty = json.dumps({**LEGACY, "note": 'a "b  \\ c'}, indent=2).encode()
    (event,) = read_events(pretty, {"x-payload-hash": signed(without_spaces(pretty))}, SECRETS)
    assert event.refs == ("tatum:tx:ab",)


def test_only_the_space_between_tokens_goes() -> None:
    assert without_spaces(b'{ "a b" : "\\" c" ,\n\t"d":[ 1 , 2.50 ] }\r\n') == b'{"a b":"\\" c","d":[1,2.50]}'


def test_a_strangers_unclosed_strings_cost_linear_time() -> None:
    began = perf_counter()
    without_spaces(b'"\\' * 200_000)
    assert perf_counter() - began < 2


@pytest.mark.parametrize("given", ["", "x", HASH[:-4], "\u00e9"])
def test_a_wrong_hash_is_refused(given: str) -> None:
    with pytest.raises(SignatureInvalid):
        read_events(BODY, {"x-payload-hash": given}, SECRETS)
    with pytest.raises(SignatureInvalid):
        read_events(BODY, {"x-payload-hash": HASH}, [])


def test_the_key_daemons_verdicts_name_the_pending_operation() -> None:
    done = told({"subscriptionType": "KMS_COMPLETED_TX", "signatureId": "op-1", "txId": "ab"})
    failed = told({"type": "KMS_FAILED_TX", "signatureId": "op-1", "error": "Ada's key is gone"})
    assert (done.type, done.refs) == ("KMS_COMPLETED_TX", ("tatum:kms:op-1", "tatum:tx:ab"))
    assert (failed.type, failed.refs) == ("KMS_FAILED_TX", ("tatum:kms:op-1",))
    assert "Ada" not in repr(failed)


@pytest.mark.parametrize("payload", [LEGACY, ENRICHED, {"data": ENRICHED}])
def test_every_form_of_a_transfer_names_its_transaction_and_no_party(payload: dict[str, Any]) -> None:
    event = told(payload)
    assert event.refs == ("tatum:tx:ab",)
    assert "tb1" not in repr(event)


def test_nested_and_flat_are_one_event() -> None:
    assert told(ENRICHED).event_id == told({"data": ENRICHED}).event_id


def test_the_same_transfer_told_twice_is_one_event_however_it_is_spelt() -> None:
    assert told(LEGACY).event_id == told(dict(reversed(LEGACY.items()))).event_id


@pytest.mark.parametrize(
    "other",
    [
        {"mempool": True},
        {"txId": "ac"},
        {"chain": "bitcoin-mainnet"},
        {"address": "tb1xyz"},
        {"asset": "USDT"},
        {"logIndex": 2},
        {"blockNumber": 8_000_001},
        {"subscriptionType": "OUTGOING_NATIVE_TX"},
    ],
)
def test_what_differs_in_its_identity_is_another_event(other: dict[str, Any]) -> None:
    assert told(LEGACY).event_id != told(LEGACY | other).event_id


def test_events_without_an_object_are_told_apart_by_their_bytes() -> None:
    assert told({"type": "NEWS", "n": 1}).event_id != told({"type": "NEWS", "n": 2}).event_id
    assert told({"type": "NEWS", "n": 1}).refs == ()


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"{", b'{"type":1}', b'{"n":NaN}'])
def test_a_signed_body_that_is_no_event_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        told(body)
