"""Sumsub's transaction monitoring: a payment that is to leave, and what became of its check.

Sources: docs.sumsub.com, "Submit transactions and review results" and "Transaction monitoring webhooks". The vendor
keeps ``txnId`` unique; a check is looked up by it before it is begun, so an answer that was lost begins no second one.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from app.clock import Clock
from app.providers.outcomes import OutcomeUnknown
from app.providers.screening_ports import Finding, Payment, Screening
from app.providers.sumsub.adapter import PROVIDER
from app.providers.transport import Transport, segment

FINDINGS = {"GREEN": Finding.CLEAR, "RED": Finding.HIT}
"""Of a review that is completed; ``onHold`` is a hit that their own officer looks at, so for us it is a hit."""

_ON_HOLD = "onHold"
_DATE = "%Y-%m-%d %H:%M:%S+0000"
_METHODS = {"bank": "bank_transfer", "chain": "crypto", "card": "card"}


class SumsubScreening:
    """Satisfies ScreensPayments."""

    def __init__(self, transport: Transport, *, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock

    async def screen(self, applicant_id: str, payment: Payment) -> Screening:
        known = await self._find(payment.reference)
        if known is not None:
            return known
        path = f"/resources/applicants/{segment(PROVIDER, applicant_id)}/kyt/txns/-/data"
        body = submission(payment, self._clock.now())
        reply = await self._transport.request("submit_transaction", "POST", path, json=body, accept={409})
        if reply.succeeded:
            return reply.read(screening)
        if reply.code is None:
            raise reply.refusal()
        known = await self._find(payment.reference)
        if known is None:  # there a moment ago by the vendor's own word
            raise OutcomeUnknown(PROVIDER, "already-exists")
        return known

    async def _find(self, reference: str) -> Screening | None:
        path = f"/resources/kyt/txns/-;data.txnId={segment(PROVIDER, reference)}/one"
        reply = await self._transport.request("get_transaction", "GET", path, accept={404})
        if reply.succeeded:
            return reply.read(screening)
        if reply.code is None:
            raise reply.refusal()
        return None


def submission(payment: Payment, at: datetime) -> dict[str, Any]:
    """The transaction as the vendor takes it; amounts are JSON numbers there, so the digits go as they are."""
    return {
        "txnId": payment.reference,
        "txnDate": at.strftime(_DATE),
        "type": "finance",
        "info": {
            "direction": "out",
            "amount": Decimal(str(payment.amount)),
            "currencyCode": payment.amount.asset.code,
            "currencyType": payment.amount.asset.kind,
        },
        "counterparty": {
            "externalUserId": payment.counterparty,
            "type": "individual",
            "paymentMethod": {"type": _METHODS[payment.method], "accountId": payment.counterparty},
        },
    }


def screening(body: Any) -> Screening:
    """The check of a response."""
    return Screening(str(body["id"]), finding_of(body.get("review") or {}))


def finding_of(review: Any) -> Finding:
    """Clear is a completed GREEN, and nothing else."""
    status = review.get("reviewStatus")
    if status == _ON_HOLD:
        return Finding.HIT
    if status != "completed":
        return Finding.OPEN
    answer = (review.get("reviewResult") or {}).get("reviewAnswer")
    return FINDINGS.get(str(answer), Finding.OPEN)
