"""The chains we reach through Tatum, as data. A further chain of a known family is one more entry.

Contract addresses are the issuers' own (Circle, Tether); a token that has none on a network is not offered there.
Depths are the field's practice: a deeper block is needed where more is at stake, or where blocks are cheap.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from app.money import ASSETS, BTC, Asset, Money
from app.providers.outcomes import Declined

Network = Literal["mainnet", "testnet"]
Family = Literal["utxo", "evm", "solana", "tron"]


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a chain. ``currency`` is v3's name for it there; ``digits`` are those of its contract."""

    asset: Asset
    currency: str
    contracts: Mapping[Network, str]
    digits: int = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One chain. ``path``, ``symbol`` and ``currency`` are v3's names, ``ids`` v4's per network.

    ``gas_chain``: its name where v4 estimates gas. ``send_bytes``: the virtual size of a usual send, where a fee is
    per byte. ``flat_fee``: what a send costs at most, in whole coins, where the vendor estimates nothing.
    ``depths``: up to that many whole coins that many blocks are enough; the last line is for anything more.
    ``depth_of_tokens``: the same for tokens, whatever the amount. ``block_s``: usual seconds from block to block.
    ``explorer``: where a person can look a transaction up. ``address_prefixes``: what its bech32 addresses begin with,
    ``address_versions``: the first bytes of those in base58check, where it has such: of a key's hash, of a script's.
    """

    name: str
    family: Family
    coin: Asset
    path: str
    symbol: str
    currency: str
    ids: Mapping[Network, str]
    depths: tuple[tuple[str, int], ...]
    depth_of_tokens: int
    block_s: float
    finality: str
    explorer: Mapping[Network, str]
    tokens: tuple[Token, ...] = ()
    gas_chain: str = ""
    send_bytes: int = 0
    flat_fee: str = "0"
    flat_fee_of_tokens: str = "0"
    address_prefixes: Mapping[Network, str] = field(default_factory=dict)
    address_versions: Mapping[Network, tuple[int, ...]] = field(default_factory=dict)

    def offers(self, asset: Asset, network: Network) -> bool:
        """Whether that asset can be moved on this chain and network."""
        return asset == self.coin or any(token.asset == asset and network in token.contracts for token in self.tokens)

    def token(self, asset: Asset) -> Token | None:
        """The token that carries the asset; None for the chain's own coin and for what it does not have."""
        return next((token for token in self.tokens if token.asset == asset), None)

    def token_at(self, contract: str, network: Network) -> Token | None:
        """The token behind a contract address, however its letters are cased."""
        wanted = _comparable(contract, self.family)
        return next(
            (
                token
                for token in self.tokens
                if network in token.contracts and _comparable(token.contracts[network], self.family) == wanted
            ),
            None,
        )

    def confirmations(self, amount: Money) -> int:
        """How many blocks deep a transaction of that amount must be, its own block counted."""
        if amount.asset != self.coin:
            return self.depth_of_tokens
        whole = Decimal(amount.minor).scaleb(-amount.asset.scale)
        return next((depth for limit, depth in self.depths[:-1] if whole <= Decimal(limit)), self.depths[-1][1])


def _comparable(contract: str, family: Family) -> str:
    return contract.lower() if family == "evm" else contract


USDC, USDT = ASSETS["USDC"], ASSETS["USDT"]

