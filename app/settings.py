"""Everything that can be configured, read from the environment in this one place."""

import os
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.caller_settings import IssuerSetting, RateSetting, StepUpSetting
from app.chain_wallets import SANDBOX_WALLETS, ChainWallet
from app.errors import WalletError
from app.limit_settings import (
    REFERENCE_PRICES,
    LevelLimitSetting,
    LimitSetting,
    Price,
    RuleSetting,
    shipped_levels,
)
from app.money import ASSETS, Money, asset
from app.own_values import fault_in


class Environment(StrEnum):
    """Where the product runs. ``sandbox`` is generous and talks to simulators; ``production`` is neither."""

    SANDBOX = "sandbox"
    STAGING = "staging"
    PRODUCTION = "production"


_SANDBOX = "http://127.0.0.1:8001"

_SANDBOX_PACE = {
    "provider_timeout_s": 1.0,
    "quiet_period_s": 1.5,
    "lease_s": 3.0,
    "poll_s": 0.5,
    "refund_hold_s": 0.0,
    "limit_levels": [],
    "four_eyes_above": "",
    "screening_above": "",
    "monitoring_rules": [],
    "lookups_per_hour": 36_000,
    "cooling_bank_link_s": 0.0,
    "cooling_address_s": 0.0,
    "rate_limits": {name: {"requests": 600_000, "per_s": 60} for name in ("caller", "tenant", "address")},
    "step_up": {"amounts": {}},
}
_REAL_PACE = {
    "provider_timeout_s": 60.0,  # Unit recommends 60 s for creating payments
    "quiet_period_s": 90.0,
    "lease_s": 90.0,
    "poll_s": 5.0,
    "refund_hold_s": 2 * 86_400.0,  # the two-banking-day ACH return window
    "limit_levels": shipped_levels(),
    "four_eyes_above": "10000.00",
    "screening_above": "1000.00",
    "lookups_per_hour": 20,
    "monitoring_rules": [
        {
            "name": "below-the-report",
            "kind": "structuring",
            "within_s": 86_400,
            "amount": "10000.00",
            "count": 3,
            "share_pct": 80,
        },
        {"name": "in-and-out", "kind": "rapid-in-out", "within_s": 86_400, "amount": "5000.00", "share_pct": 90},
        {"name": "new-device", "kind": "new-device", "within_s": 86_400, "amount": "1000.00"},
        {"name": "spike", "kind": "velocity-spike", "within_s": 86_400, "amount": "5000.00", "share_pct": 500},
    ],
    "cooling_bank_link_s": 86_400.0,
    "cooling_address_s": 86_400.0,
    "rate_limits": {
        "caller": {"requests": 300, "per_s": 60},
        "tenant": {"requests": 60_000, "per_s": 60},
        "address": {"requests": 1_200, "per_s": 60},
    },
    "step_up": {"amounts": {"USD": "1000.00", "EUR": "1000.00", "GBP": "1000.00", "USDC": "1000", "USDT": "1000"}},
}


