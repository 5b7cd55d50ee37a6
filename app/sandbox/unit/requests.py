"""Reading a request to make a payment or a counterparty, as strictly as the vendor does."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.sandbox.unit.fates import Direction
from app.sandbox.unit.jsonapi import invalid, refusal
from app.sandbox.vendor import Call

AMOUNT_CENTS_MAX = 10**13
TAGS_MAX = 15
_ROUTING = re.compile(r"[0-9]{9}", re.ASCII)
_ACCOUNT_NUMBER = re.compile(r"[0-9A-Za-z]{1,17}", re.ASCII)
_ATTRIBUTES = "/data/attributes"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRequest:
    """A valid request for an ``achPayment``; exactly one of the three ways to name the other side is set."""

    account_id: str
    amount: int
    direction: Direction
    description: str
    tags: dict[str, str]
    idempotency_key: str | None
    counterparty: dict[str, Any] | None
    counterparty_id: str | None
    processor_token: str | None
    counterparty_name: str | None
    verify_balance: bool
    extra: dict[str, Any]


def resource_of(call: Call, kind: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Attributes and relationships of the posted resource. Raises Refusal."""
    if "json" not in call.header("content-type"):
        raise refusal(415, "unsupported_media_type", "Content-Type must be application/vnd.api+json")
    try:
        data = call.json()["data"]
        given, attributes = data["type"], data["attributes"]
        relationships = data.get("relationships", {})
    except (ValueError, LookupError, TypeError, AttributeError):
        raise invalid("the body must be a JSON:API document with data.type and data.attributes", "/data") from None
    if given != kind:
        raise invalid(f"type must be {kind}", "/data/type")
    if not isinstance(attributes, Mapping) or not isinstance(relationships, Mapping):
        raise invalid("attributes and relationships must be objects", "/data")
    return attributes, relationships


def related(relationships: Mapping[str, Any], name: str) -> str | None:
    """The id that a to-one relationship names."""
    try:
        key = relationships[name]["data"]["id"]
    except (LookupError, TypeError):
        return None
    return key if isinstance(key, str) else None


def payment_request(call: Call) -> PaymentRequest:
    """The request to ``POST /payments``. Raises Refusal for the first thing that is wrong."""
    attributes, relationships = resource_of(call, "achPayment")
    account_id = related(relationships, "account")
    if account_id is None:
        raise invalid("relationships.account is required", "/data/relationships/account")
    request = PaymentRequest(
        account_id=account_id,
        amount=amount_of(attributes.get("amount")),
        direction=_one_of(attributes, "direction", "Debit", "Credit"),
        description=text_of(attributes, "description", 10, required=True) or "",
        tags=tags_of(attributes.get("tags")),
        idempotency_key=text_of(attributes, "idempotencyKey", 255),
        counterparty=_counterparty(attributes.get("counterparty")),
        counterparty_id=related(relationships, "counterparty"),
        processor_token=text_of(attributes, "plaidProcessorToken", 255),
        counterparty_name=text_of(attributes, "counterpartyName", 50),
        verify_balance=attributes.get("verifyCounterpartyBalance") is True,
        extra=_extra(attributes),
    )
    ways = (request.counterparty, request.counterparty_id, request.processor_token)
    if sum(way is not None for way in ways) != 1:
        raise invalid(
            "exactly one of counterparty, plaidProcessorToken and relationships.counterparty is required",
            f"{_ATTRIBUTES}/counterparty",
        )
    return request


def counterparty_of(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """An inline counterparty's account. Raises Refusal."""
    pointer = f"{_ATTRIBUTES}/counterparty"
    routing, number = attributes.get("routingNumber"), attributes.get("accountNumber")
    if not isinstance(routing, str) or not _ROUTING.fullmatch(routing):
        raise invalid("routingNumber must be 9 digits", f"{pointer}/routingNumber")
    if not isinstance(number, str) or not _ACCOUNT_NUMBER.fullmatch(number):
        raise invalid("accountNumber must be 1 to 17 characters", f"{pointer}/accountNumber")
    return {
        "name": text_of(attributes, "name", 50, required=True),
        "routingNumber": routing,
        "accountNumber": number,
        "accountType": _one_of(attributes, "accountType", "Checking", "Savings", "Loan"),
    }


def _counterparty(given: Any) -> dict[str, Any] | None:
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise invalid("counterparty must be an object", f"{_ATTRIBUTES}/counterparty")
    return counterparty_of(given)


def amount_of(given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise invalid("amount must be positive", f"{_ATTRIBUTES}/amount")
    if given > AMOUNT_CENTS_MAX:
        raise refusal(400, "limits_exceeded", "amount exceeds the limit", f"{_ATTRIBUTES}/amount")
    return given


def text_of(attributes: Mapping[str, Any], name: str, length_max: int, *, required: bool = False) -> str | None:
    given = attributes.get(name)
    if given is None and not required:
        return None
    if not isinstance(given, str) or not 1 <= len(given) <= length_max:
        raise invalid(f"{name} must be 1 to {length_max} characters", f"{_ATTRIBUTES}/{name}")
    return given


def _one_of(attributes: Mapping[str, Any], name: str, *choices: str) -> Any:
    given = attributes.get(name)
    if given not in choices:
        raise invalid(f"{name} must be one of {', '.join(choices)}", f"{_ATTRIBUTES}/{name}")
    return given


def tags_of(given: Any) -> dict[str, str]:
    if given is None:
        return {}
    fits = isinstance(given, Mapping) and len(given) <= TAGS_MAX
    if not fits or not all(isinstance(value, str) and len(value) <= 255 for value in given.values()):
        raise invalid("tags must be a map of at most 15 texts of at most 255 characters", f"{_ATTRIBUTES}/tags")
    return dict(given)


def _extra(attributes: Mapping[str, Any]) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    if (addenda := text_of(attributes, "addenda", 80)) is not None:
        extra["addenda"] = addenda
    if attributes.get("secCode") is not None:
        extra["secCode"] = _one_of(attributes, "secCode", "WEB", "CCD", "PPD")
    if (same_day := attributes.get("sameDay")) is not None:
        if not isinstance(same_day, bool):
            raise invalid("sameDay must be a boolean", f"{_ATTRIBUTES}/sameDay")
        extra["sameDay"] = same_day
    return extra
