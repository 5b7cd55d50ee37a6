"""What the settings say of callers, as what judges them."""

import httpx2

from app.clock import Clock
from app.identity.issuers import TrustedIssuer
from app.identity.keys import IssuerKeys
from app.identity.step_up import StepUp
from app.identity.tokens import AccessTokens
from app.settings import Settings

_GOOGLE = ("https://accounts.google.com", "accounts.google.com")
"""How Google names itself in the tokens of its service accounts; its pages show both."""


def access_tokens(settings: Settings, http: httpx2.AsyncClient, clock: Clock) -> AccessTokens:
    """The verifier of the configured issuers' tokens."""
    first = TrustedIssuer(
        settings.auth_issuer,
        settings.auth_audience,
        IssuerKeys(f"{settings.auth_issuer}.well-known/jwks.json", http, clock),
        tenant_claim=settings.auth_tenant_claim,
    )
    further = (
        TrustedIssuer(
            issuer,
            each.audience,
            IssuerKeys(each.keys_url, http, clock),
            each.tenant,
            each.tenant_claim,
            each.permissions_claim,
        )
        for issuer, each in settings.auth_issuers.items()
    )
    return AccessTokens(issuers=(first, *further), clock=clock)


def conversation_tokens(settings: Settings, http: httpx2.AsyncClient, clock: Clock) -> AccessTokens:
    """The verifier of the tokens that Dialogflow's questions come with."""
    keys = IssuerKeys(settings.dialogflow_keys_url, http, clock)
    issuers = [TrustedIssuer(name, settings.dialogflow_audience, keys) for name in _GOOGLE]
    return AccessTokens(issuers=issuers, clock=clock)


def step_up_of(settings: Settings, clock: Clock) -> StepUp:
    """What the settings ask of whoever moves a large amount."""
    asked = settings.step_up
    return StepUp(clock, asked.money, max_age_s=asked.max_age_s, acr_values=tuple(asked.acr_values))
