"""How limits and monitoring rules are configured: their shapes, and the values that the product comes with."""

from csv import DictReader
from importlib.resources import files
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.errors import WalletError
from app.money import Money, asset

Rail = Literal["transfer", "ach-pull", "ach-push", "trade", "chain-out", "card", "card-in", "card-out"]
"""The ways of money that limits are about."""

Price = Annotated[str, Field(pattern=r"^[0-9]{1,12}(\.[0-9]{1,12})?$")]
"""What one whole unit of an asset is worth."""


class LimitSetting(BaseModel):
    """At most that amount, or that many payments, of one rail and currency in an hour, day or month (UTC)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rail: Rail
    currency: str
    period: Literal["hour", "day", "month"]
    amount: str | None = None
    count: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _is_a_limit(self) -> Self:
        """It bounds something, and its amount is one of its currency."""
        if self.amount is None and self.count is None:
            raise ValueError("a limit has an amount, a count, or both")
        try:
            Money.parse(self.amount or "0", asset(self.currency))
        except WalletError as refusal:
            raise ValueError(refusal.sentence) from None
        return self


class LevelLimitSetting(BaseModel):
    """What somebody of a level may pay on a rail at once, or in an hour, day or month, in the reference currency."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: str = Field(pattern=r"^[a-z][a-z-]{0,39}$")
    rail: Rail
    period: Literal["transaction", "hour", "day", "month"]
    amount: str | None = None
    count: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _is_a_limit(self) -> Self:
        if self.amount is None and self.count is None:
            raise ValueError("a limit has an amount, a count, or both")
        return self


class RuleSetting(BaseModel):
    """A pattern to look for in what customers move; ``amount`` in the reference currency. See docs/compliance.md."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")
    kind: Literal["structuring", "rapid-in-out", "new-device", "velocity-spike"]
    within_s: int = Field(ge=60, le=31 * 86_400)
    amount: Price
    count: int = Field(default=1, ge=1, le=1_000)
    share_pct: int = Field(default=100, ge=1, le=10_000)
    freezes: bool = False


def shipped_levels() -> list[dict[str, str]]:
    """The levels as the product comes with them; another one is more lines of ``limit_levels.csv``."""
    table = files("app.settings").joinpath("limit_levels.csv").read_text(encoding="utf-8")
    return [{name: value for name, value in row.items() if value} for row in DictReader(table.splitlines())]


REFERENCE_PRICES = {
    "EUR": "1.25",
    "GBP": "1.45",
    "JPY": "0.01",
    "BTC": "150000",
    "ETH": "6000",
    "POL": "1.5",
    "SOL": "400",
    "TRX": "0.5",
    "USDC": "1",
    "USDT": "1",
}
"""Round and high, so that what they value never passes for less; whoever relies on limits sets current ones."""
