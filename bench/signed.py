"""What vendors send, signed as they sign it, each event or question new: bytes of whole requests."""

import hmac
import json
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any

from pydantic import SecretStr

from app.ids import new_id
from app.settings import Settings

Sign = Callable[[bytes], Mapping[str, str]]


class Deliveries:
    """Events of four vendors in turn, about objects that nobody waits for."""

    def __init__(self, settings: Settings, host: str) -> None:
        self._host = host
        self._run = new_id("run")
        self._number = 0
        self._vendors = cycle(
            (
                ("unit", _unit_event, _by_unit(settings.unit_webhook_secret)),
                ("stripe", _stripe_event, _by_stripe(settings.stripe_webhook_secret)),
                ("tatum", _tatum_event, _by_tatum(settings.tatum_webhook_secret)),
                ("sumsub", _sumsub_event, _by_sumsub(settings.sumsub_webhook_secret)),
            )
        )

    def __iter__(self) -> Iterator[bytes]:
        for vendor, event, sign in self._vendors:
            self._number += 1
            body = json.dumps(event(f"{self._run}-{self._number}"), separators=(",", ":")).encode()
            yield _request(self._host, f"/webhooks/{vendor}", body, sign(body))


class Questions:
    """The bank asks whether a card may take a dollar, each card in turn."""

    def __init__(self, settings: Settings, host: str, cards: Sequence[str]) -> None:
        self._host = host
        self._run = new_id("run")
        self._cards = cycle(cards)
        self._sign = _by_unit(settings.unit_webhook_secret)

    def __iter__(self) -> Iterator[bytes]:
        for number, card in enumerate(self._cards):
            asked = {
                "type": "purchaseAuthorizationRequest",
                "id": f"{self._run}-{number}",
                "attributes": {"amount": 100, "status": "Pending"},
                "relationships": {"card": {"data": {"type": "card", "id": card}}},
            }
            body = json.dumps({"data": asked}, separators=(",", ":")).encode()
            yield _request(self._host, "/webhooks/unit/authorizations", body, self._sign(body))


def _request(host: str, path: str, body: bytes, proof: Mapping[str, str]) -> bytes:
    headers = {"Host": host, "Content-Type": "application/json", "Content-Length": str(len(body)), **proof}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def _unit_event(key: str) -> dict[str, Any]:
    payment = {"data": {"id": key, "type": "achPayment"}}
    event = {"id": key, "type": "payment.sent", "attributes": {"previousStatus": "Clearing"}}
    return {"data": [{**event, "relationships": {"payment": payment}}]}


def _stripe_event(key: str) -> dict[str, Any]:
    return {"id": key, "type": "payout.paid", "created": 1, "data": {"object": {"object": "payout", "id": f"po_{key}"}}}


def _tatum_event(key: str) -> dict[str, Any]:
    told = {"txId": key, "chain": "bitcoin-testnet", "asset": "BTC", "address": "tb1q", "amount": "0.1"}
    return {"subscriptionType": "INCOMING_NATIVE_TX", **told}


def _sumsub_event(key: str) -> dict[str, Any]:
    return {"applicantId": key, "type": "applicantPending", "createdAtMs": "2026-11-20 05:00:00.000"}


def _by_unit(secret: SecretStr) -> Sign:
    key = secret.get_secret_value().encode()
    return lambda body: {"x-unit-signature": b64encode(hmac.digest(key, body, "sha1")).decode()}


def _by_tatum(secret: SecretStr) -> Sign:
    key = secret.get_secret_value().encode()
    return lambda body: {"x-payload-hash": b64encode(hmac.digest(key, body, "sha512")).decode()}


def _by_sumsub(secret: SecretStr) -> Sign:
    key = secret.get_secret_value().encode()
    return lambda body: {"x-payload-digest": hmac.digest(key, body, "sha256").hex()}


def _by_stripe(secret: SecretStr) -> Sign:
    key = secret.get_secret_value().encode()

    def sign(body: bytes) -> dict[str, str]:
        at = int(time.time())
        return {"stripe-signature": f"t={at},v1={hmac.digest(key, f'{at}.'.encode() + body, 'sha256').hex()}"}

    return sign
