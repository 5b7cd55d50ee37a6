"""Coins to an address on a chain."""

from app.errors import CurrencyMismatch, InvalidAddress, InvalidAmount
from app.ledger.limits import Limits, Spending
from app.ledger.store import LedgerStore
from app.money import Money
from app.orchestrator.flows.crypto_withdrawal import (
    CRYPTO_WITHDRAWAL,
    SCREENED_CRYPTO_WITHDRAWAL,
    CryptoWithdrawal,
)
from app.orchestrator.journal import SagaRecord
from app.orchestrator.saga import Saga
from app.orchestrator.starting import Asked, Flows
from app.providers.tatum.addresses import canonical_address, is_valid_address
from app.providers.tatum.chains import Network
from app.wallets.cooling import Cooling
from app.wallets.network_fees import NetworkFees, require_offered
from app.wallets.opening import own_account

CHAIN_OUT_RAIL = "chain-out"
"""What limits call coins that leave for an address."""


class ChainOrders:
    """Accepts crypto withdrawals."""

    def __init__(
        self,
        flows: Flows,
        ledger: LedgerStore,
        fees: NetworkFees,
        network: Network,
        cooling: Cooling,
        *,
        limits: Limits,
    ) -> None:
        self._flows = flows
        self._ledger = ledger
        self._fees = fees
        self._network: Network = network
        self._cooling = cooling
        self._limits = limits

    async def withdrawal(self, asked: Asked, account_id: str, chain: str, address: str, amount: str) -> SagaRecord:
        """Start sending coins out of an account; asked again with the same key, the same withdrawal answers.

        Raises IdempotencyKeyReused, AccountNotFound, CurrencyMismatch (fiat), InvalidAmount, ChainUnsupported,
        InvalidAddress, CoolingPeriod, ChainNotServed, ProviderUnavailable, AccountClosed, AccountFrozen,
        InsufficientFunds, LimitExceeded.
        """

        async def prepare(_saga_id: str) -> CryptoWithdrawal:
            account = await own_account(self._ledger, asked.book, asked.user_id, account_id)
            if account.asset.kind != "crypto":
                raise CurrencyMismatch(expected="a crypto asset", given=account.asset.code)
            money = Money.parse(amount, account.asset)
            if not money:
                raise InvalidAmount(account.asset.code, "it must be more than nothing")
            require_offered(chain, money, self._network)
            if not is_valid_address(chain, self._network, address):
                raise InvalidAddress(chain)
            to = canonical_address(chain, address)
            await self._cooling.require_rested_address(asked.book, asked.user_id, chain, to)
            fee = await self._fees.charged(chain, money, to)
            return CryptoWithdrawal(account_id=account.id, chain=chain, address=to, amount=money, network_fee=fee)

        def spends(withdrawal: CryptoWithdrawal) -> tuple[Spending, ...]:
            return Spending.of(asked.user_id, CHAIN_OUT_RAIL, withdrawal.amount, self._limits)

        def variant(withdrawal: CryptoWithdrawal) -> Saga:
            return SCREENED_CRYPTO_WITHDRAWAL if self._limits.needs_screening(withdrawal.amount) else CRYPTO_WITHDRAWAL

        return await self._flows.start(CRYPTO_WITHDRAWAL, asked, prepare, spends, variant)
