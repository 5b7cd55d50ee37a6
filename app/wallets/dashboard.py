"""Everything a customer has, from four sources side by side; one that is slow or broken is left out, not waited for."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog

from app.errors import ProviderUnavailable
from app.identity.users import User
from app.ledger.accounts import CUSTOMER, Account
from app.ledger.changes import Document
from app.ledger.store import LedgerStore
from app.money import Asset, Money
from app.providers.bank_ports import DepositAccount, KeepsAccounts
from app.providers.chain_ports import ReceivesCoins
from app.providers.outcomes import ProviderOutcome
from app.wallets.deposit_addresses import DepositAddress, DepositAddresses

T = TypeVar("T")

_ADDRESSES_MAX = 20
_HISTORY_MAX = 10

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CoinBalance:
    """What the chain says is at one of the customer's addresses; what they may spend is in the books."""

    address: DepositAddress
    balance: Money


@dataclass(frozen=True, slots=True)
class Moved:
    """A transaction, and what it left in the customer's accounts."""

    transaction: Document
    left: Document


@dataclass(frozen=True, slots=True)
class Overview:
    """What each source said; None of one that did not answer in time."""

    fiat: Sequence[DepositAccount] | None
    crypto: Sequence[CoinBalance] | None
    ledger: Sequence[Account] | None
    history: Sequence[Moved] | None


class Dashboard:
    """Asks all sources at once, each for at most ``budget_s``."""

    def __init__(
        self,
        ledger: LedgerStore,
        bank: KeepsAccounts,
        addresses: DepositAddresses,
        chains: ReceivesCoins,
        *,
        budget_s: float,
    ) -> None:
        self._ledger = ledger
        self._bank = bank
        self._addresses = addresses
        self._chains = chains
        self._budget_s = budget_s

    async def overview(self, book: str, user: User) -> Overview:
        """What there is of that customer. Raises nothing: whatever a source meets, the others are served."""
        async with asyncio.TaskGroup() as group:
            fiat = group.create_task(self._within_budget("fiat", lambda: self._at_the_bank(user)))
            crypto = group.create_task(self._within_budget("crypto", lambda: self._on_chains(book, user)))
            ledger = group.create_task(self._within_budget("ledger", lambda: self._accounts(book, user)))
            history = group.create_task(self._within_budget("history", lambda: self._history(book, user)))
        return Overview(fiat.result(), crypto.result(), ledger.result(), history.result())

    async def _within_budget(self, source: str, ask: Callable[[], Awaitable[T]]) -> T | None:
        try:
            async with asyncio.timeout(self._budget_s):
                return await ask()
        except (TimeoutError, ProviderOutcome, ProviderUnavailable) as outcome:
            log.info("dashboard-source-unavailable", component=source, reason=type(outcome).__name__)
        except Exception as error:
            log.exception("dashboard-source-failed", component=source, reason=type(error).__name__)
        return None

    async def _at_the_bank(self, user: User) -> Sequence[DepositAccount]:
        if user.deposit_account_id is None:
            return ()
        account = await self._bank.account(user.deposit_account_id)
        return () if account is None else (account,)

    async def _on_chains(self, book: str, user: User) -> Sequence[CoinBalance]:
        assets = {account.id: account.asset for account in await self._accounts(book, user)}
        addresses = await self._addresses.all_of(book, user.user_id)
        shown = [each for each in addresses if each.account_id in assets][:_ADDRESSES_MAX]
        try:
            async with asyncio.TaskGroup() as group:
                asked = [group.create_task(self._balance(each, assets[each.account_id])) for each in shown]
        except* ProviderOutcome as failed:
            raise ProviderUnavailable("tatum") from failed
        return [each.result() for each in asked]

    async def _balance(self, address: DepositAddress, asset: Asset) -> CoinBalance:
        return CoinBalance(address, await self._chains.balance(address.chain, address.address, asset))

    async def _accounts(self, book: str, user: User) -> Sequence[Account]:
        return await self._ledger.accounts_of(book, user.user_id, CUSTOMER)

    async def _history(self, book: str, user: User) -> Sequence[Moved]:
        accounts = await self._accounts(book, user)
        found = await self._ledger.feed.posted(accounts, None, _HISTORY_MAX)
        left = await self._ledger.feed.balances_left(found, accounts)
        return [Moved(transaction, balances) for transaction, balances in zip(found, left, strict=True)]
