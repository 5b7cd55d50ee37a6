"""The chains we reach through Tatum, as data. A further chain of a known family is one more line."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from app.money import BTC, Asset
from app.providers.outcomes import Declined

Network = Literal["mainnet", "testnet"]


@dataclass(frozen=True, slots=True)
class Chain:
    """``ids`` are v4's names per network, ``path`` is v3's; v3's symbol for queue and fees is the coin's code.

    ``send_bytes`` is the virtual size of a usual send, for the estimate of its fee.
    """

    name: str
    coin: Asset
    path: str
    ids: Mapping[Network, str]
    send_bytes: int

    @property
    def symbol(self) -> str:
        return self.coin.code


CHAINS: dict[str, Chain] = {
    chain.name: chain
    for chain in (
        Chain(
            "bitcoin",
            coin=BTC,
            path="bitcoin",
            ids={"mainnet": "bitcoin-mainnet", "testnet": "bitcoin-testnet"},
            send_bytes=209,  # two native-segwit inputs and two outputs: 2 x 68 + 2 x 31 + 10.5 virtual bytes
        ),
    )
}


def chain_named(name: str) -> Chain:
    """The chain of that name. Raises Declined: nothing is sent where we know no way."""
    try:
        return CHAINS[name]
    except KeyError:
        raise Declined("tatum", "unknown-chain") from None
