"""Money: an integer count of an asset's smallest unit. Never a float.

In code an amount is a Python int of minor units; in JSON a decimal string in major units.
The bound keeps every amount exact in MongoDB's Decimal128 (34 digits) with a digit to spare.
"""

import re
from csv import DictReader
from importlib.resources import files
from typing import Literal, Self

from app.errors import AmountOutOfBounds, CurrencyMismatch, InvalidAmount, UnknownCurrency
from app.values import dataclass

MINOR_BOUND = 10**33
"""Every stored amount satisfies ``|minor| < MINOR_BOUND``."""

_MAJOR_UNITS = re.compile(r"(?P<whole>0|[1-9][0-9]{0,32})(?:\.(?P<fraction>[0-9]{1,30}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Asset:
    """A currency or coin and the number of decimal digits of its smallest unit."""

    code: str
    scale: int
    kind: Literal["fiat", "crypto"]

    @property
    def one(self) -> int:
        """How many minor units make one major unit."""
        return int(10**self.scale)


def _registered() -> dict[str, Asset]:
    table = files("app").joinpath("assets.csv").read_text(encoding="utf-8")
    return {row["code"]: _asset(**row) for row in DictReader(table.splitlines())}


def _asset(code: str, scale: str, kind: str) -> Asset:
    match kind:
        case "fiat" | "crypto":
            return Asset(code, int(scale), kind)
    raise ValueError(f"{code} is neither fiat nor crypto")


ASSETS = _registered()
"""Every asset there can be: the active codes of ISO 4217 that have minor units, with the exponents of its list one
(1 January 2026), and the coins. Adding one is a line of ``assets.csv``. A scale never changes: every amount stored is
a count of its smallest units.
"""

USD, BTC = ASSETS["USD"], ASSETS["BTC"]


def asset(code: str) -> Asset:
    """The registered asset of that code.

    Raises UnknownCurrency.
    """
    try:
        return ASSETS[code]
    except KeyError:
        raise UnknownCurrency(code) from None


@dataclass(frozen=True, slots=True)
class Money:
    """An exact, possibly negative amount of one asset, in minor units."""

    minor: int
    asset: Asset

    def __post_init__(self) -> None:
        if not -MINOR_BOUND < self.minor < MINOR_BOUND:
            raise AmountOutOfBounds(self.asset.code)

    @classmethod
    def parse(cls, text: str, asset: Asset) -> Self:
        """Read a non-negative amount in major units, as in ``"12.34"``.

        Plain ASCII digits with at most the asset's scale behind the point: no sign, exponent, space, separator
        or leading zero. Raises InvalidAmount, then AmountOutOfBounds.
        """
        match = _MAJOR_UNITS.fullmatch(text)
        if match is None:
            raise InvalidAmount(asset.code, "it must be plain digits with an optional point, as in 12.34")
        fraction = match["fraction"] or ""
        if len(fraction) > asset.scale:
            raise InvalidAmount(asset.code, f"{asset.code} has {asset.scale} digits behind the point")
        return cls(int(match["whole"] + fraction.ljust(asset.scale, "0")), asset)

    def __str__(self) -> str:
        """The amount in major units with the asset's full scale, as in ``"-12.30"``."""
        sign = "-" if self.minor < 0 else ""
        whole, fraction = divmod(abs(self.minor), self.asset.one)
        return f"{sign}{whole}.{fraction:0{self.asset.scale}}" if self.asset.scale else f"{sign}{whole}"

    def __add__(self, other: Self) -> Self:
        self._require_same_asset(other)
        return type(self)(self.minor + other.minor, self.asset)

    def __sub__(self, other: Self) -> Self:
        self._require_same_asset(other)
        return type(self)(self.minor - other.minor, self.asset)

    def __neg__(self) -> Self:
        return type(self)(-self.minor, self.asset)

    def __lt__(self, other: Self) -> bool:
        self._require_same_asset(other)
        return self.minor < other.minor

    def __le__(self, other: Self) -> bool:
        self._require_same_asset(other)
        return self.minor <= other.minor

    def __bool__(self) -> bool:
        return self.minor != 0

    def _require_same_asset(self, other: Self) -> None:
        if self.asset != other.asset:
            raise CurrencyMismatch(expected=self.asset.code, given=other.asset.code)
