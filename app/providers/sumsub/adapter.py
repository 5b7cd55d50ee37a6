"""Sumsub as the one who verifies people: translate, call, translate."""

from datetime import timedelta

from pydantic import SecretStr

from app.clock import Clock
from app.providers.capabilities import Capabilities
from app.providers.outcomes import Declined, OutcomeUnknown
from app.providers.ports import Applicant, Person, Review, SdkToken
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
    differs={
        "create_sdk_token": "may be asked for as often as one likes; each is good for ten minutes",
        "reuse": "a share token works once; asked again, the applicant that the first one made is found",
    },
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

    async def person(self, applicant_id: str) -> Person:
        """What a bank must know of an applicant. Raises Declined (gone, or incomplete), Unavailable."""
        path = f"/resources/applicants/{segment(PROVIDER, applicant_id)}/one"
        reply = await self._transport.request("get_applicant", "GET", path)
        found = reply.read(wire.person)
        if found is None:
            raise Declined(PROVIDER, "person-incomplete")
        return found

    async def reuse(self, share_token: SecretStr, external_user_id: str) -> Applicant:
        """An applicant of that user, made from a verification done elsewhere.

        The token works once. So a refusal may mean that an earlier call, whose answer was lost, has spent it: then
        there is an applicant of that user by now. Raises Declined, Unavailable, OutcomeUnknown.
        """
        params = {
            "shareToken": share_token.get_secret_value(),
            "levelName": self._level,
            "userId": external_user_id,
        }
        path = "/resources/api/reusableIdentity/reuse"
        reply = await self._transport.request("reuse_identity", "POST", path, params=params, accept={400, 404, 409})
        if reply.succeeded:
            return reply.read(wire.applicant)
        if reply.code is None:
            raise reply.refusal()
        earlier = await self._find(external_user_id)
        if earlier is None:
            raise Declined(PROVIDER, reply.code)
        return earlier

    async def _existing(self, external_user_id: str) -> Applicant:
        found = await self._find(external_user_id)
        if found is None:  # there a moment ago by the vendor's own word
            raise OutcomeUnknown(PROVIDER, "already-exists")
        return found

    async def _find(self, external_user_id: str) -> Applicant | None:
        path = f"/resources/applicants/-;externalUserId={segment(PROVIDER, external_user_id)}/one"
        reply = await self._transport.request("get_applicant", "GET", path, accept={404})
        return reply.read(wire.applicant) if reply.succeeded else None
