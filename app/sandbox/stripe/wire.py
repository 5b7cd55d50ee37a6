"""Stripe's formats: forms with brackets in, JSON out, and one shape of error."""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from app.sandbox.vendor import Answer, Call, Refusal

API_VERSION = "2026-10-28.endive"
AMOUNT_MIN = 50
AMOUNT_MAX = 99_999_999
LIMIT_DEFAULT = 10
LIMIT_MAX = 100

_FORM = "application/x-www-form-urlencoded"
_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")


def refusal(status: int, code: str | None, message: str, *, kind: str = "", **more: Any) -> Refusal:
    """An error of the vendor."""
    kind = kind or ("api_error" if status >= 500 else "invalid_request_error")
    return Refusal(status, {"error": {"type": kind, "code": code, "message": message, "param": None, **more}})


def invalid(param: str, message: str, code: str = "parameter_invalid_empty") -> Refusal:
    return refusal(400, code, message, param=param)


def missing(kind: str, key: str, *, status: int = 404) -> Refusal:
    return refusal(status, "resource_missing", f"No such {kind}: '{key[:40]}'", param="id")


def account_of(call: Call) -> str:
    """The connected account that the call acts for; empty for our own."""
    return call.header("stripe-account")


def form_of(call: Call, *known: str) -> dict[str, Any]:
    """The body's fields. Raises Refusal for another media type, or a field that the operation does not know."""
    if call.body and call.header("content-type").partition(";")[0].strip() != _FORM:
        raise refusal(400, None, f"Requests must be sent as {_FORM}.")
    try:
        pairs = parse_qsl(call.body.decode("ascii"), keep_blank_values=True, max_num_fields=500)
    except (UnicodeDecodeError, ValueError):
        raise refusal(400, None, "The form cannot be read.") from None
    fields = _nested(pairs)
    for name in fields:
        if name not in {*known, "expand"}:
            raise invalid(name, f"Received unknown parameter: {name[:40]}", "parameter_unknown")
    return fields


def query_of(call: Call) -> dict[str, Any]:
    """The parameters of a read."""
    return _nested(call.request.query_params.multi_items())


def _nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """``a[b][0]=x`` as ``{"a": {"b": {"0": "x"}}}``; ``a[]`` counts up."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        match = _NAME.fullmatch(name)
        if match is None:
            raise invalid(name, "Invalid parameter name.")
        here, path = found, [match[1], *_PART.findall(match[2])]
        for index, part in enumerate(path):
            named = part or str(len(here))
            if index == len(path) - 1:
                here[named] = value
            else:
                here = here.setdefault(named, {})
                if not isinstance(here, dict):
                    raise invalid(name, "Invalid parameter.")
    return found


def listed_in(value: Any) -> list[str]:
    """The values of an array."""
    return [str(each) for each in value.values()] if isinstance(value, dict) else []


def text_in(fields: Mapping[str, Any], name: str) -> str:
    """A required text."""
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise refusal(400, "parameter_missing", f"Missing required param: {name}.", param=name)
    return value


def amount_in(fields: Mapping[str, Any], *, at_least: int = 1, default: int | None = None) -> int:
    """An amount in whole minor units."""
    if "amount" not in fields and default is not None:
        return default
    text = text_in(fields, "amount")
    if not (text.isascii() and text.isdigit()) or len(text) > 12:
        raise invalid("amount", "Invalid integer: amount", "parameter_invalid_integer")
    amount = int(text)
    if amount < at_least:
        raise invalid("amount", f"Amount must be at least {at_least}.", "amount_too_small")
    if amount > AMOUNT_MAX:
        raise invalid("amount", "Amount must be no more than $999,999.99.", "amount_too_large")
    return amount


def currency_in(fields: Mapping[str, Any]) -> str:
    """US dollars; the simulator knows no other."""
    currency = text_in(fields, "currency")
    if currency != "usd":
        raise invalid("currency", f"Invalid currency: {currency[:10]}")
    return currency


def metadata_in(fields: Mapping[str, Any]) -> dict[str, str]:
    metadata = fields.get("metadata", {})
    if not isinstance(metadata, dict) or len(metadata) > 50:
        raise invalid("metadata", "Metadata is a hash of at most 50 keys.")
    for name, value in metadata.items():
        if not isinstance(value, str) or len(name) > 40 or len(value) > 500:
            raise invalid("metadata", "A key has at most 40 characters, a value at most 500.")
    return metadata


def page_of(call: Call) -> int:
    text = call.query("limit", str(LIMIT_DEFAULT))
    if not (text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= LIMIT_MAX):
        raise invalid("limit", f"The limit is 1 to {LIMIT_MAX}.", "parameter_invalid_integer")
    return int(text)


def listed(items: list[Any], call: Call, *, more: bool) -> Answer:
    """A page; its address is where the vendor's own clients ask for the next one."""
    scope = call.request.scope
    url = str(scope["path"]).removeprefix(scope.get("root_path", ""))
    return Answer({"object": "list", "url": url, "has_more": more, "data": items})
