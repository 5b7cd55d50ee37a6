"""People, how far their verification is, and what others may reuse of it."""

import hmac
from datetime import timedelta
from typing import Any

from app.sandbox import exact_json
from app.sandbox.simulation import Simulation
from app.sandbox.store import Document
from app.sandbox.sumsub.wire import (
    CLIENT_ID,
    Review,
    body_of,
    person_of,
    refusal,
    request_signature,
    review_shown,
    shown,
    signed_targets,
    timestamp,
    webhook_signature,
)
from app.sandbox.vendor import Answer, Call

APPLICANTS = "sumsub_applicants"
SHARE_TOKENS = "sumsub_share_tokens"
SIGNATURE_AGE_MAX_S = 60
DONOR_LEVEL = "donor-level"
_SHARE_TOKEN_TTL_S = 1_200


class Applicants:
    """Applicants and their share tokens."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._store = simulation.store

    async def create_applicant(self, call: Call) -> Answer:
        body = body_of(call)
        external_id = body.get("externalUserId")
        if not isinstance(external_id, str) or not external_id:
            raise refusal(400, "externalUserId is required")
        if not call.query("levelName"):
            raise refusal(400, "levelName is required")
        there = await self._store.find(APPLICANTS, {"external_user_id": external_id}, limit=1)
        if there:
            raise refusal(409, f"Applicant with external user id '{external_id}' already exists: {there[0]['_id']}")
        person = person_of(await self._store.next_number(), body)
        applicant = await self.begin(external_id, call.query("levelName"), person)
        return Answer(shown(applicant), 201)

    async def begin(
        self, external_id: str, level: str, person: dict[str, Any], review: dict[str, Any] | None = None
    ) -> Document:
        """Store a new applicant and tell."""
        applicant = await self._store_new(external_id, level, person, review)
        await self._tell(applicant, "applicantCreated")
        return applicant

    async def _store_new(
        self, external_id: str, level: str, person: dict[str, Any], review: dict[str, Any] | None
    ) -> Document:
        applicant = {
            "_id": await self._simulation.new_hex("sumsub-applicant", 24),
            "inspection_id": await self._simulation.new_hex("sumsub-inspection", 24),
            "external_user_id": external_id,
            "level": level,
            "person": person,
            "status": "completed" if review else "init",
            "review": review,
            "attempts": 0,
            "created_at": self._simulation.clock.now(),
        }
        await self._store.put(APPLICANTS, applicant)
        return applicant

    async def get_applicant(self, call: Call) -> Answer:
        return Answer(shown(await self.find(call.path("id"))))

    async def get_by_external_id(self, call: Call) -> Answer:
        found = await self._store.find(APPLICANTS, {"external_user_id": call.path("external_id")}, limit=1)
        if not found:
            raise refusal(404, "Applicant not found")
        return Answer(shown(found[0]))

    async def get_status(self, call: Call) -> Answer:
        return Answer(review_shown(await self.find(call.path("id"))))

    async def submit(self, call: Call) -> Answer:
        applicant = await self.find(call.path("id"))
        await self._move(applicant, "pending", None, "applicantPending")
        return Answer({"ok": 1})

    async def reset(self, call: Call) -> Answer:
        applicant = await self.find(call.path("id"))
        await self._move(applicant, "init", None, "applicantReset")
        return Answer({"ok": 1})

    async def complete_test(self, call: Call) -> Answer:
        await self.review(call.path("id"), Review.read(body_of(call)))
        return Answer({"ok": 1})

    async def review(self, applicant_id: str, review: Review) -> None:
        """Decide about an applicant, from whatever state; one who never submitted does so first. Raises Refusal."""
        applicant = await self.find(applicant_id)
        if applicant["status"] == "init":
            applicant = await self._move(applicant, "pending", None, "applicantPending")
        await self._move(applicant, "completed", review.document(), "applicantReviewed")

    async def describe(self, applicant_id: str, info: dict[str, Any]) -> None:
        """Let the applicant be somebody else, as far as ``info`` says. Raises Refusal."""
        applicant = await self.find(applicant_id)
        person = {**applicant["person"], "info": {**applicant["person"]["info"], **info}}
        await self._store.put(APPLICANTS, {**applicant, "person": person})

    async def donate(self, external_id: str) -> str:
        """A share token of somebody whom another company has verified; of them, this company hears nothing."""
        person = person_of(await self._store.next_number(), {})
        donor = await self._store_new(external_id, DONOR_LEVEL, person, {"reviewAnswer": "GREEN"})
        return await self._issue_share_token(donor["_id"], _SHARE_TOKEN_TTL_S)

    async def _issue_share_token(self, applicant_id: str, ttl_s: int) -> str:
        token = f"_shr-sbx-{await self._simulation.new_hex('sumsub-share', 32)}"
        expires_at = self._simulation.clock.real.now() + timedelta(seconds=ttl_s)
        await self._store.put(
            SHARE_TOKENS, {"_id": token, "applicant_id": applicant_id, "expires_at": expires_at, "used": False}
        )
        return token

    async def create_sdk_token(self, call: Call) -> Answer:
        body = body_of(call)
        user = body.get("userId") or call.query("userId")
        if not isinstance(user, str) or not user:
            raise refusal(400, "userId is required")
        if not (body.get("levelName") or call.query("levelName")):
            raise refusal(400, "levelName is required")
        digits = await self._simulation.new_hex("sumsub-sdk", 32)
        return Answer({"token": f"_act-sbx-{digits}", "userId": user})

    async def create_share_token(self, call: Call) -> Answer:
        body = body_of(call)
        applicant = await self.find(str(body.get("applicantId")))
        client = body.get("forClientId")
        if not isinstance(client, str) or not client:
            raise refusal(400, "forClientId is required")
        ttl_s = body.get("ttlInSecs", _SHARE_TOKEN_TTL_S)
        if isinstance(ttl_s, bool) or not isinstance(ttl_s, int) or ttl_s < 1:
            raise refusal(400, "ttlInSecs must be a positive number")
        return Answer({"token": await self._issue_share_token(applicant["_id"], ttl_s), "forClientId": client})

    async def reuse(self, call: Call) -> Answer:
        """Make an applicant of ours from another's verification; the token works once."""
        donor = await self._shared(call.query("shareToken"))
        user = call.query("userId") or call.query("externalUserId") or f"reused-{donor['_id']}"
        if there := await self._store.find(APPLICANTS, {"external_user_id": user}, limit=1):
            raise refusal(409, f"Applicant with external user id '{user}' already exists: {there[0]['_id']}")
        await self._store.change(SHARE_TOKENS, {"_id": call.query("shareToken")}, {"$set": {"used": True}})
        level = call.query("levelName") or donor["level"]
        applicant = await self.begin(user, level, donor["person"], donor["review"])
        if applicant["review"]:
            await self._tell(applicant, "applicantReviewed")
        return Answer(shown(applicant))

    async def preview(self, call: Call) -> Answer:
        return Answer(shown(await self._shared(call.query("shareToken"))))

    async def sign(self, body: bytes) -> dict[str, str]:
        digest = webhook_signature(self._simulation.config.sumsub_webhook_secret, body)
        return {"x-payload-digest": digest, "x-payload-digest-alg": "HMAC_SHA256_HEX"}

    async def book(self) -> dict[str, Any]:
        found = await self._store.find(APPLICANTS, {}, sort=(("created_at", 1), ("_id", 1)), limit=100_000)
        return {"applicants": [shown(applicant) for applicant in found]}

    def authenticate(self, call: Call) -> None:
        """Check the request signature. Raises Refusal."""
        sent_at, given = call.header("x-app-access-ts"), call.header("x-app-access-sig")
        if not call.header("x-app-token"):
            raise refusal(401, "App token is required")
        now = self._simulation.clock.real.now().timestamp()
        if not sent_at.isdecimal() or abs(now - int(sent_at)) > SIGNATURE_AGE_MAX_S:
            raise refusal(401, "Request timestamp is too old or invalid", errorCode=4003, errorName="app-token-ts")
        secret, method = self._simulation.config.sumsub_secret, call.request.method
        expected = [request_signature(secret, sent_at, method, target, call.body) for target in signed_targets(call)]
        if not any(hmac.compare_digest(signature.encode(), given.encode()) for signature in expected):
            raise refusal(401, "Invalid signature", errorCode=4004, errorName="app-token-signature-mismatch")

    async def find(self, key: str) -> Document:
        """The applicant of that id. Raises Refusal."""
        applicant = await self._store.get(APPLICANTS, key)
        if applicant is None:
            raise refusal(404, "Applicant not found")
        return applicant

    async def _shared(self, token: str) -> Document:
        shared = await self._store.get(SHARE_TOKENS, token)
        if shared is None or shared["used"] or shared["expires_at"] <= self._simulation.clock.real.now():
            raise refusal(400, "The share token is invalid, used or expired")
        return await self.find(shared["applicant_id"])

    async def _move(self, applicant: Document, status: str, review: dict[str, Any] | None, event: str) -> Document:
        attempts = applicant["attempts"] + (event == "applicantPending")
        moved = {**applicant, "status": status, "review": review, "attempts": attempts}
        await self._store.put(APPLICANTS, moved)
        await self._tell(moved, event)
        return moved

    async def _tell(self, applicant: Document, event: str) -> None:
        body = {
            "applicantId": applicant["_id"],
            "inspectionId": applicant["inspection_id"],
            "applicantType": "individual",
            "correlationId": f"sandbox-{await self._store.next_number()}",
            "levelName": applicant["level"],
            "sandboxMode": True,
            "externalUserId": applicant["external_user_id"],
            "type": event,
            "reviewStatus": applicant["status"],
        }
        if applicant["review"] is not None:
            body["reviewResult"] = dict(applicant["review"])
        body["createdAtMs"] = timestamp(self._simulation.clock.now(), milliseconds=True)
        body["clientId"] = CLIENT_ID
        await self._simulation.webhooks.post("sumsub", exact_json.write(body))
