"""The ledger against an oracle of forty lines: whatever is done in whatever order, both say the same."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from app.errors import AccountFrozen, HoldUnavailable, InsufficientFunds, WalletError
from app.ledger import verbs
from app.ledger.accounts import Account, receivable
from app.ledger.changes import Change, Companion, Duplicate, Posted
from app.ledger.committer import Committer
from app.ledger.store import LedgerStore
from app.ledger.transactions import Status, Transaction, credit, debit
from app.money import USD
from tests.ledger.given import ALICE, BANK, BOB, BOOK, usd

ACCOUNTS = {"bank": BANK, "alice": ALICE, "bob": BOB}
CUSTOMERS = ("alice", "bob")
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
    holds: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    posted: dict[str, Moves] = field(default_factory=dict)

    def refusal(self, moves: Moves) -> type | None:
        if any(name in self.frozen for name, _ in moves):
            return AccountFrozen
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
        if ({source, toward} if moves else {source}) & self.frozen:
            return AccountFrozen
        if not 0 < minor <= remaining:
            return HoldUnavailable
        self.held[source] -= freed
        self.holds[hold_id] = (source, toward, remaining - freed)
        return None


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
        posted = [each for each in self.oracle.posted if not each.startswith("mirror of ")]
        original = data.draw(st.sampled_from(posted))
        mirror = f"mirror of {original}"
        if mirror in self.oracle.posted:
            expected: type = Duplicate
        else:
            expected = self.oracle.post(mirror, [(name, -gain) for name, gain in self.oracle.posted[original]])
        assert self.told(verbs.reverse(self.door, self.store, original)) == [expected]

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def ask_again(self, data: st.DataObject) -> None:
        asked = data.draw(st.sampled_from(self.requests))
        if asked.id in self.oracle.posted:
            assert self.told(verbs.post(self.door, asked)) == [Duplicate]

    @rule(name=customers)
    def freeze_or_thaw(self, name: str) -> None:
        account_id = self.account(name).id
        account = self.run(self.store.account(account_id))
        if account is None:
            return
        self.oracle.frozen ^= {name}
        status = "frozen" if name in self.oracle.frozen else "open"
        document = {"status": status, "version": account.version + 1}
        companion = Companion("accounts", account_id, {"version": account.version}, document)
        assert self.told(self.door.submit(Change(self.book, companions=(companion,)))) == [Posted]

    def teardown(self) -> None:
        """The balances are the oracle's, and sum to zero."""
        owed = {f"owed by {name}": receivable(self.book, ACCOUNTS[name].user_id, USD) for name in CUSTOMERS}
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
