"""Plaid's formats: refusals, and the bank accounts of the one institution."""

from decimal import Decimal
from typing import Any

from app.sandbox.store import Document
from app.sandbox.vendor import Call, Refusal

INSTITUTION_ID = "ins_109508"

ACCOUNTS: tuple[dict[str, Any], ...] = (
    {
        "account_id": "acc-checking",
        "name": "Plaid Checking",
        "mask": "0000",
        "subtype": "checking",
        "available": Decimal("25000.00"),
        "current": Decimal("25110.00"),
        "account": "1111222233330000",
    },
    {
        "account_id": "acc-savings",
        "name": "Plaid Saving",
        "mask": "1111",
        "subtype": "savings",
        "available": Decimal("200.00"),
        "current": Decimal("210.00"),
        "account": "1111222233331111",
    },
)
ROUTING_NUMBER = "011401533"


def refusal(status: int, error_type: str, code: str, message: str, *, display_message: str | None = None) -> Refusal:
    return Refusal(
        status,
        {
            "error_type": error_type,
            "error_code": code,
            "error_message": message,
            "display_message": display_message,
            "request_id": "sandbox-request",
            "documentation_url": "https://plaid.com/docs/errors/",
            "suggested_action": None,
        },
    )


def general(status: int, message: str) -> Refusal:
    if status == 429:
        return refusal(429, "RATE_LIMIT_EXCEEDED", "RATE_LIMIT", message)
    if status >= 500:
        return refusal(status, "API_ERROR", "INTERNAL_SERVER_ERROR", message)
    return refusal(status, "INVALID_REQUEST", "NOT_FOUND", message)


def login_required() -> Refusal:
    return refusal(
        400,
        "ITEM_ERROR",
        "ITEM_LOGIN_REQUIRED",
        "the login details of this item have changed",
        display_message="Please sign in to your bank again.",
    )


def missing(name: str) -> Refusal:
    return refusal(400, "INVALID_REQUEST", "MISSING_FIELDS", f"the following required fields are missing: {name}")


def body_of(call: Call) -> dict[str, Any]:
    try:
        body = call.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise refusal(400, "INVALID_REQUEST", "INVALID_BODY", "body could not be parsed as JSON")
    return body


def wanted_accounts(call: Call) -> list[dict[str, Any]]:
    options = body_of(call).get("options")
    chosen = options.get("account_ids") if isinstance(options, dict) else None
    return [_account_shown(account) for account in ACCOUNTS if not chosen or account["account_id"] in chosen]


def _account_shown(account: dict[str, Any]) -> dict[str, Any]:
    """Balances are JSON numbers of dollars."""
    return {
        "account_id": account["account_id"],
        "balances": {
            "available": account["available"],
            "current": account["current"],
            "limit": None,
            "iso_currency_code": "USD",
            "unofficial_currency_code": None,
        },
        "mask": account["mask"],
        "name": account["name"],
        "official_name": None,
        "type": "depository",
        "subtype": account["subtype"],
    }


def bank_account(account: dict[str, Any]) -> Document:
    """The account as a counterparty of a payment."""
    return {
        "name": account["name"],
        "routingNumber": ROUTING_NUMBER,
        "accountNumber": account["account"],
        "accountType": account["subtype"].capitalize(),
        "available_cents": int(account["available"] * 100),
    }


def item_shown(item: Document) -> dict[str, Any]:
    return {
        "item_id": item["_id"],
        "institution_id": INSTITUTION_ID,
        "webhook": None,
        "error": login_required().answer.body if item["login_required"] else None,
        "available_products": ["balance"],
        "billed_products": ["auth"],
        "products": ["auth"],
        "consent_expiration_time": None,
        "update_type": "background",
    }