CHAINS: dict[str, Chain] = {
    chain.name: chain
    for chain in (
        Chain(
            name="bitcoin",
            family="utxo",
            coin=BTC,
            path="bitcoin",
            symbol="BTC",
            currency="BTC",
            ids={"mainnet": "bitcoin-mainnet", "testnet": "bitcoin-testnet"},
            depths=(("0.001", 1), ("1", 3), ("", 6)),
            depth_of_tokens=6,
            block_s=600,
            finality="by depth; six blocks have never been undone by chance",
            explorer={"mainnet": "https://mempool.space/tx/", "testnet": "https://mempool.space/testnet/tx/"},
            send_bytes=209,  # two native-segwit inputs and two outputs: 2 x 68 + 2 x 31 + 10.5 virtual bytes
            address_prefixes={"mainnet": "bc", "testnet": "tb"},
            address_versions={"mainnet": (0x00, 0x05), "testnet": (0x6F, 0xC4)},
        ),
        Chain(
            name="ethereum",
            family="evm",
            coin=ASSETS["ETH"],
            path="ethereum",
            symbol="ETH",
            currency="ETH",
            ids={"mainnet": "ethereum-mainnet", "testnet": "ethereum-sepolia"},
            depths=(("10", 12), ("", 64)),
            depth_of_tokens=12,
            block_s=12,
            finality="two epochs, 64 blocks",
            explorer={"mainnet": "https://etherscan.io/tx/", "testnet": "https://sepolia.etherscan.io/tx/"},
            gas_chain="ETH",
            tokens=(
                Token(
                    USDC,
                    "USDC",
                    {
                        "mainnet": "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48",
                        "testnet": "0x1c7D4B196Cb0C7B01d743Fbc6116a902379C7238",
                    },
                ),
                Token(
                    USDT,
                    "USDT",
                    {
                        "mainnet": "0xdAC17F958D2ee523a2206206994597C13D831ec7",
                        "testnet": "0x7169D38820dfd117C3FA1f22a697dBA58d90BA06",
                    },
                ),
            ),
        ),
        Chain(
            name="polygon",
            family="evm",
            coin=ASSETS["POL"],
            path="polygon",
            symbol="MATIC",
            currency="MATIC",
            ids={"mainnet": "polygon-mainnet", "testnet": "polygon-amoy"},
            depths=(("", 128),),
            depth_of_tokens=128,
            block_s=2,
            finality="128 blocks, longer than its deepest reorganisation of late",
            explorer={"mainnet": "https://polygonscan.com/tx/", "testnet": "https://amoy.polygonscan.com/tx/"},
            gas_chain="POL_ETH",
            tokens=(
                Token(
                    USDC,
                    "USDC_MATIC",
                    {
                        "mainnet": "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359",
                        "testnet": "0x41E94Eb019C0762f9Bfcf9Fb1E58725BfB0e7582",
                    },
                ),
                Token(USDT, "USDT_MATIC", {"mainnet": "0xc2132D05D31c914a87C6611C10748AEb04B58e8F"}),
            ),
        ),
        Chain(
            name="solana",
            family="solana",
            coin=ASSETS["SOL"],
            path="solana",
            symbol="SOL",
            currency="SOL",
            ids={"mainnet": "solana-mainnet", "testnet": "solana-devnet"},
            depths=(("", 32),),
            depth_of_tokens=32,
            block_s=0.4,
            finality="finalized: 31 blocks voted on top",
            explorer={"mainnet": "https://solscan.io/tx/", "testnet": "https://solscan.io/tx/"},
            flat_fee="0.000005",
            flat_fee_of_tokens="0.00204428",  # and the rent of the receiver's account, if it has to be opened
            tokens=(
                Token(
                    USDC,
                    "USDC",
                    {
                        "mainnet": "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v",
                        "testnet": "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU",
                    },
                ),
                Token(USDT, "USDT", {"mainnet": "Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB"}),
            ),
        ),
        Chain(
            name="tron",
            family="tron",
            coin=ASSETS["TRX"],
            path="tron",
            symbol="TRON",
            currency="TRX",
            ids={"mainnet": "tron-mainnet", "testnet": "tron-testnet"},
            depths=(("", 20),),
            depth_of_tokens=20,
            block_s=3,
            finality="19 of 27 producers have built on it",
            explorer={
                "mainnet": "https://tronscan.org/#/transaction/",
                "testnet": "https://shasta.tronscan.org/#/transaction/",
            },
            flat_fee="1.1",  # 0.1 for bandwidth, 1 for a receiver that was never used
            flat_fee_of_tokens="30",
            address_versions={"mainnet": (0x41,), "testnet": (0x41,)},
            tokens=(
                Token(
                    USDT,
                    "USDT_TRON",
                    {
                        "mainnet": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
                        "testnet": "TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBf",
                    },
                ),
            ),
        ),
    )
}


def chain_named(name: str) -> Chain:
    """The chain of that name. Raises Declined: nothing is sent where we know no way."""
    try:
        return CHAINS[name]
    except KeyError:
        raise Declined("tatum", "unknown-chain") from None


def chain_of_id(vendor_id: str, network: Network) -> Chain | None:
    """The chain behind one of the vendor's own names, v3's or v4's; None for another network's, or an unknown one."""
    return next(
        (chain for chain in CHAINS.values() if vendor_id in {chain.ids[network], chain.symbol, chain.name}), None
    )
