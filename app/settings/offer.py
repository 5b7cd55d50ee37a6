"""What customers are offered, and what it costs them."""

from typing import Self

from pydantic import Field, model_validator

from app.money import ASSETS
from app.settings.section import Section


class OfferSettings(Section):
    """Assets by their codes, fees in hundredths of a percent."""

    assets: str = "USD EUR GBP JPY BTC ETH POL SOL TRX USDC USDT"
    """What customers may hold and move, of all that ``app/assets.csv`` knows."""
    tenant_assets: str = ""
    """Tenants that offer something else, as in ``acme=USD BTC; globex=EUR``."""

    purchase_fee_bps: int = Field(default=150, ge=0, le=10_000)
    sale_fee_bps: int = Field(default=150, ge=0, le=10_000)
    transfer_fee_bps: int = Field(default=0, ge=0, le=10_000)

    @model_validator(mode="after")
    def _assets_are_registered(self) -> Self:
        if unknown := sorted(self.assets_offered - ASSETS.keys()):
            raise ValueError(f"WALLET_ASSETS and WALLET_TENANT_ASSETS name {unknown[0]}, which is no registered asset")
        return self

    @property
    def assets_by_tenant(self) -> dict[str, list[str]]:
        """The codes of the tenants that offer something else than ``assets``."""
        pairs = (entry.partition("=") for entry in self.tenant_assets.split(";") if entry.strip())
        return {tenant.strip(): codes.split() for tenant, _, codes in pairs}

    @property
    def assets_offered(self) -> set[str]:
        """The codes of everything that anybody is offered."""
        return {*self.assets.split(), *(code for codes in self.assets_by_tenant.values() for code in codes)}
