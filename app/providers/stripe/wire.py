"""Stripe's forms and objects in our words, and back. Pure.

Requests are forms with brackets, answers JSON, amounts whole minor units, currencies in lower case. The parsers raise
LookupError, TypeError, ValueError or UnknownCurrency for what is not shaped as documented.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from pydantic import SecretStr

from app.money import Money, asset
from app.providers.card_ports import (
    CardCharge,
    CardPayment,
    CardPaymentStatus,
    CardPayout,
    CardPayoutStatus,
    CardTransfer,
    Payee,
    PayoutCard,
)
from app.providers.ports import Person

REFERENCE = "reference"
"""Our reference's name in the metadata."""

PAYMENT_STATUSES: Mapping[str, CardPaymentStatus] = {
    "requires_payment_method": CardPaymentStatus.OPEN,  # a declined card comes back here; there is no "failed"
    "requires_confirmation": CardPaymentStatus.OPEN,
    "requires_action": CardPaymentStatus.OPEN,
    "requires_capture": CardPaymentStatus.OPEN,
    "processing": CardPaymentStatus.PROCESSING,
    "succeeded": CardPaymentStatus.SUCCEEDED,
    "canceled": CardPaymentStatus.CANCELED,
}
PAYOUT_STATUSES: Mapping[str, CardPayoutStatus] = {
    "pending": CardPayoutStatus.ON_ITS_WAY,
    "in_transit": CardPayoutStatus.ON_ITS_WAY,
    "paid": CardPayoutStatus.PAID,
    "failed": CardPayoutStatus.FAILED,
    "canceled": CardPayoutStatus.CANCELED,
}


def form(fields: Mapping[str, object]) -> bytes:
    """A request's body: ``{"metadata": {"op": 1}}`` becomes ``metadata[op]=1``, a list ``name[0]=...``."""
    return urlencode(list(_pairs(fields.items()))).encode()


def _pairs(items: Iterable[tuple[str, object]]) -> Iterator[tuple[str, str]]:
    for name, value in items:
        match value:
            case dict():
                yield from _pairs((f"{name}[{inner}]", each) for inner, each in value.items())
            case list() | tuple():
                yield from _pairs((f"{name}[{index}]", each) for index, each in enumerate(value))
            case bool():
                yield name, "true" if value else "false"
            case _:
                yield name, str(value)


def priced(amount: Money) -> dict[str, object]:
    """An amount as two fields."""
    return {"amount": amount.minor, "currency": amount.asset.code.lower()}


def error_code(body: Any) -> object:
    """The error's code, or its type where it has none; None when the body is not Stripe's."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return None
    return error.get("code") or error.get("type") or "unnamed"


def payment(body: Any) -> CardPayment:
    """A PaymentIntent."""
    secret = body.get("client_secret")
    return CardPayment(
        id=_text(body["id"]),
        amount=_money(body),
        status=PAYMENT_STATUSES.get(body["status"], CardPaymentStatus.UNRECOGNISED),
        reference=reference_of(body),
        client_secret=SecretStr(_text(secret)) if secret is not None else None,
    )


def charge(body: Any, disputes: Iterable[Any]) -> CardCharge:
    """The charge of a PaymentIntent that was read with ``latest_charge.balance_transaction`` expanded."""
    found = body["latest_charge"]
    amount = _money(found)
    moves = [move for dispute in disputes for move in dispute["balance_transactions"]]
    withdrawn = -sum(_whole(move["amount"]) for move in moves)
    charged = sum(_whole(move["fee"]) for move in moves)
    return CardCharge(
        id=_text(found["id"]),
        amount=amount,
        fee=_fee(found["balance_transaction"], amount),
        refunded=Money(_whole(found["amount_refunded"]), amount.asset),
        disputed=Money(withdrawn, amount.asset),
        dispute_fee=Money(charged, amount.asset),
    )


def is_disputed(body: Any) -> bool:
    """Whether the charge of such a PaymentIntent has ever been disputed."""
    return body["latest_charge"]["disputed"] is True


def _fee(balance_transaction: Any, amount: Money) -> Money | None:
    """What the vendor kept; None while it has not settled the charge (then it is null, or only an id)."""
    if not isinstance(balance_transaction, dict):
        return None
    if _text(balance_transaction["currency"]).upper() != amount.asset.code:
        raise ValueError("settled in another currency")
    return Money(_whole(balance_transaction["fee"]), amount.asset)


def card(body: Any) -> PayoutCard:
    """An external account that is a card."""
    return PayoutCard(_text(body["id"]), "instant" in (body.get("available_payout_methods") or []))


def transfer(body: Any) -> CardTransfer:
    amount = _money(body)
    taken_back = Money(_whole(body["amount_reversed"]), amount.asset)
    return CardTransfer(_text(body["id"]), amount, taken_back, reference_of(body))


def payout(body: Any) -> CardPayout:
    reason = body.get("failure_code")
    return CardPayout(
        id=_text(body["id"]),
        amount=_money(body),
        status=PAYOUT_STATUSES.get(body["status"], CardPayoutStatus.UNRECOGNISED),
        reason=_text(reason) if reason else None,
        reference=reference_of(body),
    )


def object_id(body: Any) -> str:
    """The id of whatever was made."""
    return _text(body["id"])


def individual(person: Person) -> dict[str, object]:
    """Who a connected account belongs to; of the social security number the last four digits."""
    return {
        "first_name": person.first_name,
        "last_name": person.last_name,
        "email": person.email,
        "phone": person.phone,
        "dob": {"day": person.born_on.day, "month": person.born_on.month, "year": person.born_on.year},
        "address": {
            "line1": person.street,
            "city": person.city,
            "state": person.state,
            "postal_code": person.postal_code,
            "country": person.country,
        },
        "ssn_last_4": person.ssn.get_secret_value()[-4:],
    }


def payee(body: Any) -> Payee:
    """A connected account: ready once transfers may be made to it. What is due is named, as in ``individual.dob``."""
    requirements = body.get("requirements") or {}
    due = {_text(each) for name in ("currently_due", "past_due") for each in requirements.get(name) or ()}
    is_ready = (body.get("capabilities") or {}).get("transfers") == "active"
    return Payee(_text(body["id"]), is_ready, tuple(sorted(due)))


def reference_of(body: Any) -> str | None:
    """Our own reference, as we put it into the metadata."""
    found = (body.get("metadata") or {}).get(REFERENCE)
    return found if isinstance(found, str) else None


def page(body: Any) -> tuple[list[Any], bool]:
    """A page of a list, and whether there are more."""
    if not isinstance(body["data"], list):
        raise TypeError("a list has its data in a list")
    return body["data"], body["has_more"] is True


def _money(body: Any) -> Money:
    return Money(_whole(body["amount"]), asset(_text(body["currency"]).upper()))


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError("an amount is whole minor units")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("text is expected")
    return value
