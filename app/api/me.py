"""The caller themselves: who they are here, and the verification that lets them move money."""

from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import BaseModel, Field, SecretStr

from app.api.bodies import Body
from app.api.deps import CurrentRuntime, Reader
from app.api.problems import problems
from app.api.strict import StrictRoute
from app.api.views import Instant
from app.compliance import kyc
from app.errors import ProviderUnavailable, ShareTokenRefused
from app.identity.permissions import Permission
from app.identity.principals import Principal
from app.identity.users import ComplianceLevel, User
from app.providers.ports import SdkToken

router = APIRouter(prefix="/v1", tags=["me"], route_class=StrictRoute)


class Me(BaseModel):
    """The caller."""

    user_id: str
    tenant_id: str
    compliance_level: ComplianceLevel
    permissions: list[Permission]

    @classmethod
    def of(cls, caller: Principal, user: User) -> Self:
        return cls(
            user_id=user.user_id,
            tenant_id=user.tenant,
            compliance_level=user.compliance_level,
            permissions=sorted(caller.permissions),
        )


class KycSession(BaseModel):
    """What the mobile SDK needs to show the verification."""

    applicant_id: str | None
    sdk_token: str
    expires_at: Instant

    @classmethod
    def of(cls, user: User, token: SdkToken) -> Self:
        return cls(
            applicant_id=user.applicant_id, sdk_token=token.token.get_secret_value(), expires_at=token.expires_at
        )


class ShareTokenRequest(Body):
    """A token from the company that has verified you; it works once."""

    share_token: Annotated[SecretStr, Field(min_length=1, max_length=500)]


class Verification(BaseModel):
    """How far your verification has come."""

    applicant_id: str | None
    compliance_level: ComplianceLevel

    @classmethod
    def of(cls, user: User) -> Self:
        return cls(applicant_id=user.applicant_id, compliance_level=user.compliance_level)


@router.get("/me")
async def show_me(caller: Reader, runtime: CurrentRuntime) -> Me:
    """Who you are here, and what you may do."""
    return Me.of(caller, await runtime.users.get_or_create(caller))


@router.post("/kyc/sessions", responses=problems(ProviderUnavailable))
async def start_kyc_session(caller: Reader, runtime: CurrentRuntime) -> KycSession:
    """Start or resume your identity verification, and with it your account at the bank."""
    user, token = await kyc.start_session(caller, runtime.users, runtime.people)
    await runtime.onboardings.start(user)
    return KycSession.of(user, token)


@router.post("/kyc/share-tokens", responses=problems(ShareTokenRefused, ProviderUnavailable))
async def reuse_kyc(body: ShareTokenRequest, caller: Reader, runtime: CurrentRuntime) -> Verification:
    """Reuse a verification that another company has had done of you."""
    user = await kyc.reuse_verification(caller, body.share_token, runtime.users, runtime.people)
    await runtime.onboardings.start(user)
    return Verification.of(user)
