"""Sumsub, put together."""

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from app.sandbox.simulation import Simulation
from app.sandbox.sumsub.applicants import APPLICANTS, SHARE_TOKENS, Applicants
from app.sandbox.sumsub.transactions import TRANSACTIONS, Transactions
from app.sandbox.sumsub.wire import Review, refusal
from app.sandbox.vendor import Operation, Vendor
from app.sandbox.webhooks import Sender


class ReviewRequest(BaseModel):
    """A verdict, in the vendor's own words."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    applicant_id: str
    answer: Literal["GREEN", "RED"] = Field(alias="reviewAnswer")
    reject_type: Literal["RETRY", "FINAL"] | None = Field(default=None, alias="reviewRejectType")
    reject_labels: list[str] = Field(default_factory=list, max_length=20, alias="rejectLabels")


class PersonRequest(BaseModel):
    """Who an applicant turns out to be, in the vendor's own fields (``tin``, ``firstName``...)."""

    model_config = ConfigDict(extra="forbid")

    applicant_id: str
    info: dict[str, str]


class TransactionReviewRequest(BaseModel):
    """What the vendor's officer finds about a payment, by our own reference to it."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    txn_id: str
    answer: Literal["GREEN", "RED"] = Field(alias="reviewAnswer")


class DonorRequest(BaseModel):
    """Somebody whom another company has verified."""

    model_config = ConfigDict(extra="forbid")

    external_user_id: str


def sumsub(simulation: Simulation) -> Vendor:
    """The vendor as data."""
    applicants = Applicants(simulation)
    transactions = Transactions(simulation, applicants)
    one = "/resources/applicants/{id}"

    async def book() -> dict[str, Any]:
        return {**await applicants.book(), **await transactions.book()}

    return Vendor(
        name="sumsub",
        operations=(
            Operation("import_applicant", "POST", "/resources/applicants/-/import", applicants.reuse),
            Operation("create_applicant", "POST", "/resources/applicants", applicants.create_applicant),
            Operation(
                "get_applicant",
                "GET",
                "/resources/applicants/-;externalUserId={external_id}/one",
                applicants.get_by_external_id,
            ),
            Operation("get_applicant", "GET", f"{one}/one", applicants.get_applicant),
            Operation("get_status", "GET", f"{one}/status", applicants.get_status),
            Operation("submit_applicant", "POST", f"{one}/status/pending", applicants.submit),
            Operation("complete_test", "POST", f"{one}/status/testCompleted", applicants.complete_test),
            Operation("reset_applicant", "POST", f"{one}/reset", applicants.reset),
            Operation("create_sdk_token", "POST", "/resources/accessTokens/sdk", applicants.create_sdk_token),
            Operation("create_sdk_token", "POST", "/resources/accessTokens", applicants.create_sdk_token),
            Operation(
                "create_share_token", "POST", "/resources/accessTokens/shareToken", applicants.create_share_token
            ),
            Operation("reuse_identity", "POST", "/resources/api/reusableIdentity/reuse", applicants.reuse),
            Operation("submit_transaction", "POST", f"{one}/kyt/txns/-/data", transactions.submit),
            Operation(
                "get_transaction",
                "GET",
                "/resources/kyt/txns/-;data.txnId={reference}/one",
                transactions.get_by_reference,
            ),
            Operation("preview_identity", "GET", "/resources/api/reusableIdentity/reuse/preview", applicants.preview),
        ),
        refuse=refusal,
        decline=lambda _call: refusal(400, "The request was declined", errorCode=4000, errorName="declined"),
        authenticate=applicants.authenticate,
        sender=Sender(f"{simulation.config.api_url}/webhooks/sumsub", "application/json", applicants.sign),
        book=book,
        collections={APPLICANTS: ("external_user_id",), SHARE_TOKENS: (), TRANSACTIONS: ("reference",)},
        desk=_desk(simulation, applicants, transactions),
    )


def _desk(simulation: Simulation, applicants: Applicants, transactions: Transactions) -> APIRouter:
    desk = APIRouter()

    @desk.post("/review")
    async def review_applicant(body: ReviewRequest) -> dict[str, Any]:
        review = Review(body.answer, tuple(body.reject_labels), body.reject_type)
        await simulation.store.atomically(lambda: applicants.review(body.applicant_id, review))
        return {"applicant_id": body.applicant_id, "reviewAnswer": body.answer}

    @desk.post("/person")
    async def describe_applicant(body: PersonRequest) -> dict[str, Any]:
        await simulation.store.atomically(lambda: applicants.describe(body.applicant_id, dict(body.info)))
        return {"applicant_id": body.applicant_id}

    @desk.post("/transaction-review")
    async def review_transaction(body: TransactionReviewRequest) -> dict[str, Any]:
        await simulation.store.atomically(lambda: transactions.review(body.txn_id, body.answer))
        return {"txn_id": body.txn_id, "reviewAnswer": body.answer}

    @desk.post("/share-token", status_code=201)
    async def issue_share_token(body: DonorRequest) -> dict[str, Any]:
        return {"share_token": await simulation.store.atomically(lambda: applicants.donate(body.external_user_id))}

    return desk
