"""How much may move, what opens a case, and what takes two."""

from typing import Self

from pydantic import Field, model_validator

from app.errors import WalletError
from app.money import Money, asset
from app.settings.limits import REFERENCE_PRICES, LevelLimitSetting, LimitSetting, Price, RuleSetting
from app.settings.offer import OfferSettings


class ComplianceSettings(OfferSettings):
    """Thresholds are in the reference currency, so whatever is offered has a price in it. See docs/compliance.md."""

    limits: list[LimitSetting] = Field(default_factory=list)
    """Velocity limits as a JSON list; none by default. A payment meets every one of its rail and currency."""
    limit_levels: list[LevelLimitSetting]
    """What each level may on each rail, as a JSON list; none in the sandbox, elsewhere ``limit_levels.csv``."""
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
        if unpriced := sorted(self.assets_offered - self.reference_prices.keys() - {self.reference_currency}):
            raise ValueError(f"WALLET_REFERENCE_PRICES has no price of {unpriced[0]}")
        return self
