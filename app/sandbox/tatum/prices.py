"""Rates and fees: fixed, so that a quote can be checked by hand."""

from decimal import ROUND_HALF_EVEN, Decimal

from app.sandbox.simulation import Simulation
from app.sandbox.tatum.blocks import Blocks
from app.sandbox.tatum.refusals import body_of, chain_of, invalid
from app.sandbox.vendor import Answer, Call

USD_PER_COIN = {
    "BTC": Decimal("97000.00"),
    "ETH": Decimal("3400.00"),
    "POL": Decimal("0.50"),
    "MATIC": Decimal("0.50"),
    "SOL": Decimal("180.00"),
    "TRX": Decimal("0.20"),
    "TRON": Decimal("0.20"),
    "USDC": Decimal("1.00"),
    "USDT": Decimal("1.00"),
}
USD_PER_FIAT = {"USD": Decimal(1), "EUR": Decimal("1.10"), "GBP": Decimal("1.25")}
BITCOIN_FEES = {"fast": Decimal("0.00002"), "medium": Decimal("0.00001"), "slow": Decimal("0.000005")}
BITCOIN_SATOSHI_PER_BYTE = {"fast": 12, "medium": 8, "slow": 4}
GAS_PRICE_WEI = {"fast": 30_000_000_000, "medium": 20_000_000_000, "slow": 15_000_000_000}
GAS_LIMIT = 21_000
TOKEN_GAS_LIMIT = 65_000
BITCOIN_FEE_SATOSHI = 1_000
_CENT_OF_A_CENT = Decimal("0.0001")


class Prices:
    """What coins cost and what sending them costs."""

    def __init__(self, simulation: Simulation, blocks: Blocks) -> None:
        self._simulation = simulation
        self._blocks = blocks

    async def rate(self, call: Call) -> Answer:
        symbol, base = call.query("symbol"), call.query("basePair", "USD")
        if symbol not in USD_PER_COIN:
            raise invalid("symbol", symbol, "symbol must be a supported currency")
        if base not in USD_PER_FIAT:
            raise invalid("basePair", base, "basePair must be a supported fiat currency")
        value = USD_PER_COIN[symbol] / USD_PER_FIAT[base]
        shown = value if base == "USD" else value.quantize(_CENT_OF_A_CENT, ROUND_HALF_EVEN)
        now_ms = int(self._simulation.clock.real.now().timestamp() * 1_000)
        body = {"id": symbol, "value": format(shown, "f"), "basePair": base, "timestamp": now_ms, "source": "sandbox"}
        return Answer(body)

    async def fee(self, call: Call) -> Answer:
        """Fee tiers: satoshi per byte for Bitcoin, wei for the others."""
        chain = chain_of(call.path("chain"))
        now_ms = int(self._simulation.clock.real.now().timestamp() * 1_000)
        tiers = BITCOIN_SATOSHI_PER_BYTE if chain.is_utxo else {**GAS_PRICE_WEI, "baseFee": 10_000_000_000}
        return Answer({**tiers, "time": now_ms, "block": self._blocks.height(chain)})

    async def estimate(self, call: Call) -> Answer:
        """The fee of one transfer: BTC for Bitcoin, gas price in wei (not Gwei) for the others."""
        chain = chain_of(body_of(call).get("chain"))
        if chain.is_utxo:
            return Answer({tier: format(fee, "f") for tier, fee in BITCOIN_FEES.items()})
        limit = TOKEN_GAS_LIMIT if body_of(call).get("contractAddress") else GAS_LIMIT
        return Answer({"gasPrice": str(GAS_PRICE_WEI["medium"]), "gasLimit": str(limit)})
