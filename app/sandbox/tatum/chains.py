"""The chains Tatum speaks of, the many names each has, and exact amounts of their coins."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from app.money import ASSETS, Asset, Money

_ALIASES = {"MATIC": "POL", "USDC_MATIC": "USDC", "USDT_MATIC": "USDT", "USDT_TRON": "USDT", "TRON": "TRX"}
_OTHER_NAMES = {"POL_ETH": "polygon", "TRX": "tron"}

CONTRACTS = {
    ("ethereum", "USDC"): "0x1c7D4B196Cb0C7B01d743Fbc6116a902379C7238",
    ("ethereum", "USDT"): "0x7169D38820dfd117C3FA1f22a697dBA58d90BA06",
    ("polygon", "USDC"): "0x41E94Eb019C0762f9Bfcf9Fb1E58725BfB0e7582",
    ("solana", "USDC"): "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU",
    ("tron", "USDT"): "TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBf",
}
"""The tokens that the testnets have, by chain and code."""


@dataclass(frozen=True, slots=True)
class Chain:
    """One chain. ``blocks_per_pace`` is chosen so that the usual confirmations fit into half a pace."""

    name: str
    kms_code: str
    testnet: str
    coin: Asset
    height_first: int
    blocks_per_pace: int

    @property
    def is_utxo(self) -> bool:
        return self.name == "bitcoin"

    @property
    def is_evm(self) -> bool:
        """Whether it is Ethereum's kind: nonces, gas, contracts."""
        return self.name in {"ethereum", "polygon"}

    def carries(self, asset: Asset) -> bool:
        """Whether the asset is its coin or one of its tokens."""
        return asset == self.coin or (self.name, asset.code) in CONTRACTS


CHAINS: tuple[Chain, ...] = (
    Chain("bitcoin", "BTC", "bitcoin-testnet", ASSETS["BTC"], 2_900_000, 4),
    Chain("ethereum", "ETH", "ethereum-sepolia", ASSETS["ETH"], 9_000_000, 24),
    Chain("polygon", "MATIC", "polygon-amoy", ASSETS["POL"], 30_000_000, 256),
    Chain("solana", "SOL", "solana-devnet", ASSETS["SOL"], 400_000_000, 64),
    Chain("tron", "TRON", "tron-testnet", ASSETS["TRX"], 60_000_000, 40),
)


def chain_named(name: str) -> Chain | None:
    """The chain behind ``bitcoin``, ``bitcoin-testnet``, ``bitcoin-mainnet`` or ``BTC``."""
    family = _OTHER_NAMES.get(name, name.partition("-")[0].lower())
    return next((chain for chain in CHAINS if family == chain.name or name == chain.kms_code), None)


def asset_named(currency: str) -> Asset | None:
    """The asset behind Tatum's name of a currency."""
    return ASSETS.get(_ALIASES.get(currency, currency))


def money(amount: Any, of: Asset) -> Money:
    """A positive amount in whole coins, from a JSON number or text. Raises ValueError."""
    try:
        minor = Decimal("NaN") if isinstance(amount, bool) else Decimal(amount).scaleb(of.scale)
    except (InvalidOperation, TypeError):
        raise ValueError("an amount is a number or a decimal text") from None
    if not minor.is_finite() or minor <= 0 or minor != minor.to_integral_value() or minor > 10**30:
        raise ValueError(f"an amount is positive and has at most {of.scale} digits behind the point")
    return Money(int(minor), of)


def stored(amount: Money) -> dict[str, str]:
    """An amount as it is stored: wei do not fit into 64 bits."""
    return {"minor": str(amount.minor), "asset": amount.asset.code}


def restored(document: dict[str, str]) -> Money:
    return Money(int(document["minor"]), ASSETS[document["asset"]])
