"""What a batch must be judged on: the ids of everything that its changes name, or may be diverted to. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from app.ledger.accounts import Account, receivable, suspense
from app.ledger.changes import Change
from app.ledger.limits import LIMIT_WINDOWS
from app.ledger.owners import OWNERS, owner_of
from app.ledger.remainders import REMAINDERS


@dataclass(slots=True)
class Wanted:
    """Stored ids by kind; those of companions by collection."""

    accounts: set[str] = field(default_factory=set)
    transactions: set[str] = field(default_factory=set)
    holds: set[str] = field(default_factory=set)
    companions: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


def everything_named(changes: Iterable[Change]) -> Wanted:
    """All that the changes name."""
    wanted = Wanted()
    for change in changes:
        wanted.accounts.update(account.id for account in change.openings)
        wanted.accounts.update(standing.account_id for standing in change.standings)
        for transaction in change.transactions:
            wanted.transactions.add(transaction.id)
            wanted.accounts.update(leg.account_id for leg in transaction.legs)
            wanted.holds.update(transaction.hold_ids)
            if transaction.reverses is not None:
                wanted.transactions.add(transaction.reverses)
                wanted.companions[REMAINDERS].add(transaction.reverses)
        for spending in change.spendings:
            wanted.companions[LIMIT_WINDOWS].add(spending.window_id(change.book))
            if spending.by_level:
                wanted.companions[OWNERS].add(spending.owner_id(change.book))
        for owner_id in _owners(change):
            wanted.companions[OWNERS].add(owner_id)
        for companion in change.companions:
            wanted.companions[companion.collection].add(companion.id)
    return wanted


def touched(change: Change) -> frozenset[str]:
    """The names of everything a change reads or writes, but for accounts that are striped and so never shared."""
    keys: set[str] = {account.id for account in change.openings}
    for transaction in change.transactions:
        keys.add(transaction.id)
        keys.update(transaction.hold_ids)
        keys.update(leg.account_id for leg in transaction.legs if leg.opening is None or not leg.opening.is_striped)
    keys.update(f"{companion.collection} {companion.id}" for companion in change.companions)
    keys.update(f"{OWNERS} {owner_id}" for owner_id in _owners(change))
    return frozenset(keys)


def diversion_targets(changes: Iterable[Change], accounts: Mapping[str, Account]) -> set[str]:
    """The accounts that facts may land on instead; they must be known before the fact is judged."""
    known = {account.id: account for change in changes for account in _openings(change)} | dict(accounts)
    targets: set[str] = set()
    for change in changes:
        if not change.fact:
            continue
        for transaction in change.transactions:
            for leg in transaction.legs:
                account = known.get(leg.account_id)
                if account is not None:
                    targets.add(suspense(change.book, account.asset).id)
                    targets.add(receivable(change.book, account.user_id, account.asset).id)
    return targets - accounts.keys()


def _owners(change: Change) -> set[str]:
    """The customers for whom it may open an account, by stored id."""
    return {owner_id for account in _openings(change) if (owner_id := owner_of(account)) is not None}


def _openings(change: Change) -> Iterator[Account]:
    yield from change.openings
    for transaction in change.transactions:
        yield from (leg.opening for leg in transaction.legs if leg.opening is not None)
