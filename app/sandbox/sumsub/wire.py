"""Sumsub's formats: refusals, signatures, verdicts, and applicants as they are shown."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.sandbox.store import Document
from app.sandbox.vendor import Call, Refusal

CLIENT_ID = "sandbox-client"


def request_signature(secret: str, timestamp: str, method: str, target: str, body: bytes) -> str:
    """``X-App-Access-Sig``: lower-case hex of HMAC-SHA256 over timestamp, method, encoded target and body."""
    return hmac.digest(secret.encode(), f"{timestamp}{method}{target}".encode() + body, hashlib.sha256).hex()


def webhook_signature(secret: str, body: bytes) -> str:
    """``x-payload-digest`` under ``HMAC_SHA256_HEX``."""
    return hmac.digest(secret.encode(), body, hashlib.sha256).hex()


def refusal(status: int, description: str, **extra: Any) -> Refusal:
    return Refusal(status, {"description": description, "code": status, "correlationId": "sandbox", **extra})


@dataclass(frozen=True, slots=True)
class Review:
    """A verdict on an applicant."""

    answer: str
    reject_labels: tuple[str, ...] = ()
    reject_type: str | None = None
    client_comment: str | None = None
    moderation_comment: str | None = None

    @classmethod
    def read(cls, body: Any) -> "Review":
        """Raises Refusal."""
        if not isinstance(body, dict) or body.get("reviewAnswer") not in {"GREEN", "RED"}:
            raise refusal(400, "reviewAnswer must be GREEN or RED")
        if body.get("reviewRejectType") not in {None, "RETRY", "FINAL"}:
            raise refusal(400, "reviewRejectType must be RETRY or FINAL")
        labels = body.get("rejectLabels") or []
        return cls(
            body["reviewAnswer"],
            tuple(str(label) for label in labels),
            body.get("reviewRejectType"),
            body.get("clientComment"),
            body.get("moderationComment"),
        )

    def document(self) -> dict[str, Any]:
        named = {
            "rejectLabels": list(self.reject_labels) or None,
            "reviewRejectType": self.reject_type,
            "clientComment": self.client_comment,
            "moderationComment": self.moderation_comment,
        }
        return {"reviewAnswer": self.answer, **{name: value for name, value in named.items() if value is not None}}


def person_of(number: int, body: Mapping[str, Any]) -> dict[str, Any]:
    """Who an applicant is: what was said at creation, completed by what documents would have told.

    Social security numbers begin with 9, as no real one does.
    """
    told = body.get("fixedInfo")
    fixed: dict[str, Any] = told if isinstance(told, dict) else {}
    info = {
        "firstName": "Ada",
        "lastName": f"Sandbox{number % 10_000}",
        "dob": "1990-12-10",
        "country": "USA",
        "tin": f"9{number % 100_000_000:08}",
        "addresses": [
            {"street": "20 Ingram Street", "town": "Forest Hills", "state": "NY", "postCode": "11375", "country": "USA"}
        ],
        **fixed,
    }
    email, phone = body.get("email") or f"person{number}@sandbox.example", body.get("phone") or "+15555550123"
    return {"info": info, "email": str(email), "phone": str(phone)}


def body_of(call: Call) -> dict[str, Any]:
    try:
        body = call.json()
    except ValueError:
        raise refusal(400, "The body is not JSON") from None
    if not isinstance(body, dict):
        raise refusal(400, "The body must be an object")
    return body


def signed_targets(call: Call) -> tuple[str, str]:
    """The encoded target as it was on the wire, with and without the prefix this simulator is mounted under."""
    scope = call.request.scope
    path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
    query = scope["query_string"].decode("latin-1")
    whole = f"{path}?{query}" if query else path
    return whole, whole.removeprefix(scope.get("root_path", ""))


def shown(applicant: Document) -> dict[str, Any]:
    return {
        "id": applicant["_id"],
        "createdAt": timestamp(applicant["created_at"]),
        "clientId": CLIENT_ID,
        "inspectionId": applicant["inspection_id"],
        "externalUserId": applicant["external_user_id"],
        **applicant["person"],
        "review": review_shown(applicant),
        "type": "individual",
    }


def review_shown(applicant: Document) -> dict[str, Any]:
    review = {
        "reviewId": applicant["inspection_id"][:8],
        "attemptId": applicant["_id"][:8],
        "attemptCnt": applicant["attempts"],
        "levelName": applicant["level"],
        "reviewStatus": applicant["status"],
    }
    if applicant["review"] is not None:
        review["reviewResult"] = dict(applicant["review"])
    return review


def timestamp(moment: datetime, *, milliseconds: bool = False) -> str:
    """The vendor's dates: UTC, without a zone, with a space in the middle."""
    text = moment.strftime("%Y-%m-%d %H:%M:%S")
    return f"{text}.{moment.microsecond // 1000:03}" if milliseconds else text
