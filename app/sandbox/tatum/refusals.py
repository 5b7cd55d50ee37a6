"""Tatum's error format."""

from typing import Any

from app.sandbox.tatum.chains import Chain, chain_named
from app.sandbox.vendor import Call, Refusal

_CODES = {
    401: "subscription.invalid",
    404: "not.found",
    405: "not.found",
    413: "validation.failed",
    429: "too.many.requests",
}


def refusal(status: int, code: str, message: str, data: list[dict[str, Any]] | None = None) -> Refusal:
    body: dict[str, Any] = {"statusCode": status, "errorCode": code, "message": message}
    if data is not None:
        body["data"] = data
    return Refusal(status, body)


def general(status: int, message: str) -> Refusal:
    return refusal(status, _CODES.get(status, "server.error"), message)


def invalid(name: str, value: Any, constraint: str) -> Refusal:
    """``validation.failed``, naming the property."""
    failure = {"property": name, "value": value, "constraints": {"invalid": constraint}}
    return refusal(
        400, "validation.failed", "Request validation failed. Please see data for additional info.", [failure]
    )


def body_of(call: Call) -> dict[str, Any]:
    """The posted object. Raises Refusal."""
    try:
        body = call.json()
    except ValueError:
        raise refusal(400, "validation.failed", "The body is not JSON.") from None
    if not isinstance(body, dict):
        raise refusal(400, "validation.failed", "The body must be an object.")
    return body


def chain_of(name: Any) -> Chain:
    """The chain a parameter names. Raises Refusal."""
    chain = chain_named(name) if isinstance(name, str) else None
    if chain is None:
        raise invalid("chain", name, "chain must be a supported chain")
    return chain
