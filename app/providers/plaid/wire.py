"""Plaid's JSON in our words: pure translations."""

from datetime import datetime
from typing import Any

from pydantic import SecretStr

from app.providers.ports import BankAccount, BankItem, Login

_LATER = {"PRODUCT_NOT_READY", "INTERNAL_SERVER_ERROR", "PLANNED_MAINTENANCE"}
_LATER_TYPES = {"INSTITUTION_ERROR", "API_ERROR", "RATE_LIMIT_EXCEEDED"}


def link_token_request(user_ref: str, *, client_name: str) -> dict[str, Any]:
    """The body of /link/token/create. ``user_ref`` must not be personal data (the vendor's own rule)."""
    return {
        "client_name": client_name,
        "language": "en",
        "country_codes": ["US"],
        "user": {"client_user_id": user_ref},
        "products": ["auth"],
    }


def update_token_request(user_ref: str, access_token: SecretStr, *, client_name: str) -> dict[str, Any]:
    """The body of /link/token/create in update mode, which names no products."""
    body = link_token_request(user_ref, client_name=client_name)
    del body["products"]
    return {**body, "access_token": access_token.get_secret_value()}


LOGIN_ERRORS = {
    "ITEM_LOGIN_REQUIRED": Login.BROKEN,
    "PENDING_EXPIRATION": Login.BROKEN,
    "PENDING_DISCONNECT": Login.BROKEN,
    "INVALID_ACCESS_TOKEN": Login.GONE,
    "ITEM_NOT_FOUND": Login.GONE,
    "USER_PERMISSION_REVOKED": Login.GONE,
    "USER_ACCOUNT_REVOKED": Login.GONE,
}
"""What an error says of the login itself; any other says nothing of it."""


def login(body: Any) -> Login:
    """How the login of a response stands: what its error means, if it has one."""
    error = body["item"].get("error")
    return Login.GOOD if error is None else LOGIN_ERRORS.get(error["error_code"], Login.GOOD)


def link_token(body: Any) -> tuple[SecretStr, datetime]:
    """The link token of a response and when it expires."""
    expires_at = datetime.fromisoformat(body["expiration"])
    if expires_at.tzinfo is None:
        raise ValueError("a time has a zone")
    return SecretStr(_text(body["link_token"])), expires_at


def item(body: Any) -> BankItem:
    """The linked login of a response."""
    return BankItem(access_token=SecretStr(_text(body["access_token"])), item_id=_text(body["item_id"]))


def accounts(body: Any) -> tuple[BankAccount, ...]:
    """The accounts of a response. Some institutions tell no mask."""
    return tuple(
        BankAccount(
            account_id=_text(each["account_id"]),
            mask=each.get("mask") or "",
            name=_text(each["name"]),
            subtype=each.get("subtype") or "",
        )
        for each in body["accounts"]
    )


def processor_token(body: Any) -> SecretStr:
    """The processor token of a response."""
    return SecretStr(_text(body["processor_token"]))


def webhook_key(body: Any) -> dict[str, str] | None:
    """The public half of a key that signs webhooks; None once it has expired."""
    key = body["key"]
    if key.get("expired_at") is not None:
        return None
    return {name: _text(key[name]) for name in ("kty", "crv", "x", "y")}


def error_code(body: Any) -> object:
    """The vendor's code; None when the body is not Plaid's."""
    return body.get("error_code") if isinstance(body, dict) else None


def is_unauthorized(code: str | None) -> bool:
    """Whether our own credentials are refused; the status is 400, as for most errors."""
    return code == "INVALID_API_KEYS"


def is_later(body: Any, code: str | None) -> bool:
    """Whether the same request may succeed later (the vendor's advice by error type)."""
    return code in _LATER or (isinstance(body, dict) and body.get("error_type") in _LATER_TYPES)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("text is expected")
    return value
