"""Sumsub as the one who verifies people: translate, call, translate."""

from datetime import timedelta

from app.clock import Clock
from app.providers.capabilities import Capabilities
from app.providers.outcomes import OutcomeUnknown
from app.providers.ports import Applicant, Review, SdkToken
from app.providers.sumsub import wire
from app.providers.transport import Transport, segment

PROVIDER = "sumsub"
CAPABILITIES = Capabilities(
    idempotency="natural",
    key_lifetime=None,
    safe_resend_age=None,
    read_lag=timedelta(seconds=5),
    cancels=False,
    provider_fence="key",
    finality="never: a verdict may be reset or revoked",
)

_TOKEN_LIFETIME = timedelta(minutes=10)


class SumsubAdapter:
    """Satisfies VerifiesPeople, at one verification level."""

    capabilities = CAPABILITIES

    def __init__(self, transport: Transport, *, level: str, clock: Clock) -> None:
        self._transport = transport
        self._level = level
        self._clock = clock

    async def applicant_for(self, external_user_id: str) -> Applicant:
        """The applicant of that user. The vendor keeps external ids unique, so asking twice creates one."""
        reply = await self._transport.request(
            "create_applicant",
            "POST",
            "/resources/applicants",
            params={"levelName": self._level},
            json={"externalUserId": external_user_id},
            accept={409},
        )
        if reply.succeeded:
            return reply.read(wire.applicant)
        if reply.code is None:
            raise reply.refusal()
        return await self._existing(external_user_id)

    async def sdk_token(self, external_user_id: str) -> SdkToken:
        issued_at = self._clock.now()
        body = {
            "userId": external_user_id,
            "levelName": self._level,
            "ttlInSecs": int(_TOKEN_LIFETIME.total_seconds()),
        }
        reply = await self._transport.request(
            "create_sdk_token", "POST", "/resources/accessTokens/sdk", json=body, safe=True
        )
        return SdkToken(token=reply.read(wire.sdk_token), expires_at=issued_at + _TOKEN_LIFETIME)

    async def review(self, applicant_id: str) -> Review | None:
        path = f"/resources/applicants/{segment(PROVIDER, applicant_id)}/one"
        reply = await self._transport.request("get_applicant", "GET", path, accept={404})
        if reply.succeeded:
            return reply.read(lambda body: wire.review(body, level=self._level))
        if reply.code is None:
            raise reply.refusal()
        return None

    async def _existing(self, external_user_id: str) -> Applicant:
        path = f"/resources/applicants/-;externalUserId={segment(PROVIDER, external_user_id)}/one"
        reply = await self._transport.request("get_applicant", "GET", path, accept={404})
        if not reply.succeeded:  # there a moment ago by the vendor's own word
            raise OutcomeUnknown(PROVIDER, "already-exists")
        return reply.read(wire.applicant)
