"""Payments that are to be checked, and what is found.

Amounts decide: digits that are 666 once their zeros are left out at both ends are a hit, 667 stays without an answer
until the desk gives one, 668 goes on hold; every other amount is clear at once.
"""

from typing import Any

from app.sandbox import exact_json
from app.sandbox.simulation import Simulation
from app.sandbox.store import Document
from app.sandbox.sumsub.applicants import Applicants
from app.sandbox.sumsub.wire import CLIENT_ID, body_of, refusal, timestamp
from app.sandbox.vendor import Answer, Call

TRANSACTIONS = "sumsub_transactions"


class Transactions:
    """Submitted payments."""

    def __init__(self, simulation: Simulation, applicants: Applicants) -> None:
        self._simulation = simulation
        self._store = simulation.store
        self._applicants = applicants

    async def submit(self, call: Call) -> Answer:
        applicant = await self._applicants.find(call.path("id"))
        body = body_of(call)
        told = body.get("info")
        info: dict[str, Any] = told if isinstance(told, dict) else {}
        reference, amount = body.get("txnId"), info.get("amount")
        if not isinstance(reference, str) or not reference:
            raise refusal(400, "txnId is required")
        if isinstance(amount, bool | str) or amount is None or not info.get("currencyCode"):
            raise refusal(400, "info.amount and info.currencyCode are required")
        if await self._store.find(TRANSACTIONS, {"reference": reference}, limit=1):
            raise refusal(409, f"Transaction with txnId '{reference}' already exists")
        status, answer = _found(str(amount))
        transaction = {
            "_id": await self._simulation.new_hex("sumsub-transaction", 24),
            "reference": reference,
            "applicant_id": applicant["_id"],
            "external_user_id": applicant["external_user_id"],
            "data": exact_json.write(body),
            "status": status,
            "answer": answer,
            "created_at": self._simulation.clock.now(),
        }
        await self._store.put(TRANSACTIONS, transaction)
        await self._tell(transaction)
        return Answer(_shown(transaction))

    async def get_by_reference(self, call: Call) -> Answer:
        found = await self._store.find(TRANSACTIONS, {"reference": call.path("reference")}, limit=1)
        if not found:
            raise refusal(404, "Transaction not found")
        return Answer(_shown(found[0]))

    async def review(self, reference: str, answer: str) -> None:
        """The vendor's own officer decides. Raises Refusal."""
        found = await self._store.find(TRANSACTIONS, {"reference": reference}, limit=1)
        if not found:
            raise refusal(404, "Transaction not found")
        decided = {**found[0], "status": "completed", "answer": answer}
        await self._store.put(TRANSACTIONS, decided)
        await self._tell(decided)

    async def book(self) -> dict[str, Any]:
        """What was submitted, without whose it is."""
        found = await self._store.find(TRANSACTIONS, {}, sort=(("created_at", 1), ("_id", 1)), limit=100_000)
        return {
            "transactions": [
                {"id": each["_id"], "txnId": each["reference"], "status": each["status"], "answer": each["answer"]}
                for each in found
            ]
        }

    async def _tell(self, transaction: Document) -> None:
        event = {"GREEN": "applicantKytTxnApproved", "RED": "applicantKytTxnRejected"}.get(transaction["answer"] or "")
        body = {
            "applicantId": transaction["applicant_id"],
            "applicantType": "individual",
            "correlationId": f"sandbox-{await self._store.next_number()}",
            "sandboxMode": True,
            "externalUserId": transaction["external_user_id"],
            "type": event or "applicantKytTxnCreated",
            "kytTxnId": transaction["_id"],
            "kytDataTxnId": transaction["reference"],
            "reviewStatus": transaction["status"],
            "createdAtMs": timestamp(self._simulation.clock.now(), milliseconds=True),
            "clientId": CLIENT_ID,
        }
        await self._simulation.webhooks.post("sumsub", exact_json.write(body))


def _found(amount: str) -> tuple[str, str | None]:
    """Status and answer of a check of that amount."""
    digits = amount.replace(".", "").strip("0")
    match digits:
        case "666":
            return "completed", "RED"
        case "667":
            return "pending", None
        case "668":
            return "onHold", None
        case _:
            return "completed", "GREEN"


def _shown(transaction: Document) -> dict[str, Any]:
    review: dict[str, Any] = {"reviewStatus": transaction["status"]}
    if transaction["answer"] is not None:
        review["reviewResult"] = {"reviewAnswer": transaction["answer"]}
    return {
        "id": transaction["_id"],
        "applicantId": transaction["applicant_id"],
        "externalUserId": transaction["external_user_id"],
        "data": exact_json.read(transaction["data"]),
        "review": review,
        "createdAt": timestamp(transaction["created_at"]),
    }
