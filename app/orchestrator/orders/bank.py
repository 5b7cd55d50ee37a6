"""Money over a linked bank account, by ACH: into an account here, and out of one."""

from app.errors import CurrencyMismatch, InvalidAmount
from app.ledger.accounts import Account
from app.ledger.checks import require_open
from app.ledger.limits import Limits, Spending
from app.ledger.store import LedgerStore
from app.money import USD, Money
from app.orchestrator.flows.deposit import DEPOSIT, Deposit
from app.orchestrator.flows.withdrawal import SCREENED_WITHDRAWAL, WITHDRAWAL, Withdrawal
from app.orchestrator.journal import SagaRecord
from app.orchestrator.saga import Saga
from app.orchestrator.starting import Asked, Flows
from app.wallets.bank_links import BankLinks
from app.wallets.cooling import Cooling
from app.wallets.opening import own_account

ACH_PULL_RAIL, ACH_PUSH_RAIL = "ach-pull", "ach-push"
"""What limits call the two ways of ACH."""


class BankOrders:
    """Accepts deposits and withdrawals."""

    def __init__(
        self, flows: Flows, ledger: LedgerStore, bank_links: BankLinks, cooling: Cooling, *, limits: Limits
    ) -> None:
        self._flows = flows
        self._ledger = ledger
        self._bank_links = bank_links
        self._cooling = cooling
        self._limits = limits

    async def deposit(self, asked: Asked, account_id: str, bank_link_id: str, amount: str) -> SagaRecord:
        """Start pulling dollars into an account; asked again with the same key, the same deposit answers.

        Raises IdempotencyKeyReused, AccountNotFound, InvalidAmount, CurrencyMismatch, Missing (bank link),
        CoolingPeriod, AccountClosed, AccountFrozen, LimitExceeded.
        """

        async def prepare(_saga_id: str) -> Deposit:
            account, link_id, money = await self._checked(asked, account_id, bank_link_id, amount)
            require_open([account])  # what is pulled lands there as a fact, which nothing refuses any more
            return Deposit(account_id=account.id, bank_link_id=link_id, amount=money)

        def spends(deposit: Deposit) -> tuple[Spending, ...]:
            return Spending.of(asked.user_id, ACH_PULL_RAIL, deposit.amount, self._limits)

        return await self._flows.start(DEPOSIT, asked, prepare, spends)

    async def withdrawal(self, asked: Asked, account_id: str, bank_link_id: str, amount: str) -> SagaRecord:
        """Start pushing dollars out of an account; asked again with the same key, the same withdrawal answers.

        Raises IdempotencyKeyReused, AccountNotFound, InvalidAmount, CurrencyMismatch, Missing (bank link),
        CoolingPeriod, AccountClosed, AccountFrozen, InsufficientFunds, LimitExceeded.
        """

        async def prepare(_saga_id: str) -> Withdrawal:
            account, link_id, money = await self._checked(asked, account_id, bank_link_id, amount)
            return Withdrawal(account_id=account.id, bank_link_id=link_id, amount=money)

        def spends(withdrawal: Withdrawal) -> tuple[Spending, ...]:
            return Spending.of(asked.user_id, ACH_PUSH_RAIL, withdrawal.amount, self._limits)

        def variant(withdrawal: Withdrawal) -> Saga:
            return SCREENED_WITHDRAWAL if self._limits.needs_screening(withdrawal.amount) else WITHDRAWAL

        return await self._flows.start(WITHDRAWAL, asked, prepare, spends, variant)

    async def _checked(
        self, asked: Asked, account_id: str, bank_link_id: str, amount: str
    ) -> tuple[Account, str, Money]:
        """The caller's account, the stored id of their link, and what is to move between the two."""
        account = await own_account(self._ledger, asked.book, asked.user_id, account_id)
        money = Money.parse(amount, account.asset)
        if not money:
            raise InvalidAmount(account.asset.code, "it must be more than nothing")
        if account.asset != USD:
            raise CurrencyMismatch(expected=USD.code, given=account.asset.code)
        link = await self._bank_links.own(asked.book, asked.user_id, bank_link_id)
        self._cooling.require_rested_link(link)
        return account, link.id, money
