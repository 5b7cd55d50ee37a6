"""Where coins are sent from, chain by chain: addresses and the key daemon's handles, never a key."""

from importlib.resources import files
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ChainWallet(BaseModel):
    """A chain's treasury: its address, the KMS handle of its key, and the key's number where the handle has several.

    ``xpub`` is the public key that customers' addresses are derived from. Where a chain derives none (Solana),
    ``addresses`` are those that the key daemon has made, given out in this order: more may be added at the end, and
    none is ever taken away. No private key exists in this product.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str = Field(min_length=1)
    signature_id: str = Field(min_length=1)
    index: int | None = Field(default=None, ge=0)
    xpub: str = ""
    addresses: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _is_one_for_each(self) -> Self:
        if len({self.address, *self.addresses}) <= len(self.addresses):
            raise ValueError("WALLET_TATUM_WALLETS has an address twice: what arrives there would be two people's")
        return self


_SANDBOX_EVM = ChainWallet(
    address="0x66FA9F9D3186B9c13A66B004Fc8bb5F3359C4dEb",
    signature_id="5b0f2f2e-8d0c-4a5f-9a11-7c2f7a1f3f10",
    index=0,
    xpub="xpub-sandbox-evm",
)

SANDBOX_WALLETS = {
    "bitcoin": ChainWallet(
        address="tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
        signature_id="26d3883e-4e17-48b3-a0ee-09a3e484ac83",
        xpub="tpub-sandbox-bitcoin",
    ),
    "ethereum": _SANDBOX_EVM,
    "polygon": _SANDBOX_EVM,
    "tron": ChainWallet(
        address="TKMiAFXPoRAozSJMvqwfjo8ThtHrHkjkuj",
        signature_id="0a6f4a6e-5f3c-4d2b-8f57-1d9d5a0c8e21",
        index=0,
        xpub="xpub-sandbox-tron",
    ),
    "solana": ChainWallet(
        address="7vzEoA6qPLqGXe5rxmMK7iha63znnLfwGppBrUfELajg",
        signature_id="9c1d7f0a-2b64-4e0d-b7f6-3a8f5c2e9d44",
        addresses=tuple(files("app.settings").joinpath("sandbox_addresses.txt").read_text(encoding="ascii").split()),
    ),
}
"""The wallets of the sandbox's own daemon. Its addresses on Solana are points of the curve, whose keys nobody has."""
