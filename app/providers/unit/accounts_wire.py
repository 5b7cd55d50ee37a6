"""Unit's applications, deposit accounts and book payments in our words (https://www.unit.co/docs/api/applications/).

A request for an application is the one place where personal data passes; no response is read for any.
"""

from typing import Any

from pydantic import SecretStr

from app.errors import CurrencyMismatch
from app.money import USD, Money
from app.providers.bank_ports import (
    AccountNumbers,
    Application,
    ApplicationStatus,
    BookOrder,
    BookPayment,
    DepositAccount,
    DepositAccountStatus,
)
from app.providers.ports import Person
from app.providers.unit.jsonapi import REFERENCE_TAG, cents, reference_of, related, resource, tagged, text, to_one

APPLICATION_STATUSES = {
    "AwaitingDocuments": ApplicationStatus.AWAITING_DOCUMENTS,
    "PendingReview": ApplicationStatus.PENDING_REVIEW,
    "Pending": ApplicationStatus.PENDING,
    "Approved": ApplicationStatus.APPROVED,
    "Denied": ApplicationStatus.DENIED,
    "Canceled": ApplicationStatus.CANCELED,
}

ACCOUNT_STATUSES = {
    "Open": DepositAccountStatus.OPEN,
    "Frozen": DepositAccountStatus.FROZEN,
    "Closed": DepositAccountStatus.CLOSED,
}

_SENT = "Sent"
_REJECTED = "Rejected"
_MASK_DIGITS = 4
_COUNTRY_CODE = "1"


def application_request(person: Person, *, reference: str, key: str) -> dict[str, Any]:
    """The body of POST /applications for a person who lives in the United States.

    Raises ValueError for a phone number that is not of the country code 1.
    """
    if not person.phone.startswith(f"+{_COUNTRY_CODE}"):
        raise ValueError("the bank's customers have a phone in the United States")
    attributes = {
        "ssn": person.ssn.get_secret_value(),
        "fullName": {"first": person.first_name, "last": person.last_name},
        "dateOfBirth": person.born_on.isoformat(),
        "address": {
            "street": person.street,
            "city": person.city,
            "state": person.state,
            "postalCode": person.postal_code,
            "country": person.country,
        },
        "email": person.email,
        "phone": {"countryCode": _COUNTRY_CODE, "number": person.phone[1 + len(_COUNTRY_CODE) :]},
        "idempotencyKey": key,
        "tags": {REFERENCE_TAG: reference},
    }
    return resource("individualApplication", attributes)


def application(body: Any) -> Application:
    """The application of a response."""
    return _application(body["data"])


def application_among(body: Any, reference: str) -> Application | None:
    """The application of a list that carries our reference."""
    found = tagged(body, reference)
    return None if found is None else _application(found)


def account_request(customer_id: str, *, product: str, reference: str, key: str) -> dict[str, Any]:
    """The body of POST /accounts. ``product`` is one that the bank has set up for us."""
    attributes = {"depositProduct": product, "idempotencyKey": key, "tags": {REFERENCE_TAG: reference}}
    return resource("depositAccount", attributes, customer=to_one("customer", customer_id))


def freeze_request(reason: str) -> dict[str, Any]:
    """The body of POST /accounts/{id}/freeze."""
    return resource("accountFreeze", {"reason": "Other", "reasonText": reason})


def close_request() -> dict[str, Any]:
    """The body of POST /accounts/{id}/close."""
    return resource("depositAccountClose", {"reason": "ByCustomer"})


def account(body: Any) -> DepositAccount:
    """The account of a response."""
    return _account(body["data"])


def account_among(body: Any, reference: str) -> DepositAccount | None:
    """The account of a list that carries our reference."""
    found = tagged(body, reference)
    return None if found is None else _account(found)


def account_numbers(body: Any) -> AccountNumbers:
    """The full numbers of a response."""
    attributes = body["data"]["attributes"]
    return AccountNumbers(SecretStr(text(attributes["routingNumber"])), SecretStr(text(attributes["accountNumber"])))


def book_request(order: BookOrder, *, key: str) -> dict[str, Any]:
    """The body of POST /payments. Raises CurrencyMismatch: the bank keeps dollars only."""
    if order.amount.asset != USD:
        raise CurrencyMismatch(expected=USD.code, given=order.amount.asset.code)
    attributes = {
        "amount": order.amount.minor,
        "description": order.description,
        "idempotencyKey": key,
        "tags": {REFERENCE_TAG: order.reference},
    }
    return resource(
        "bookPayment",
        attributes,
        account=to_one("depositAccount", order.from_account_id),
        counterpartyAccount=to_one("depositAccount", order.to_account_id),
    )


def book_payment(body: Any) -> BookPayment:
    """The book payment of a response."""
    return _book_payment(body["data"])


def book_payment_among(body: Any, reference: str) -> BookPayment | None:
    """The book payment of a list that carries our reference."""
    found = tagged(body, reference)
    return None if found is None else _book_payment(found)


def rejection_of(body: Any) -> str | None:
    """Why a payment was rejected at birth (a 201 is not acceptance); None if it was not."""
    attributes = body["data"]["attributes"]
    return str(attributes.get("reason") or "rejected") if attributes["status"] == _REJECTED else None


def _application(data: Any) -> Application:
    return Application(
        id=text(data["id"]),
        status=APPLICATION_STATUSES.get(data["attributes"]["status"], ApplicationStatus.UNRECOGNISED),
        customer_id=related(data, "customer"),
        reference=reference_of(data),
    )


def _account(data: Any) -> DepositAccount:
    attributes = data["attributes"]
    customer_id = related(data, "customer")
    return DepositAccount(
        id=text(data["id"]),
        customer_id=text(customer_id),
        status=ACCOUNT_STATUSES.get(attributes["status"], DepositAccountStatus.UNRECOGNISED),
        mask=text(attributes["accountNumber"])[-_MASK_DIGITS:],
        reference=reference_of(data),
        available=Money(cents(attributes["available"]), USD),
    )


def _book_payment(data: Any) -> BookPayment:
    attributes = data["attributes"]
    return BookPayment(
        id=text(data["id"]),
        amount=Money(cents(attributes["amount"]), USD),
        is_sent=attributes["status"] == _SENT,
        reference=reference_of(data),
    )