class Settings(BaseSettings):
    """The product's settings. Names in the environment are these in capitals, behind ``WALLET_``."""

    model_config = SettingsConfigDict(env_prefix="WALLET_", frozen=True, extra="ignore")

    env: Environment = Environment.SANDBOX
    mongodb_uri: SecretStr = SecretStr("")
    mongodb_database: str = "wallet"
    redis_url: SecretStr = SecretStr("")

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    port_shared: bool = False
    """Whether several API processes of one machine may listen on the port, one for each core say."""
    trusted_proxies: str = "127.0.0.1"
    """The addresses, with commas, whose ``X-Forwarded-For`` says where a request comes from."""
    rate_limits: dict[Literal["caller", "tenant", "address"], RateSetting]
    """How often each may ask, as JSON; what is not named is not limited."""

    auth_issuer: str = f"{_SANDBOX}/auth0/"
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

    metrics_host: str = "127.0.0.1"
    metrics_port: int = Field(default=0, ge=0, le=65535)
    """Where this process answers ``GET /metrics``; 0 for nowhere. Each process on a machine needs one of its own."""

    assets: str = "USD EUR GBP JPY BTC ETH POL SOL TRX USDC USDT"
    """What customers may hold and move, of all that ``app/assets.csv`` knows."""
    tenant_assets: str = ""
    """Tenants that offer something else, as in ``acme=USD BTC; globex=EUR``."""

    unit_base_url: str = f"{_SANDBOX}/unit"
    unit_token: SecretStr = SecretStr("sandbox-unit-token")
    unit_webhook_secret: SecretStr = SecretStr("sandbox-unit-webhook-secret")
    unit_account_id: str = "10"
    """The deposit account at Unit that customers' dollars settle into."""
    unit_deposit_product: str = "checking"
    """The deposit product at Unit of customers' own accounts."""

    tatum_base_url: str = f"{_SANDBOX}/tatum"
    tatum_api_key: SecretStr = SecretStr("sandbox-tatum-key")
    tatum_webhook_secret: SecretStr = SecretStr("sandbox-tatum-webhook-secret")
    tatum_wallets: dict[str, ChainWallet] = SANDBOX_WALLETS
    """Per chain, where its coins are sent from, as JSON; a chain without one sends nothing."""
    tatum_webhook_url: str = "http://127.0.0.1:8000/webhooks/tatum"
    """Where Tatum is told to send what happens at our addresses: this API's, as the vendor reaches it."""

    stripe_base_url: str = f"{_SANDBOX}/stripe"
    stripe_secret_key: SecretStr = SecretStr("sk_test_sandbox")
    stripe_webhook_secret: SecretStr = SecretStr("whsec_sandbox")
    """What Stripe signs its webhooks with; two, with a space between, while one is being replaced."""
    card_topup_lifetime_s: float = Field(default=3600.0, gt=0)
    """How long a customer has to confirm a card payment before it is cancelled."""

    sumsub_base_url: str = f"{_SANDBOX}/sumsub"
    sumsub_app_token: SecretStr = SecretStr("sbx:sandbox-sumsub-token")
    sumsub_secret: SecretStr = SecretStr("sandbox-sumsub-secret")
    sumsub_webhook_secret: SecretStr = SecretStr("sandbox-sumsub-webhook-secret")
    sumsub_level: str = "basic-kyc-level"

    plaid_base_url: str = f"{_SANDBOX}/plaid"
    plaid_client_id: str = "sandbox-client"
    plaid_secret: SecretStr = SecretStr("sandbox-plaid-secret")

    dialogflow_keys_url: str = f"{_SANDBOX}/dialogflow/oauth2/v3/certs"
    """Where Google publishes the keys that sign its service accounts' tokens."""
    dialogflow_service_account: str = "service-100000000001@gcp-sa-dialogflow.iam.gserviceaccount.com"
    """Whose tokens Dialogflow's questions come with."""
    dialogflow_audience: str = "http://127.0.0.1:8000/webhooks/dialogflow"
    """What those tokens are for: this API's webhook, as it is registered there."""
    dialogflow_secret: SecretStr = SecretStr("")
    """What may stand in for a token, in a header; nothing does outside the sandbox."""

    sealing_key: SecretStr = SecretStr("c2FuZGJveC1zZWFsaW5nLWtleS0wMTIzNDU2Nzg5YWI=")
    """32 bytes in base64: seals bank-link tokens at rest (AES-GCM)."""
    sealing_keys_older: SecretStr = SecretStr("")
    """Keys that were ``sealing_key`` before, with spaces between: what they have sealed can still be opened."""

    receipt_key: SecretStr = SecretStr("c2FuZGJveC1yZWNlaXB0LWtleS1zZWVkLTAxMjM0NTY=")
    """The seed of the Ed25519 key that signs receipts, 32 bytes in base64."""

    provider_timeout_s: float = Field(gt=0)
    quiet_period_s: float = Field(gt=0)
    lease_s: float = Field(gt=0)
    poll_s: float = Field(gt=0)
    refund_hold_s: float = Field(ge=0)
    quote_lifetime_s: float = Field(default=60.0, gt=0)
    sweep_s: float = Field(default=300.0, gt=0)
    """How often vendors' own lists of events are looked through for webhooks that never came."""
    address_sweep_s: float = Field(default=60.0, gt=0)
    """How soon a deposit address is looked at for coins that nobody told of; each look in vain doubles the pause."""
    dashboard_budget_s: float = Field(default=2.0, gt=0, le=30)
    """How long a dashboard waits for any of its sources."""
    card_answer_s: float = Field(default=1.0, gt=0, le=2.0)
    """How long a question about a card may take to answer; the bank waits for two seconds."""
    purchase_fee_bps: int = Field(default=150, ge=0, le=10_000)
    sale_fee_bps: int = Field(default=150, ge=0, le=10_000)
    transfer_fee_bps: int = Field(default=0, ge=0, le=10_000)
    limits: list[LimitSetting] = Field(default_factory=list)
    """Velocity limits as a JSON list; none by default. A payment meets every one of its rail and currency."""

    limit_levels: list[LevelLimitSetting]
    """What each level may on each rail, as a JSON list; none in the sandbox, elsewhere ``app/limit_levels.csv``."""
    reference_currency: str = "USD"
    """What levels are measured in."""
    reference_prices: dict[str, Price] = REFERENCE_PRICES
    """What one whole unit of each other asset counts as, in the reference currency, as JSON."""

    lookups_per_hour: int = Field(ge=1, le=1_000_000)
    """How many recipients a customer may look for in an hour, found or not."""
    monitoring_rules: list[RuleSetting]
    """What patterns open cases, as a JSON list; none in the sandbox."""
    screening_above: str = Field(pattern=r"^([0-9]{1,12}(\.[0-9]{1,4})?)?$")
    """Payments of more than this that leave the house, in the reference currency, are checked first; empty: none is."""
    four_eyes_above: str = Field(pattern=r"^([0-9]{1,12}(\.[0-9]{1,4})?)?$")
    """Cases about more than this, in the reference currency, are decided by two officers, and what moves or gives up
    more is done by two operators; empty: nothing is."""

    cooling_bank_link_s: float = Field(ge=0)
    cooling_address_s: float = Field(ge=0)
    """How long a new bank link, and a new address on a chain, can be used for nothing."""

    notify_loopback: bool
    """Whether notifications may be sent to this machine itself; refused in production."""

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_environment(cls, given: dict[str, Any]) -> dict[str, Any]:
        """The sandbox is generous; and its simulators answer at once, so seconds do there for minutes.

        Receivers of notifications are tried out on the same machine, and nowhere else.
        """
        in_sandbox = given.get("env", Environment.SANDBOX) == Environment.SANDBOX
        return {**(_SANDBOX_PACE if in_sandbox else _REAL_PACE), "notify_loopback": in_sandbox, **given}

    @model_validator(mode="after")
    def _assets_are_registered(self) -> Self:
        offered = {code for codes in self.assets_by_tenant.values() for code in codes}
        if unknown := sorted({*self.assets.split(), *offered} - ASSETS.keys()):
            raise ValueError(f"WALLET_ASSETS and WALLET_TENANT_ASSETS name {unknown[0]}, which is no registered asset")
        return self

    @model_validator(mode="after")
    def _levels_can_be_measured(self) -> Self:
        """There is a standard level, every amount is one of the reference currency, and every asset has a price."""
        if not self.limit_levels:
            return self
        if "standard" not in {row.level for row in self.limit_levels}:
            raise ValueError("WALLET_LIMIT_LEVELS needs the level standard: it is everybody's who has no other")
        try:
            for row in self.limit_levels:
                Money.parse(row.amount or "0", asset(self.reference_currency))
        except WalletError as refusal:
            raise ValueError(f"WALLET_LIMIT_LEVELS: {refusal.sentence}") from None
        offered = {*self.assets.split(), *(code for codes in self.assets_by_tenant.values() for code in codes)}
        if unpriced := sorted(offered - self.reference_prices.keys() - {self.reference_currency}):
            raise ValueError(f"WALLET_REFERENCE_PRICES has no price of {unpriced[0]}")
        return self

    @model_validator(mode="after")
    def _timings_fit(self) -> Self:
        """A lease must outlive the request it covers, and the quiet period the request's last echo (design rule)."""
        margin_s = min(5.0, self.provider_timeout_s)
        if self.lease_s < self.provider_timeout_s + margin_s:
            raise ValueError("WALLET_LEASE_S must exceed WALLET_PROVIDER_TIMEOUT_S by a margin")
        if self.quiet_period_s <= self.provider_timeout_s:
            raise ValueError("WALLET_QUIET_PERIOD_S must exceed WALLET_PROVIDER_TIMEOUT_S")
        return self

    @model_validator(mode="after")
    def _proofs_are_for_an_address(self) -> Self:
        """What a request says of its own address is no base for a proof where everything is to be proven."""
        if self.env is Environment.PRODUCTION and self.dpop_tenants and not self.public_url.startswith("https://"):
            raise ValueError("WALLET_PUBLIC_URL must be the https address that DPoP proofs are for")
        return self

    @model_validator(mode="after")
    def _nothing_of_the_sandbox_outside_it(self) -> Self:
        """Outside the sandbox every secret and address is the operator's own; in production addresses are https."""
        if self.env is Environment.SANDBOX:
            return self
        if self.env is Environment.PRODUCTION and not (
            self.mongodb_uri.get_secret_value() and self.redis_url.get_secret_value()
        ):
            raise ValueError("Embedded servers are not for production: set WALLET_MONGODB_URI and WALLET_REDIS_URL")
        for name in _SANDBOX_ONLY:
            default, production = type(self).model_fields[name].default, self.env is Environment.PRODUCTION
            if fault := fault_in(name, getattr(self, name), default, production=production):
                raise ValueError(fault)
        if self.dialogflow_secret.get_secret_value():
            raise ValueError("WALLET_DIALOGFLOW_SECRET is for the sandbox: elsewhere a token proves who asks")
        if self.env is Environment.PRODUCTION:
            if self.notify_loopback:
                raise ValueError("WALLET_NOTIFY_LOOPBACK is not for production: a tenant could reach this machine")
            if not self.auth_tenant_claim:
                raise ValueError("WALLET_AUTH_TENANT_CLAIM must name the token's tenant claim in production")
        return self

    @property
    def assets_by_tenant(self) -> dict[str, list[str]]:
        """The codes of the tenants that offer something else than ``assets``."""
        pairs = (entry.partition("=") for entry in self.tenant_assets.split(";") if entry.strip())
        return {tenant.strip(): codes.split() for tenant, _, codes in pairs}

    @property
    def older_sealing_keys(self) -> tuple[SecretStr, ...]:
        """The keys that may open what they sealed, and seal nothing any more."""
        return tuple(map(SecretStr, self.sealing_keys_older.get_secret_value().split()))

    @property
    def card_topup_lifetime(self) -> timedelta:
        """How long a customer has to confirm a card payment."""
        return timedelta(seconds=self.card_topup_lifetime_s)

    @property
    def refund_hold(self) -> timedelta:
        """How long a settled pull must rest before its money may be sent back."""
        return timedelta(seconds=self.refund_hold_s)


