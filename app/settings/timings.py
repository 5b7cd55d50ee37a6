"""How long things may take, how long they rest, and how often somebody looks."""

from datetime import timedelta
from typing import Self

from pydantic import Field, model_validator

from app.settings.section import Environment, Section

READ_LAG_S_MAX = 30.0
"""How late vendors' reads may be, at the most, as their adapters declare it; the simulators' are never late."""


class TimingSettings(Section):
    """All in seconds."""

    provider_timeout_s: float = Field(gt=0)
    quiet_period_s: float = Field(gt=0)
    lease_s: float = Field(gt=0)
    poll_s: float = Field(gt=0)
    refund_hold_s: float = Field(ge=0)
    quote_lifetime_s: float = Field(default=60.0, gt=0)
    card_topup_lifetime_s: float = Field(default=3600.0, gt=0)
    """How long a customer has to confirm a card payment before it is cancelled."""
    sweep_s: float = Field(default=300.0, gt=0)
    """How often vendors' own lists of events are looked through for webhooks that never came."""
    address_sweep_s: float = Field(default=60.0, gt=0)
    """How soon a deposit address is looked at for coins that nobody told of; each look in vain doubles the pause."""
    dashboard_budget_s: float = Field(default=2.0, gt=0, le=30)
    """How long a dashboard waits for any of its sources."""
    card_answer_s: float = Field(default=1.0, gt=0, le=2.0)
    """How long a question about a card may take to answer; the bank waits for two seconds."""
    cooling_bank_link_s: float = Field(ge=0)
    cooling_address_s: float = Field(ge=0)
    """How long a new bank link, and a new address on a chain, can be used for nothing."""

    @model_validator(mode="after")
    def _timings_fit(self) -> Self:
        """A lease must outlive the request it covers, and the quiet period its last echo and the read that shows it.

        An echo is given as long as a request: the period is counted from the moment at which that was over.
        """
        margin_s = min(5.0, self.provider_timeout_s)
        if self.lease_s < self.provider_timeout_s + margin_s:
            raise ValueError("WALLET_LEASE_S must exceed WALLET_PROVIDER_TIMEOUT_S by a margin")
        if self.quiet_period_s <= self.provider_timeout_s:
            raise ValueError("WALLET_QUIET_PERIOD_S must exceed WALLET_PROVIDER_TIMEOUT_S")
        lag_s = 0.0 if self.env is Environment.SANDBOX else READ_LAG_S_MAX
        if self.quiet_period_s < self.provider_timeout_s + lag_s:
            raise ValueError(f"WALLET_QUIET_PERIOD_S must exceed WALLET_PROVIDER_TIMEOUT_S by {lag_s:.0f} seconds")
        return self

    @property
    def card_topup_lifetime(self) -> timedelta:
        """How long a customer has to confirm a card payment."""
        return timedelta(seconds=self.card_topup_lifetime_s)

    @property
    def refund_hold(self) -> timedelta:
        """How long a settled pull must rest before its money may be sent back."""
        return timedelta(seconds=self.refund_hold_s)
