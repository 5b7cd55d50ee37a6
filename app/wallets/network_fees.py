"""What a withdrawal on a chain is charged for the network: in what is withdrawn, at the rates of the moment."""

from collections.abc import Collection
from fractions import Fraction

from app.errors import ChainNotServed, ChainUnsupported, ProviderUnavailable
from app.money import USD, Money
from app.providers.outcomes import ProviderOutcome
from app.providers.ports import QuotesRates
from app.providers.tatum.chains import CHAINS, Network
from app.wallets.prices import cost_of


def require_offered(chain: str, amount: Money, network: Network) -> None:
    """Raise ChainUnsupported unless that asset can be moved on that chain and network."""
    known = CHAINS.get(chain)
    if known is None or not known.offers(amount.asset, network):
        raise ChainUnsupported(chain, amount.asset.code)


def require_served(chain: str, served: Collection[str]) -> None:
    """Raise ChainNotServed unless there is a wallet to send from."""
    if chain not in served:
        raise ChainNotServed(chain)


class NetworkFees:
    """Estimates, and says what is charged. ``served``: the chains that have a wallet to send from."""

    def __init__(self, rates: QuotesRates, network: Network, served: Collection[str]) -> None:
        self._rates = rates
        self._network: Network = network
        self._served = served

    async def charged(self, chain: str, amount: Money, to: str | None = None) -> Money:
        """The fee of sending that amount there: the estimate itself for a chain's own coin, its worth in a token.

        Rounded up to the token's smallest unit. Raises ChainUnsupported, ChainNotServed, ProviderUnavailable.
        """
        require_offered(chain, amount, self._network)
        require_served(chain, self._served)
        try:
            estimate = await self._rates.network_fee(chain, to, amount)
            if estimate.asset == amount.asset:
                return estimate
            dear, cheap = await self._rates.rate(estimate.asset, USD), await self._rates.rate(amount.asset, USD)
        except ProviderOutcome as outcome:
            raise ProviderUnavailable(outcome.provider) from outcome
        return cost_of(estimate, amount.asset, Fraction(dear) / Fraction(cheap))
