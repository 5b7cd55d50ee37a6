"""Unit's JSON:API in our words: pure translations and the status table in full.

Amounts are integer cents, ids numeric strings (https://www.unit.co/docs/api/payments/).
"""

from typing import Any, cast

from app.errors import CurrencyMismatch
from app.money import USD, Money
from app.providers.ports import AchOrder, AchPayment, Direction, PaymentStatus
from app.providers.unit.jsonapi import REFERENCE_TAG, cents, reference_of, resource, text, to_one

STATUSES: dict[str, PaymentStatus] = {
    "Pending": PaymentStatus.PENDING,
    "PendingReview": PaymentStatus.PENDING_REVIEW,
    "Pending Review": PaymentStatus.PENDING_REVIEW,  # the vendor's list filter spells it so
    "Clearing": PaymentStatus.CLEARING,
    "Sent": PaymentStatus.SENT,
    "Returned": PaymentStatus.RETURNED,
    "Rejected": PaymentStatus.REJECTED,
    "Canceled": PaymentStatus.CANCELED,
}

_MOVES_NOTHING = {PaymentStatus.REJECTED, PaymentStatus.CANCELED}


def payment_request(order: AchOrder, *, key: str, account_id: str) -> dict[str, Any]:
    """The body of POST /payments. Raises CurrencyMismatch: ACH moves dollars only."""
    if order.amount.asset != USD:
        raise CurrencyMismatch(expected=USD.code, given=order.amount.asset.code)
    attributes = {
        "amount": order.amount.minor,
        "direction": order.direction,
        "description": order.description,
        "plaidProcessorToken": order.processor_token.get_secret_value(),
        "counterpartyName": order.counterparty_name,
        "idempotencyKey": key,
        "tags": {REFERENCE_TAG: order.reference},
    }
    return resource("achPayment", attributes, account=to_one("depositAccount", account_id))


def payment(body: Any) -> AchPayment:
    """The payment of a response. Raises as parsers do when it is not one."""
    return _payment(body["data"])


def payment_among(body: Any, reference: str) -> AchPayment | None:
    """The payment of a list that carries our reference; where several do, one that moves money, the oldest first.

    Raises ValueError when the list holds a payment of another reference: then the vendor did not apply the filter,
    and that ours is missing from one page would prove nothing.
    """
    found = sorted((_payment(item) for item in body["data"]), key=lambda each: (len(each.id), each.id))
    if any(each.reference != reference for each in found):
        raise ValueError("the filter was not applied")
    moving = [each for each in found if each.status not in _MOVES_NOTHING]
    return next(iter(moving or found), None)


def error_code(body: Any) -> object:
    """The first error's code, "unnamed" where it has none; None when the body is not Unit's."""
    errors = body.get("errors") if isinstance(body, dict) else None
    if not isinstance(errors, list) or not errors or not isinstance(errors[0], dict):
        return None
    return errors[0].get("code") or "unnamed"


def existing_id(body: Any) -> str:
    """The id in a 409 ``already_exists`` answer. Raises as parsers do."""
    return text(body["errors"][0]["meta"]["existingIds"][0])


def is_not_found(code: str | None) -> bool:
    """Whether the code says that there is no such thing; the HTTP status may be 404 or 400."""
    return code is not None and code.endswith("not_found")


def _payment(data: Any) -> AchPayment:
    attributes = data["attributes"]
    direction = attributes["direction"]
    if direction not in {"Debit", "Credit"}:
        raise ValueError("not a direction")
    reason = attributes.get("reason")
    return AchPayment(
        id=text(data["id"]),
        direction=cast("Direction", direction),
        amount=Money(cents(attributes["amount"]), USD),
        status=STATUSES.get(attributes["status"], PaymentStatus.UNRECOGNISED),
        reason=text(reason) if reason else None,
        reference=reference_of(data),
    )
