"""What may be configured of callers: whose word is taken, how fresh it must be, and how often they may ask."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.errors import WalletError
from app.money import Money, asset
from app.settings.section import SANDBOX_URL, Environment, Section


class IssuerSetting(BaseModel):
    """An OpenID provider that is trusted beside the first: for whom its tokens are, and where its keys are published.

    Its people belong to ``tenant``, or to the one in ``tenant_claim``; their permissions are in ``permissions_claim``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    audience: str = Field(min_length=1)
    keys_url: str = Field(min_length=1)
    tenant: str = Field(default="", pattern=r"^([a-z0-9][a-z0-9-]{0,31})?$")
    tenant_claim: str = ""
    permissions_claim: str = "permissions"

    @model_validator(mode="after")
    def _knows_its_tenant(self) -> Self:
        """Nobody belongs to a tenant by accident."""
        if bool(self.tenant) == bool(self.tenant_claim):
            raise ValueError("an issuer has a tenant or a tenant_claim")
        return self


class StepUpSetting(BaseModel):
    """From which amounts on, by currency code, a sign-in must be that fresh, and of one of these classes, if any."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    amounts: dict[str, str]
    max_age_s: int = Field(default=300, gt=0, le=86_400)
    acr_values: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _amounts_are_amounts(self) -> Self:
        """Each is one of its currency."""
        try:
            self.money  # noqa: B018 - reading it is the check
        except WalletError as refusal:
            raise ValueError(refusal.sentence) from None
        return self

    @property
    def money(self) -> dict[str, Money]:
        """The amounts."""
        return {code: Money.parse(amount, asset(code)) for code, amount in self.amounts.items()}


class RateSetting(BaseModel):
    """So many requests in so many seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests: int = Field(gt=0, le=10_000_000)
    per_s: int = Field(gt=0, le=86_400)


class CallerSettings(Section):
    """Who may ask, and how often."""

    auth_issuer: str = f"{SANDBOX_URL}/auth0/"
    auth_audience: str = "https://api.wallet.example"
    auth_tenant_claim: str = ""
    """Absent: every caller belongs to the tenant ``default``; refused in production."""
    auth_issuers: dict[str, IssuerSetting] = Field(default_factory=dict)
    """Further issuers by their ``iss``, as JSON."""
    step_up: StepUpSetting
    """Which amounts need a fresh sign-in (RFC 9470), as JSON."""
    dpop_tenants: str = ""
    """Tenants, with spaces between, whose tokens must be bound to a key (RFC 9449); others' may be."""
    public_url: str = ""
    """How clients reach this API, as in ``https://api.wallet.example``; what proofs of possession are for."""

    rate_limits: dict[Literal["caller", "tenant", "address"], RateSetting]
    """How often each may ask, as JSON; what is not named is not limited."""

    @model_validator(mode="after")
    def _proofs_are_for_an_address(self) -> Self:
        """What a request says of its own address is no base for a proof where everything is to be proven."""
        if self.env is Environment.PRODUCTION and self.dpop_tenants and not self.public_url.startswith("https://"):
            raise ValueError("WALLET_PUBLIC_URL must be the https address that DPoP proofs are for")
        return self

    @model_validator(mode="after")
    def _tenants_are_told_apart(self) -> Self:
        if self.env is Environment.PRODUCTION and not self.auth_tenant_claim:
            raise ValueError("WALLET_AUTH_TENANT_CLAIM must name the token's tenant claim in production")
        return self
