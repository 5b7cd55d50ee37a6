"""Sumsub's JSON in our words: pure translations and the table of review states in full."""

from datetime import date
from typing import Any, Literal

from pydantic import SecretStr

from app.providers.ports import Applicant, Person, Review

Level = Literal["none", "pending", "verified", "rejected"]

UNFINISHED: dict[str, Level] = {
    "init": "none",
    "pending": "pending",
    "queued": "pending",
    "prechecked": "pending",
    "awaitingUser": "pending",
    "awaitingService": "pending",
    "onHold": "pending",
}
"""Only a completed review has a result worth reading; a state that is not here grants nothing and is pending."""

_DATE = "%Y-%m-%d %H:%M:%S"


def applicant(body: Any) -> Applicant:
    """The applicant of a response."""
    return Applicant(id=_text(body["id"]), external_user_id=_text(body["externalUserId"]))


def review(body: Any, *, level: str) -> Review:
    """How far an applicant has come at the verification level we ask for."""
    found = body.get("review") or {}
    return Review(
        applicant_id=_text(body["id"]),
        external_user_id=_text(body["externalUserId"]),
        level=review_level(found, level=level),
    )


def review_level(found: Any, *, level: str) -> Level:
    """Verified is a completed GREEN at our own level, and nothing else.

    RED with RETRY is pending: the person is asked for better pictures and may still pass, so no verdict has been
    given, and no permission either. Every other RED is a rejection.
    """
    status = found.get("reviewStatus", "init")
    if status != "completed":
        return UNFINISHED.get(status, "pending")
    result = found.get("reviewResult") or {}
    answer = result.get("reviewAnswer")
    if answer == "GREEN" and found.get("levelName", level) == level:
        return "verified"
    if answer == "RED" and result.get("reviewRejectType") != "RETRY":
        return "rejected"
    return "pending"


def sdk_token(body: Any) -> SecretStr:
    """The token of a response."""
    return SecretStr(_text(body["token"]))


_COUNTRIES = {"USA": "US"}
"""Where the partner bank has customers: the vendor writes alpha-3, the bank alpha-2."""


def person(body: Any) -> Person | None:
    """What a bank must know of the person; None when something is missing or they live where the bank does not serve.

    The vendor keeps a social security number as ``tin``; pages of other flows call it ``ssn``.
    """
    info = body.get("fixedInfo") or {}
    info = {**info, **(body.get("info") or {})}
    address: dict[str, Any] = next(iter(info.get("addresses") or ()), {})
    number = "".join(letter for letter in str(info.get("tin") or info.get("ssn") or "") if letter.isdigit())
    try:
        return Person(
            first_name=_text(info["firstName"]),
            last_name=_text(info["lastName"]),
            born_on=date.fromisoformat(_text(info["dob"])),
            street=_text(address["street"]),
            city=_text(address["town"]),
            state=_text(address["state"]),
            postal_code=_text(address["postCode"]),
            country=_COUNTRIES[_text(address.get("country") or info["country"])],
            email=_text(body.get("email") or info.get("email")),
            phone=_text(body.get("phone") or info.get("phone")),
            ssn=SecretStr(_text(number)),
        )
    except (LookupError, TypeError, ValueError):
        return None  # without a word about what it was: the complaint would show the person


def error_code(body: Any) -> object:
    """The error's name where it has one, else its number; None when the body is not Sumsub's."""
    if not isinstance(body, dict) or "code" not in body:
        return None
    return body.get("errorName") or f"code-{body['code']}"


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("text is expected")
    return value