def load(**given: Any) -> Settings:
    """The settings of this process: what is given, then what its environment says."""
    return Settings(**given)


def sandbox_addresses(base_url: str) -> dict[str, str]:
    """Every setting that points at the sandbox when nothing else is said, pointing at a sandbox that listens there."""
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    return {
        name: default.replace(_SANDBOX, base_url)
        for name, default in defaults.items()
        if isinstance(default, str) and default.startswith(_SANDBOX)
    }


_OWN_BY_NAME = {
    "unit_account_id",
    "tatum_wallets",
    "tatum_webhook_url",
    "plaid_client_id",
    "dialogflow_service_account",
    "dialogflow_audience",
}
_SANDBOX_ONLY = tuple(
    name
    for name, field in Settings.model_fields.items()
    if name in _OWN_BY_NAME
    or (isinstance(field.default, SecretStr) and field.default.get_secret_value())
    or str(field.default).startswith(_SANDBOX)
)
"""Settings whose defaults are the sandbox's own."""


def child_environment(given: Mapping[str, str]) -> dict[str, str]:
    """This process's environment, with these settings in place of its own: what a child process gets."""
    settings = {f"WALLET_{name.upper()}": value for name, value in given.items()}
    return {**os.environ, **settings}  # noqa: TID251 - this is the one door to the environment
