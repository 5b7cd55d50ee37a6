"""The rules as a drawn table: a change, the accounts it meets, and the verdict.

Every case starts with Alice at 100.00 of which 30.00 are held (``hold``), Bob at 0, Carol frozen at 50.00, Dave closed
at 50.00, Erin frozen *and* holding bitcoin, Zoe with nothing, and a bank without a floor. A second hold of Alice's is
used up, a third has expired. One transaction of 5.00 has been refunded by 2.00, one has been reversed, one neither. The
last column is the expected verdict.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.errors import (
    AccountClosed,
    AccountFrozen,
    AccountNotEmpty,
    AccountNotFound,
    AccountOpen,
    AlreadyRefunded,
    AlreadyReversed,
    AmountOutOfBounds,
    CurrencyMismatch,
    DestinationNotFound,
    HoldExpired,
    HoldUnavailable,
    IdempotencyKeyReused,
    InsufficientFunds,
    LimitExceeded,
    Missing,
    RefundExceedsRemainder,
    SameAccount,
    StaleGuard,
    StaleVersion,
)
from app.ledger.accounts import Account, AccountStatus, customer_account, receivable, suspense
from app.ledger.book import Book, State
from app.ledger.changes import ABSENT, ANYBODY, Change, Companion, Duplicate, Posted
from app.ledger.documents import transaction_document
from app.ledger.limits import LIMIT_WINDOWS, Limit, Period, Spending, spend
from app.ledger.remainders import REMAINDERS
from app.ledger.standing import Act, StandingChange
from app.ledger.streams import Stream
from app.ledger.transactions import Hold, Transaction, credit, debit, hold, release
from app.money import BTC, MINOR_BOUND, USD
from app.plumbing.decimals import to_decimal128
from tests.ledger.given import ALICE, AT, BANK, BOB, BOOK, COINS, btc, capture, posting, transfer, txn, usd

FROZEN, CLOSED = AccountStatus.FROZEN, AccountStatus.CLOSED
CAROL = customer_account(f"{BOOK}/acc_carol", USD, "usr_carol")
DAVE = customer_account(f"{BOOK}/acc_dave", USD, "usr_dave")
ERIN = customer_account(f"{BOOK}/acc_erin", BTC, "usr_erin")
RICH = customer_account(f"{BOOK}/acc_rich", USD, "usr_rich")
ZOE = customer_account(f"{BOOK}/acc_zoe", USD, "usr_zoe")
NOBODY, NOWHERE = f"{BOOK}/acc_nobody", f"{BOOK}/acc_nowhere"

LOADED = {
    account.id: account
    for account in (
        replace(ALICE, balance=10_000, held=3_000, seq=2, version=5),
        replace(BOB, version=1),
        replace(CAROL, balance=5_000, status=FROZEN, version=1),
        replace(DAVE, balance=5_000, status=CLOSED, version=1),
        replace(ERIN, balance=5, status=FROZEN, version=1),
        replace(ZOE, version=1),
        replace(RICH, balance=MINOR_BOUND - 10, version=1),
        replace(BANK, balance=-20_000, version=1),
    )
}
HOLD = Hold(txn("hold"), ALICE.id, 3_000, version=1)
SPENT = Hold(txn("spent"), ALICE.id, 0, version=2)
LATE = Hold(txn("late"), ALICE.id, 500, version=1, expires_at=AT)
LASTING = Hold(txn("lasting"), ALICE.id, 500, version=1, expires_at=AT + timedelta(milliseconds=1))
KNOWN = transfer("known", ALICE.id, BOB.id, 1)
PLAIN, PARTLY, REVERSED = (transfer(name, BOB.id, ALICE.id, 500) for name in ("plain", "partly", "reversed"))
SAGA: dict[str, Any] = {"_id": "default/sag_one", "version": 3, "fence": 7}


def book(*more: Account) -> Book:
    position = {"stream": "str_a", "n": 1, "i": 0}
    known = {each.id: transaction_document(each, each.legs, position, AT) for each in (KNOWN, PLAIN, PARTLY, REVERSED)}
    state = State(
        accounts={**LOADED, **{account.id: account for account in more}},
        transactions=known,
        holds={each.id: each for each in (HOLD, SPENT, LATE, LASTING)},
        companions={
            ("sagas", SAGA["_id"]): dict(SAGA),
            (REMAINDERS, PARTLY.id): {"refunded": to_decimal128(200), "reversed_by": None, "version": 1},
            (REMAINDERS, REVERSED.id): {"refunded": to_decimal128(0), "reversed_by": txn("mirror"), "version": 1},
            (LIMIT_WINDOWS, spending(1).window_id(BOOK)): spend(spending(900), None, AT),
        },
    )
    return Book(state, Stream("default/str_0", epoch=1, number=4), at=AT)


def request(*transactions: Transaction, companions: Iterable[Companion] = (), **fields: Any) -> Change:
    return Change(BOOK, transactions, tuple(companions), **fields)


def move(source: Account | str, destination: Account | str, minor: int, **fields: Any) -> Transaction:
    return transfer("new", source, destination, minor, **fields)


def guarded(**guard: int) -> Companion:
    return Companion("sagas", "default/sag_one", guard, {"version": 4})


def spending(minor: int, *limits: Limit) -> Spending:
    return Spending("usr_alice", "transfer", usd(minor), limits)


def within(*limits: Limit, minor: int = 100, **fields: Any) -> Change:
    return request(move(ALICE, BOB, minor), spendings=(spending(minor, *limits),), **fields)


def standing(act: Act, account: Account | str) -> StandingChange:
    return StandingChange(account if isinstance(account, str) else account.id, act)


def stands(act: Act, account: Account | str, **fields: Any) -> Change:
    return request(standings=(standing(act, account),), **fields)


def refund(of: Transaction, minor: int) -> Transaction:
    return of.refunded(txn("new"), usd(minor))


DAILY = Limit("transfer", Period.DAY, "USD", amount_max=usd(1_000))
TWICE = Limit("transfer", Period.HOUR, "USD", count_max=1)
STALE, FRESH = guarded(version=2), guarded(version=3)
REUSED = transfer("known", ALICE.id, BOB.id, 2)
HELD = hold(txn("hold"), ALICE, BOB, usd(3_000))

TABLE = [
    # what is asked                                                        the verdict
    ("a transfer", request(move(ALICE, BOB, 7_000)), Posted),
    ("nothing at all", request(), Posted),
    ("the same again", request(KNOWN), Duplicate),
    ("a key with other content", request(REUSED), IdempotencyKeyReused),
    ("a key with more than before", request(KNOWN, move(ALICE, BOB, 1)), IdempotencyKeyReused),
    ("one id twice in a change", request(move(ALICE, BOB, 1), move(ALICE, BOB, 1)), IdempotencyKeyReused),
    ("a guard that holds", request(companions=[FRESH]), Posted),
    ("a guard that moved on", request(companions=[STALE]), StaleGuard),
    ("a guard of which one half moved on", request(companions=[guarded(version=3, fence=8)]), StaleGuard),
    ("a new document that is there", request(companions=[replace(FRESH, guard=ABSENT)]), StaleGuard),
    ("a guard on nothing", request(companions=[replace(FRESH, id="default/sag_two")]), StaleGuard),
    ("an unknown source", request(move(NOBODY, BOB, 1)), AccountNotFound),
    ("an unknown destination", request(move(ALICE, NOWHERE, 1)), DestinationNotFound),
    ("another currency", request(posting("new", debit(ALICE, btc(1)), credit(COINS, btc(1)))), CurrencyMismatch),
    ("from an account to itself", request(move(ALICE, ALICE, 1)), SameAccount),
    ("from a closed account", request(move(DAVE, BOB, 1)), AccountClosed),
    ("to a closed account", request(move(ALICE, DAVE, 1)), AccountClosed),
    ("from a frozen account", request(move(CAROL, BOB, 1)), AccountFrozen),
    ("to a frozen account", request(move(ALICE, CAROL, 1)), AccountFrozen),
    ("a hold on a frozen account", request(hold(txn("new"), CAROL, BOB, usd(1))), AccountFrozen),
    ("a hold toward a frozen account: untouched", request(hold(txn("new"), ALICE, CAROL, usd(1))), Posted),
    ("a hold toward a closed account: untouched", request(hold(txn("new"), ALICE, DAVE, usd(1))), Posted),
    ("a capture of no hold", request(capture("new", "none", ALICE, BOB, 1)), HoldUnavailable),
    ("a capture of all that is held", request(capture("new", "hold", ALICE, BOB, 3_000)), Posted),
    ("a capture of part", request(capture("new", "hold", ALICE, BOB, 1)), Posted),
    ("a capture beyond the hold", request(capture("new", "hold", ALICE, BOB, 3_001)), HoldUnavailable),
    ("a capture from another account", request(capture("new", "hold", RICH, BOB, 1)), HoldUnavailable),
    (
        "a hold named twice",
        request(replace(capture("new", "hold", ALICE, BOB, 2), hold_ids=(HOLD.id,) * 2)),
        HoldUnavailable,
    ),
    ("a release of all that is held", request(release(txn("new"), HELD, usd(3_000))), Posted),
    ("a release of part", request(release(txn("new"), HELD, usd(2_999))), HoldUnavailable),
    ("a release of more", request(release(txn("new"), HELD, usd(3_001))), HoldUnavailable),
    ("more than there is", request(move(ALICE, BOB, 10_001)), InsufficientFunds),
    ("what is held", request(move(ALICE, BOB, 7_001)), InsufficientFunds),
    ("a hold beyond what is available", request(hold(txn("new"), ALICE, BOB, usd(7_001))), InsufficientFunds),
    ("a hold of all that is available", request(hold(txn("new"), ALICE, BOB, usd(7_000))), Posted),
    ("from an account without a floor", request(move(BANK, BOB, 10**9)), Posted),
    ("beyond the bound", request(move(BANK, RICH, 10)), AmountOutOfBounds),
    ("up to the bound", request(move(BANK, RICH, 9)), Posted),
    ("a hold that expires", request(hold(txn("new"), ALICE, BOB, usd(1), expires_at=LASTING.expires_at)), Posted),
    ("a hold that is born expired", request(hold(txn("new"), ALICE, BOB, usd(1), expires_at=AT)), HoldExpired),
    ("a capture of a hold used up", request(capture("new", "spent", ALICE, BOB, 1)), HoldUnavailable),
    ("a capture at the last moment", request(capture("new", "lasting", ALICE, BOB, 500)), Posted),
    ("a capture of an expired hold", request(capture("new", "late", ALICE, BOB, 1)), HoldExpired),
    (
        "a release of an expired hold",
        request(release(txn("new"), hold(LATE.id, ALICE, BOB, usd(500)), usd(500))),
        Posted,
    ),
    ("a reversal", request(PLAIN.reversed()), Posted),
    ("a reversal of what is not there", request(move(ALICE, BOB, 1).reversed()), Missing),
    ("a second reversal", request(replace(REVERSED.reversed(), id=txn("new"))), AlreadyReversed),
    ("a reversal of what was refunded in part", request(PARTLY.reversed()), AlreadyRefunded),
    ("a refund of all", request(refund(PLAIN, 500)), Posted),
    ("a refund of more", request(refund(PLAIN, 501)), RefundExceedsRemainder),
    ("a refund of the rest", request(refund(PARTLY, 300)), Posted),
    ("a refund of more than the rest", request(refund(PARTLY, 301)), RefundExceedsRemainder),
    ("a refund of what was reversed", request(refund(REVERSED, 1)), AlreadyReversed),
    ("two refunds in one change", request(refund(PLAIN, 300), replace(refund(PLAIN, 200), id=txn("other"))), Posted),
    (
        "two refunds beyond it in one change",
        request(refund(PLAIN, 300), replace(refund(PLAIN, 201), id=txn("other"))),
        RefundExceedsRemainder,
    ),
    ("freeze", stands(Act.FREEZE, ALICE), Posted),
    ("freeze what is frozen", stands(Act.FREEZE, CAROL), AccountFrozen),
    ("freeze what is closed", stands(Act.FREEZE, DAVE), AccountClosed),
    ("freeze what is not there", stands(Act.FREEZE, NOBODY), AccountNotFound),
    ("freeze the bank", stands(Act.FREEZE, BANK), AccountNotFound),
    ("unfreeze", stands(Act.UNFREEZE, CAROL), Posted),
    ("unfreeze what is open", stands(Act.UNFREEZE, ALICE), AccountOpen),
    ("close", stands(Act.CLOSE, ZOE), Posted),
    ("close what is not empty", stands(Act.CLOSE, ALICE), AccountNotEmpty),
    ("close what is frozen", stands(Act.CLOSE, CAROL), AccountFrozen),
    ("reopen", stands(Act.REOPEN, DAVE), Posted),
    ("reopen what is open", stands(Act.REOPEN, ALICE), AccountOpen),
    (
        "pay in the change that freezes",
        request(move(ALICE, BOB, 1), standings=(standing(Act.FREEZE, ALICE),)),
        AccountFrozen,
    ),
    ("a version that is still so", request(move(ALICE, BOB, 1), versions={ALICE.id: 5}), Posted),
    ("a version that moved on", request(move(ALICE, BOB, 1), versions={ALICE.id: 4}), StaleVersion),
    ("a version of nothing", request(move(NOBODY, BOB, 1), versions={NOBODY: 1}), AccountNotFound),
    ("any customer pays", request(move(ALICE, BOB, 1), payer=ANYBODY), Posted),
    ("the customer pays", request(move(ALICE, BOB, 1), payer="usr_alice"), Posted),
    ("another customer pays", request(move(ALICE, BOB, 1), payer="usr_bob"), AccountNotFound),
    ("the bank pays as a customer", request(move(BANK, BOB, 1), payer=ANYBODY), AccountNotFound),
    ("a customer pays the bank", request(move(ALICE, BANK, 1), payer=ANYBODY), DestinationNotFound),
    ("within the limits", within(DAILY), Posted),
    ("beyond an amount", within(DAILY, minor=101), LimitExceeded),
    ("beyond a count", within(TWICE, minor=1), LimitExceeded),
    ("without limits", within(minor=7_000), Posted),
    # pairs that prove the order
    (
        "stale before another version",
        request(move(ALICE, BOB, 1), companions=[STALE], versions={ALICE.id: 4}),
        StaleGuard,
    ),
    ("another version before an act", stands(Act.CLOSE, ALICE, versions={ALICE.id: 4}), StaleVersion),
    (
        "an act before a transaction",
        request(move(NOBODY, BOB, 1), standings=(standing(Act.CLOSE, ALICE),)),
        AccountNotEmpty,
    ),
    ("standing before what is in it", stands(Act.CLOSE, DAVE), AccountClosed),
    ("whose it is before another currency", request(move(ALICE, ERIN, 1), payer="usr_bob"), AccountNotFound),
    ("used up before expired", request(capture("new", "late", ALICE, BOB, 501)), HoldUnavailable),
    ("expired before no funds", request(hold(txn("new"), ALICE, BOB, usd(10**6), expires_at=AT)), HoldExpired),
    (
        "frozen before reversed",
        request(replace(REVERSED.reversed(), id=txn("new"), legs=move(CAROL, BOB, 1).legs)),
        AccountFrozen,
    ),
    ("reversed before no funds", request(replace(refund(REVERSED, 10**6), id=txn("new"))), AlreadyReversed),
    ("no funds before a limit", within(DAILY, minor=7_001), InsufficientFunds),
    (
        "out of bounds before a limit",
        request(move(BANK, RICH, 10), spendings=(spending(101, DAILY),)),
        AmountOutOfBounds,
    ),
    ("duplicate before another version", request(KNOWN, versions={ALICE.id: 4}), Duplicate),
    ("duplicate before a limit", request(KNOWN, spendings=(spending(10**6, DAILY),)), Duplicate),
    ("reused before stale", request(REUSED, companions=[STALE]), IdempotencyKeyReused),
    ("duplicate before stale", request(KNOWN, companions=[STALE]), Duplicate),
    ("stale before unknown", request(move(NOBODY, BOB, 1), companions=[STALE]), StaleGuard),
    (
        "unknown before another currency",
        request(posting("new", debit(ALICE, btc(1)), credit(NOWHERE, btc(1)))),
        DestinationNotFound,
    ),
    (
        "another currency before itself",
        request(posting("new", debit(ALICE, btc(1)), credit(ALICE, btc(1)))),
        CurrencyMismatch,
    ),
    ("another currency before frozen", request(move(ALICE, ERIN, 1)), CurrencyMismatch),
    ("itself before closed", request(move(DAVE, DAVE, 1)), SameAccount),
    ("closed before frozen, second", request(move(CAROL, DAVE, 1)), AccountClosed),
    ("closed before frozen, first", request(move(DAVE, CAROL, 1)), AccountClosed),
    ("frozen before no hold", request(capture("new", "none", CAROL, BOB, 1)), AccountFrozen),
    ("no hold before no funds", request(capture("new", "none", BOB, ALICE, 1)), HoldUnavailable),
    ("frozen before no funds", request(move(CAROL, BOB, 10**6)), AccountFrozen),
    ("no funds before out of bounds", request(move(ALICE, RICH, 10_001)), InsufficientFunds),
    ("the first transaction before the second", request(move(ALICE, BOB, 7_001), REUSED), IdempotencyKeyReused),
]


@pytest.mark.parametrize(("change", "verdict"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_every_change_meets_the_verdict_drawn_for_it(change: Change, verdict: type) -> None:
    assert type(book().judge(change)) is verdict


@pytest.mark.parametrize("change", [row[1] for row in TABLE if row[2] is not Posted], ids=lambda _: "")
def test_whatever_is_not_posted_leaves_no_trace(change: Change) -> None:
    judged = book()
    judged.judge(change)
    assert not list(judged.changed_accounts)
    assert not list(judged.changed_holds)
    assert not list(judged.companions)
    assert not judged.transactions
    assert not judged.entries
    assert not judged.cases


def test_the_refusal_for_funds_says_what_is_there_and_what_is_needed() -> None:
    refusal = book().judge(request(move(ALICE, BOB, 7_001)))
    assert isinstance(refusal, InsufficientFunds)
    assert refusal.facts == {"account_id": "acc_alice", "available": "70.00", "needed": "70.01", "currency": "USD"}


def test_the_refusal_for_a_limit_says_which_and_when_it_resets() -> None:
    refusal = book().judge(within(DAILY, minor=101))
    assert isinstance(refusal, LimitExceeded)
    assert refusal.facts == {
        "limit": "transfer amount per day",
        "bound": "10.00",
        "used": "9.00",
        "left": "1.00",
        "rail": "transfer",
        "period": "day",
        "currency": "USD",
        "resets_at": "2026-11-21T00:00:00.000Z",
    }


def test_a_refusal_names_the_transaction_that_met_it() -> None:
    refusal = book().judge(request(move(ALICE, BOB, 1), transfer("second", ALICE, BOB, 10**6)))
    assert isinstance(refusal, InsufficientFunds)
    assert refusal.transaction_id == txn("second")


def test_payments_of_one_batch_share_one_window() -> None:
    judged = book()
    each = [Change(BOOK, (transfer(name, ALICE, BOB, 60),), spendings=(spending(60, DAILY),)) for name in "ab"]
    assert [type(judged.judge(change)) for change in each] == [Posted, LimitExceeded]
    [window] = judged.companions
    assert (window.guard, window.document["version"]) == ({"version": 1}, 2)


def test_refunds_of_one_batch_share_one_remainder() -> None:
    judged = book()
    refunds = [replace(refund(PLAIN, 300), id=txn(name)) for name in "ab"]
    assert [type(judged.judge(request(each))) for each in refunds] == [Posted, RefundExceedsRemainder]
    assert isinstance(judged.judge(request(PLAIN.reversed())), AlreadyRefunded)


def test_a_version_is_asked_only_of_what_is_written() -> None:
    with pytest.raises(ValueError, match="write skew"):
        request(move(ALICE, BOB, 1), versions={CAROL.id: 1})


def test_a_fact_meets_no_limit() -> None:
    with pytest.raises(ValueError, match="limit"):
        within(DAILY, fact=True)


def test_a_later_transaction_of_a_change_may_spend_what_an_earlier_one_brings() -> None:
    through = (transfer("in", BANK, BOB, 500), transfer("out", BOB, ALICE, 500))
    assert isinstance(book().judge(request(*through)), Posted)
    assert isinstance(book().judge(request(*reversed(through))), InsufficientFunds)


def test_a_later_change_sees_the_earlier_ones_and_nothing_of_the_refused() -> None:
    judged = book()
    verdicts = [
        judged.judge(request(transfer("one", ALICE, BOB, 7_000))),
        judged.judge(request(transfer("two", ALICE, BOB, 1))),
        judged.judge(request(transfer("three", BOB, ALICE, 7_000))),
        judged.judge(request(transfer("three", BOB, ALICE, 7_000))),
        judged.judge(request(transfer("two", ALICE, BOB, 1))),
    ]
    assert [type(verdict) for verdict in verdicts] == [Posted, InsufficientFunds, Posted, Duplicate, Posted]


def test_a_later_change_sees_the_companions_of_an_earlier_one() -> None:
    judged = book()
    first = Companion("sagas", "default/sag_two", ABSENT, {"version": 1, "state": "new"})
    second = Companion("sagas", "default/sag_two", {"version": 1}, {"version": 2})
    verdicts = [judged.judge(request(companions=[each])) for each in (second, first, first, second)]
    assert [type(verdict) for verdict in verdicts] == [StaleGuard, Posted, StaleGuard, Posted]
    assert list(judged.companions) == [replace(first, document={"version": 2, "state": "new"})]


@pytest.mark.parametrize(
    ("transaction", "held", "balance"),
    [
        (capture("new", "hold", ALICE, BOB, 1_000), 2_000, 9_000),
        (capture("new", "hold", ALICE, BOB, 3_000), 0, 7_000),
        (capture("new", "hold", ALICE, BOB, 1_000, closes_holds=True), 0, 9_000),
        (release(txn("new"), HELD, usd(3_000)), 0, 10_000),
        (hold(txn("new"), ALICE, BOB, usd(500)), 3_500, 10_000),
    ],
)
def test_what_is_held_follows_what_is_taken(transaction: Transaction, held: int, balance: int) -> None:
    judged = book()
    judged.judge(request(transaction))
    alice = next(after for _, after in judged.changed_accounts if after.id == ALICE.id)
    assert (alice.held, alice.balance) == (held, balance)


def test_one_hold_cannot_be_captured_twice_over() -> None:
    judged = book()
    verdicts = [judged.judge(request(capture(f"c{n}", "hold", ALICE, BOB, 2_000))) for n in range(2)]
    assert [type(verdict) for verdict in verdicts] == [Posted, HoldUnavailable]


def test_an_opening_opens_an_empty_account_whatever_the_snapshot_says() -> None:
    snapshot = replace(COINS, balance=10**9, held=5, seq=9, version=9, last_transaction_id="default/txn_old")
    judged = book()
    assert isinstance(judged.judge(request(openings=(snapshot,))), Posted)
    [(before, opened)] = judged.changed_accounts
    assert before is None
    assert opened == replace(COINS, version=1, updated_at=AT)


@pytest.mark.parametrize(
    ("other", "field"),
    [
        ({"minor": 2}, "amount"),
        ({"source": BANK.id}, "source_account_id"),
        ({"destination": BANK.id}, "dest_account_id"),
        ({"kind": "fee"}, "kind"),
        ({"metadata": {"note": "x"}}, "metadata"),
        ({"hold_ids": (HOLD.id,)}, "hold_ids"),
        ({"closes_holds": True}, "closes_holds"),
        ({"saga_id": "default/sag_one"}, "saga_id"),
        ({"reverses": "default/txn_zero"}, "reverses"),
    ],
)
def test_the_refusal_for_a_reused_key_names_the_field_that_differs(other: dict[str, Any], field: str) -> None:
    fields = {"name": "known", "source": ALICE.id, "destination": BOB.id, "minor": 1, **other}
    refusal = book().judge(request(transfer(**fields)))
    assert isinstance(refusal, IdempotencyKeyReused)
    assert refusal.facts == {"field": field}


def test_a_further_leg_is_named_as_such() -> None:
    legs = (debit(ALICE.id, usd(1)), credit(BOB.id, usd(1)), debit(BANK.id, usd(1)), credit(BOB.id, usd(1)))
    refusal = book().judge(request(posting("known", *legs)))
    assert isinstance(refusal, IdempotencyKeyReused)
    assert refusal.facts == {"field": "legs"}


OWED = receivable(BOOK, "usr_alice", USD).id
SUSPENSE = suspense(BOOK, USD).id

FACTS = [
    # what happened                          where it landed (account, change), in order
    ("a credit", move(BANK, ALICE, 5), [(BANK.id, -5), (ALICE.id, 5)]),
    ("a debit that is covered", move(ALICE, BANK, 7_000), [(ALICE.id, -7_000), (BANK.id, 7_000)]),
    ("a debit beyond", move(ALICE, BANK, 7_001), [(ALICE.id, -7_000), (OWED, -1), (BANK.id, 7_001)]),
    ("a debit of nothing left", move(BOB, BANK, 9), [(receivable(BOOK, "usr_bob", USD).id, -9), (BANK.id, 9)]),
    ("a debit of a frozen account", move(CAROL, BANK, 5_000), [(CAROL.id, -5_000), (BANK.id, 5_000)]),
    ("a credit of a frozen account", move(BANK, CAROL, 5), [(BANK.id, -5), (CAROL.id, 5)]),
    ("a debit of a closed account", move(DAVE, BANK, 5), [(SUSPENSE, -5), (BANK.id, 5)]),
    ("a credit of a closed account", move(BANK, DAVE, 5), [(BANK.id, -5), (SUSPENSE, 5)]),
    ("a debit of an account without a floor", move(BANK, ALICE, 10**9), [(BANK.id, -(10**9)), (ALICE.id, 10**9)]),
    ("a capture", capture("new", "hold", ALICE, BANK, 3_000), [(ALICE.id, -3_000), (BANK.id, 3_000)]),
    ("a capture beyond the hold", capture("new", "hold", ALICE, BANK, 3_001), [(ALICE.id, -3_001), (BANK.id, 3_001)]),
    ("a capture of a hold used up", capture("new", "spent", ALICE, BANK, 9), [(ALICE.id, -9), (BANK.id, 9)]),
    ("a capture of an expired hold", capture("new", "late", ALICE, BANK, 500), [(ALICE.id, -500), (BANK.id, 500)]),
    (
        "a capture beyond hold and funds",
        capture("new", "hold", ALICE, BANK, 10_001),
        [(ALICE.id, -10_000), (OWED, -1), (BANK.id, 10_001)],
    ),
    (
        "two debits of one account",
        posting("new", debit(ALICE, usd(6_000)), debit(ALICE, usd(6_000)), credit(BANK, usd(12_000))),
        [(ALICE.id, -6_000), (ALICE.id, -1_000), (OWED, -5_000), (BANK.id, 12_000)],
    ),
    (
        "a debit after a credit",
        posting("new", debit(BANK, usd(1)), credit(BOB, usd(5)), debit(BOB, usd(4))),
        [(BANK.id, -1), (BOB.id, 5), (BOB.id, -4)],
    ),
]


@pytest.mark.parametrize(("transaction", "landed"), [row[1:] for row in FACTS], ids=[row[0] for row in FACTS])
def test_a_fact_is_never_refused_for_money_and_lands_where_drawn(
    transaction: Transaction, landed: list[tuple[str, int]]
) -> None:
    judged = book()
    assert isinstance(judged.judge(request(transaction, fact=True)), Posted)
    asked = [leg.account_id for leg in transaction.legs]
    signed = [
        (entry["account_id"], int(str(entry["amount_snapshot"])) * (1 if entry["direction"] == "CR" else -1))
        for entry in judged.entries
    ]
    assert signed == landed
    assert [case["landed_on"] for case in judged.cases] == [each for each, _ in landed if each not in asked]
    assert all(account.available >= 0 for _, account in judged.changed_accounts if account.min_available == 0)


def test_a_diverted_leg_opens_a_case_that_names_the_account_and_the_missing_amount() -> None:
    judged = book()
    judged.judge(request(move(ALICE, BANK, 7_300), fact=True))
    [case] = judged.cases
    assert (case["kind"], case["status"], case["account_id"], case["landed_on"]) == (
        "diverted-leg",
        "open",
        ALICE.id,
        OWED,
    )
    assert (case["transaction_id"], str(case["amount"]), case["currency"]) == (txn("new"), "300", "USD")


def test_the_receivable_that_is_there_is_used_again() -> None:
    owed = replace(receivable(BOOK, "usr_alice", USD), balance=-50, seq=1, version=2)
    judged = book(owed)
    judged.judge(request(move(ALICE, BANK, 7_300), fact=True))
    assert next(after for before, after in judged.changed_accounts if before is owed).balance == -350


def test_a_fact_with_a_reused_key_or_an_unknown_account_is_still_refused() -> None:
    assert isinstance(book().judge(request(REUSED, fact=True)), IdempotencyKeyReused)
    assert isinstance(book().judge(request(move(NOBODY, BANK, 1), fact=True)), AccountNotFound)
    assert isinstance(book().judge(request(move(ALICE, BANK, 1), companions=[STALE], fact=True)), StaleGuard)


def test_a_request_behind_a_fact_is_refused_like_any_and_nothing_becomes_true() -> None:
    judged, fact = book(), transfer("fact", BANK, BOB, 5)
    refused = judged.judge(request(fact, move(BOB, ALICE, 6), fact=True, requests=1))
    assert isinstance(refused, InsufficientFunds)
    assert refused.transaction_id == txn("new")
    assert isinstance(book().judge(request(fact, move(BOB, CAROL, 5), fact=True, requests=1)), AccountFrozen)
    assert (judged.transactions, judged.cases, list(judged.changed_accounts)) == ([], [], [])


def test_a_fact_before_a_request_is_still_never_refused_for_money() -> None:
    judged = book()
    together = request(transfer("fact", ALICE, BANK, 7_300), move(BANK, BOB, 5), fact=True, requests=1)
    assert isinstance(judged.judge(together), Posted)
    assert [case["landed_on"] for case in judged.cases] == [OWED]


def test_a_change_stays_in_its_book() -> None:
    with pytest.raises(ValueError, match="book"):
        Change("other", (move(ALICE, BOB, 1),))
    with pytest.raises(ValueError, match="book"):
        Change("other", openings=(ALICE,))
