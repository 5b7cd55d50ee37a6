"""Money over cards that others have issued: into an account here, and out of one."""

from datetime import timedelta

from pydantic import SecretStr

from app.clock import Clock
from app.errors import CurrencyMismatch, InvalidAmount
from app.ledger.accounts import Account
from app.ledger.checks import require_open
from app.ledger.limits import Limits, Spending
from app.ledger.store import LedgerStore
from app.money import USD, Money
from app.orchestrator.flows.card_payout import CARD_PAYOUT, SCREENED_CARD_PAYOUT, CardPayout
from app.orchestrator.flows.card_topup import CARD_TOPUP, CardTopup
from app.orchestrator.journal import SagaRecord
from app.orchestrator.saga import Saga
from app.orchestrator.starting import Asked, Flows
from app.plumbing.sealing import Sealer
from app.wallets.opening import own_account

CARD_IN_RAIL, CARD_OUT_RAIL = "card-in", "card-out"
"""What limits call the two ways of cards."""

AMOUNT_MIN, AMOUNT_MAX = Money(50, USD), Money(99_999_999, USD)
"""What the card processor takes at once."""


class CardOrders:
    """Accepts top-ups by card and payouts to debit cards."""

    def __init__(
        self,
        flows: Flows,
        ledger: LedgerStore,
        sealer: Sealer,
        clock: Clock,
        *,
        topup_lifetime: timedelta,
        limits: Limits,
    ) -> None:
        self._flows = flows
        self._ledger = ledger
        self._sealer = sealer
        self._clock = clock
        self._topup_lifetime = topup_lifetime
        self._limits = limits

    async def topup(self, asked: Asked, account_id: str, amount: str) -> SagaRecord:
        """Start having the customer pay into an account; asked again with the same key, the same top-up answers.

        Raises IdempotencyKeyReused, AccountNotFound, InvalidAmount, CurrencyMismatch, AccountClosed, AccountFrozen,
        LimitExceeded.
        """

        async def prepare(_saga_id: str) -> CardTopup:
            account, money = await self._checked(asked, account_id, amount)
            require_open([account])  # what is paid lands there as a fact, which nothing refuses any more
            expires_at = self._clock.now() + self._topup_lifetime
            return CardTopup(account_id=account.id, amount=money, expires_at=expires_at)

        def spends(topup: CardTopup) -> tuple[Spending, ...]:
            return Spending.of(asked.user_id, CARD_IN_RAIL, topup.amount, self._limits)

        return await self._flows.start(CARD_TOPUP, asked, prepare, spends)

    async def payout(self, asked: Asked, account_id: str, card_token: SecretStr, amount: str) -> SagaRecord:
        """Start paying out to a debit card; asked again with the same key, the same payout answers.

        Raises IdempotencyKeyReused, AccountNotFound, InvalidAmount, CurrencyMismatch, AccountClosed, AccountFrozen,
        InsufficientFunds, LimitExceeded.
        """

        async def prepare(saga_id: str) -> CardPayout:
            account, money = await self._checked(asked, account_id, amount)
            sealed = self._sealer.seal_text(card_token, saga_id)
            return CardPayout(account_id=account.id, amount=money, card_token=sealed)

        def spends(payout: CardPayout) -> tuple[Spending, ...]:
            return Spending.of(asked.user_id, CARD_OUT_RAIL, payout.amount, self._limits)

        def variant(payout: CardPayout) -> Saga:
            return SCREENED_CARD_PAYOUT if self._limits.needs_screening(payout.amount) else CARD_PAYOUT

        return await self._flows.start(CARD_PAYOUT, asked, prepare, spends, variant)

    async def _checked(self, asked: Asked, account_id: str, amount: str) -> tuple[Account, Money]:
        """The caller's account, and what is to move."""
        account = await own_account(self._ledger, asked.book, asked.user_id, account_id)
        money = Money.parse(amount, account.asset)
        if account.asset != USD:
            raise CurrencyMismatch(expected=USD.code, given=account.asset.code)
        if not AMOUNT_MIN.minor <= money.minor <= AMOUNT_MAX.minor:
            raise InvalidAmount(USD.code, f"by card it is {AMOUNT_MIN} to {AMOUNT_MAX}")
        return account, money
