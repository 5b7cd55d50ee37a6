"""The ledger against an oracle of a page: whatever is done in whatever order, both say the same."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from app.errors import (
    AccountClosed,
    AccountFrozen,
    AccountNotEmpty,
    AccountOpen,
    AlreadyRefunded,
    AlreadyReversed,
    HoldExpired,
    HoldUnavailable,
    InsufficientFunds,
    LimitExceeded,
    RefundExceedsRemainder,
    StaleVersion,
    WalletError,
)
from app.ledger import verbs
from app.ledger.accounts import Account, receivable, suspense
from app.ledger.changes import Change, Duplicate, Posted
from app.ledger.committer import Committer
from app.ledger.limits import Limit, Period, Spending
from app.ledger.standing import Act, StandingChange
from app.ledger.store import LedgerStore
from app.ledger.transactions import Status, Transaction, credit, debit
from app.money import USD
from tests.ledger.given import ALICE, AT, BANK, BOB, BOOK, usd

ACCOUNTS = {"bank": BANK, "alice": ALICE, "bob": BOB}
CUSTOMERS = ("alice", "bob")
LIMIT = Limit("transfer", Period.MONTH, "USD", amount_max=usd(200))
STEPS = 30

customers = st.sampled_from(CUSTOMERS)
amounts = st.integers(1, 120)
ways = st.permutations(sorted(ACCOUNTS)).map(lambda names: (names[0], names[1]))
Moves = list[tuple[str, int]]


@dataclass
class Oracle:
    """What the books ought to be, in the plainest terms. A move is an account and what it gains."""

    balance: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    frozen: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)
    refunded: Counter[str] = field(default_factory=Counter)
    spent: Counter[str] = field(default_factory=Counter)
    holds: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    posted: dict[str, Moves] = field(default_factory=dict)

    def bars(self, names: Iterable[str]) -> type | None:
        asked = set(names)
        for refusal, barred in ((AccountClosed, self.closed), (AccountFrozen, self.frozen)):
            if asked & barred:
                return refusal
        return None

    def refusal(self, moves: Moves) -> type | None:
        barred = self.bars(name for name, _ in moves)
        if barred:
            return barred
        short = (name in CUSTOMERS and gain < 0 and self.free(name) + gain < 0 for name, gain in moves)
        return InsufficientFunds if any(short) else None

    def free(self, name: str) -> int:
        return self.balance[name] - self.held[name]

    def post(self, transaction_id: str, moves: Moves) -> type:
        refusal = self.refusal(moves)
        return refusal or self.happen(transaction_id, moves)

    def happen(self, transaction_id: str, moves: Moves) -> type:
        self.posted[transaction_id] = moves
        for name, gain in moves:
            self.balance[name] += gain
        return Posted

    def take(self, transaction_id: str, name: str, minor: int) -> type:
        covered = min(minor, max(0, self.free(name)))
        if name in self.closed:
            return self.happen(transaction_id, [("suspense", -minor), ("bank", minor)])
        moves = [(name, -covered), (f"owed by {name}", covered - minor), ("bank", minor)]
        return self.happen(transaction_id, [move for move in moves if move[1]])

    def reserve(self, hold_id: str, source: str, toward: str, minor: int) -> type:
        refusal = self.refusal([(source, -minor)])
        if refusal is None:
            self.held[source] += minor
            self.holds[hold_id] = (source, toward, minor)
        return refusal or Posted

    def draw(self, hold_id: str, minor: int, freed: int, *, moves: bool) -> type | None:
        source, toward, remaining = self.holds[hold_id]
        barred = self.bars({source, toward} if moves else {source})
        if barred:
            return barred
        if not 0 < minor <= remaining:
            return HoldUnavailable
        self.held[source] -= freed
        self.holds[hold_id] = (source, toward, remaining - freed)
        return None

    def refund(self, refund_id: str, original: str, minor: int) -> type:
        (source, taken), (destination, _) = self.posted[original]
        barred = self.bars((source, destination))
        if barred:
            return barred
        if f"mirror of {original}" in self.posted:
            return AlreadyReversed
        if self.refunded[original] + minor > -taken:
            return RefundExceedsRemainder
        verdict = self.post(refund_id, [(destination, -minor), (source, minor)])
        self.refunded[original] += minor if verdict is Posted else 0
        return verdict

    def stand(self, name: str, act: Act) -> type:
        status = "frozen" if name in self.frozen else "closed" if name in self.closed else "open"
        if status != act.before:
            return {"open": AccountOpen, "frozen": AccountFrozen, "closed": AccountClosed}[status]
        if act is Act.CLOSE and (self.balance[name] or self.held[name]):
            return AccountNotEmpty
        for status, names in (("frozen", self.frozen), ("closed", self.closed)):
            (names.add if act.after == status else names.discard)(name)
        return Posted


class LedgerMachine(RuleBasedStateMachine):
    """Every example lives in a book of its own. ``run`` carries a coroutine to the loop where the door is open."""

    books = count(1)

    def __init__(self, run: Callable[[Coroutine[Any, Any, Any]], Any], door: Committer, store: LedgerStore) -> None:
        super().__init__()
        self.run, self.door, self.store = run, door, store
        self.book = f"book{next(self.books)}"
        self.oracle = Oracle()
        self.numbers = count(1)
        self.released: set[str] = set()
        self.requests: list[Transaction] = []

    def account(self, name: str) -> Account:
        return replace(ACCOUNTS[name], id=ACCOUNTS[name].id.replace(BOOK, self.book, 1))

    def name(self) -> str:
        return f"{self.book}/txn_{next(self.numbers)}"

    def move(self, source: str, destination: str, minor: int, **fields: Any) -> Transaction:
        legs = (debit(self.account(source), usd(minor)), credit(self.account(destination), usd(minor)))
        return Transaction(self.name(), fields.pop("kind", "transfer"), legs, **fields)

    def told(self, *submissions: Coroutine[Any, Any, Any]) -> list[type]:
        async def gather() -> Sequence[Any]:
            return await asyncio.gather(*submissions, return_exceptions=True)

        answers = self.run(gather())
        assert all(isinstance(answer, Posted | Duplicate | WalletError) for answer in answers), answers
        return [type(answer) for answer in answers]

    @rule(orders=st.lists(st.tuples(ways, amounts), min_size=1, max_size=6))
    def post_at_once(self, orders: list[tuple[tuple[str, str], int]]) -> None:
        asked = [self.move(*way, minor) for way, minor in orders]
        self.requests.extend(asked)
        expected = [
            self.oracle.post(transaction.id, [(source, -minor), (destination, minor)])
            for transaction, ((source, destination), minor) in zip(asked, orders, strict=True)
        ]
        assert self.told(*(verbs.post(self.door, transaction) for transaction in asked)) == expected

    @rule(name=customers, minor=amounts)
    def deposit(self, name: str, minor: int) -> None:
        self.post_at_once([(("bank", name), minor)])

    @rule(name=customers, minor=amounts)
    def lose_as_a_fact(self, name: str, minor: int) -> None:
        fact = self.move(name, "bank", minor)
        expected = self.oracle.take(fact.id, name, minor)
        assert self.told(self.door.submit(Change(self.book, (fact,), fact=True))) == [expected]

    @rule(way=ways, minor=amounts)
    def reserve(self, way: tuple[str, str], minor: int) -> None:
        if way[0] == "bank":
            way = (way[1], way[0])
        asked = self.move(*way, minor, kind="hold", status=Status.PENDING)
        assert self.told(verbs.post(self.door, asked)) == [self.oracle.reserve(asked.id, *way, minor)]

    @rule(name=customers, minor=amounts)
    def reserve_too_late(self, name: str, minor: int) -> None:
        asked = self.move(name, "bank", minor, kind="hold", status=Status.PENDING, expires_at=AT)
        expected = self.oracle.bars([name]) or HoldExpired
        assert self.told(verbs.post(self.door, asked)) == [expected]

    @precondition(lambda self: self.oracle.holds)
    @rule(data=st.data(), minor=amounts)
    def capture_as_fact(self, data: st.DataObject, minor: int) -> None:
        hold_id = data.draw(st.sampled_from(sorted(self.oracle.holds)))
        source, toward, remaining = self.oracle.holds[hold_id]
        fact = self.move(source, "bank", minor, hold_ids=(hold_id,))
        drawn = min(minor, remaining)
        self.oracle.held[source] -= drawn
        self.oracle.holds[hold_id] = (source, toward, remaining - drawn)
        expected = self.oracle.take(fact.id, source, minor)
        assert self.told(self.door.submit(Change(self.book, (fact,), fact=True))) == [expected]

    @precondition(lambda self: self.oracle.holds)
    @rule(data=st.data(), minor=amounts, closes=st.booleans())
    def capture(self, data: st.DataObject, minor: int, closes: bool) -> None:  # noqa: FBT001 - drawn
        hold_id = data.draw(st.sampled_from(sorted(self.oracle.holds)))
        source, toward, remaining = self.oracle.holds[hold_id]
        asked = self.move(source, toward, minor, hold_ids=(hold_id,), closes_holds=closes)
        expected = self.oracle.draw(hold_id, minor, remaining if closes else minor, moves=True)
        expected = expected or self.oracle.post(asked.id, [(source, -minor), (toward, minor)])
        assert self.told(verbs.post(self.door, asked)) == [expected]

    @precondition(lambda self: self.oracle.holds)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        hold_id = data.draw(st.sampled_from(sorted(self.oracle.holds)))
        remaining = self.oracle.holds[hold_id][2]
        if hold_id in self.released:
            expected: type = Duplicate
        elif not remaining:
            expected = HoldUnavailable
        else:
            expected = self.oracle.draw(hold_id, remaining, remaining, moves=False) or Posted
            if expected is Posted:
                self.released.add(hold_id)
        assert self.told(verbs.release_hold(self.door, self.store, hold_id)) == [expected]

    @precondition(lambda self: self.oracle.posted)
    @rule(data=st.data())
    def reverse(self, data: st.DataObject) -> None:
        posted = [each for each in self.oracle.posted if not each.startswith(("mirror of ", "refund"))]
        original = data.draw(st.sampled_from(posted))
        mirror = f"mirror of {original}"
        moves = [(name, -gain) for name, gain in self.oracle.posted[original]]
        if mirror in self.oracle.posted:
            expected: type = Duplicate
        elif self.oracle.refunded[original]:
            expected = self.oracle.bars(name for name, _ in moves) or AlreadyRefunded
        else:
            expected = self.oracle.post(mirror, moves)
        assert self.told(verbs.reverse(self.door, self.store, original)) == [expected]

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), minor=amounts)
    def refund(self, data: st.DataObject, minor: int) -> None:
        original = data.draw(st.sampled_from(self.requests)).id
        if original not in self.oracle.posted:
            return
        cause = str(next(self.numbers))
        expected = self.oracle.refund(f"refund {cause}", original, minor)
        again = [expected] if expected is not Posted else [Posted, Duplicate]
        ask = partial(verbs.refund, self.door, self.store, original, usd(minor), cause=cause)
        assert sorted(map(str, self.told(*(ask() for _ in again)))) == sorted(map(str, again))

    @rule(name=customers, minor=amounts)
    def pay_within_a_limit(self, name: str, minor: int) -> None:
        asked = self.move(name, "bank", minor)
        change = Change(self.book, (asked,), spendings=(Spending(name, "transfer", usd(minor), (LIMIT,)),))
        moves = [(name, -minor), ("bank", minor)]
        expected = self.oracle.refusal(moves)
        if expected is None and self.oracle.spent[name] + minor > 200:
            expected = LimitExceeded
        if expected is None:
            self.oracle.spent[name] += minor
            expected = self.oracle.happen(asked.id, moves)
        assert self.told(self.door.submit(change)) == [expected]

    @rule(name=customers, minor=amounts, behind=st.integers(0, 1))
    def pay_if_unchanged(self, name: str, minor: int, behind: int) -> None:
        asked = self.move(name, "bank", minor)
        account = self.run(self.store.account(self.account(name).id))
        if account is None:
            return
        change = Change(self.book, (asked,), versions={account.id: account.version - behind})
        expected = StaleVersion if behind else self.oracle.post(asked.id, [(name, -minor), ("bank", minor)])
        assert self.told(self.door.submit(change)) == [expected]

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def ask_again(self, data: st.DataObject) -> None:
        asked = data.draw(st.sampled_from(self.requests))
        if asked.id in self.oracle.posted:
            assert self.told(verbs.post(self.door, asked)) == [Duplicate]

    @rule(name=customers, act=st.sampled_from(Act))
    def act(self, name: str, act: Act) -> None:
        account_id = self.account(name).id
        change = Change(self.book, openings=(self.account(name),), standings=(StandingChange(account_id, act),))
        assert self.told(self.door.submit(change)) == [self.oracle.stand(name, act)]

    def teardown(self) -> None:
        """The balances are the oracle's, and sum to zero."""
        owed = {f"owed by {name}": receivable(self.book, ACCOUNTS[name].user_id, USD) for name in CUSTOMERS}
        owed["suspense"] = suspense(self.book, USD)
        every = {name: self.account(name).id for name in ACCOUNTS} | {name: each.id for name, each in owed.items()}
        stored = {name: self.run(self.store.account(account_id)) for name, account_id in every.items()}
        balances = {name: self.run(self.store.balance(account_id)) for name, account_id in every.items()}
        assert balances == {name: self.oracle.balance[name] for name in every}
        assert {name: account.held for name, account in stored.items() if account} == {
            name: self.oracle.held[name] for name, account in stored.items() if account
        }
        assert sum(balances.values()) == 0


@pytest.mark.timeout(1200)
async def test_the_ledger_agrees_with_a_plain_model_of_it(door: Committer, store: LedgerStore) -> None:
    loop = asyncio.get_running_loop()

    def run(submission: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(submission, loop).result(timeout=30)

    class OpenLedger(LedgerMachine):
        def __init__(self) -> None:
            super().__init__(run, door, store)

    await asyncio.to_thread(
        run_state_machine_as_test,
        OpenLedger,
        settings=settings(stateful_step_count=STEPS, suppress_health_check=list(HealthCheck)),
    )
    audit = await store.audit()
    assert audit.breaks == []
    assert audit.transactions > STEPS
