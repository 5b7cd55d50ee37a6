from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import MetadataInvalid, NotReversible, Unbalanced
from app.ids import derived_id, stored_id
from app.ledger.documents import transaction_document, transaction_from
from app.ledger.transactions import Leg, Side, Status, Transaction, credit, debit, hold, release
from app.money import Money
from tests.ledger.given import ALICE, AT, BANK, BOB, BOOK, COINS, CUSTODY, btc, posting, transfer, txn, usd


@pytest.mark.parametrize(
    ("legs", "reason"),
    [
        ((), "legs"),
        ((debit(ALICE, usd(1)),), "legs"),
        ((debit(ALICE, usd(1)), credit(BOB, usd(2))), "differ in USD"),
        ((debit(ALICE, usd(1)), debit(BOB, usd(1))), "differ in USD"),
        ((debit(ALICE, usd(1)), credit(COINS, btc(1))), "differ in BTC, USD"),
        ((debit(ALICE, usd(5)), credit(BOB, usd(3)), credit(BANK, usd(1))), "differ in USD"),
        ((debit(ALICE, usd(0)), credit(BOB, usd(0))), "more than nothing"),
        ((debit(ALICE, usd(-1)), credit(BOB, usd(-1))), "more than nothing"),
        ((debit(ALICE, usd(1)),) * 65 + (credit(BOB, usd(1)),) * 65, "legs"),
        ((debit(ALICE, usd(1)), credit("other/acc_eve", usd(1))), "own book"),
    ],
)
def test_a_transaction_that_does_not_balance_cannot_be_built(legs: tuple[Leg, ...], reason: str) -> None:
    with pytest.raises(Unbalanced, match=reason):
        posting("one", *legs)


def test_a_transaction_belongs_to_the_book_of_its_legs() -> None:
    with pytest.raises(Unbalanced, match="own book"):
        Transaction("other/txn_one", "transfer", (debit(ALICE, usd(1)), credit(BOB, usd(1))))


def test_a_conversion_balances_in_each_of_its_currencies() -> None:
    legs = (debit(ALICE, usd(100)), credit(BANK, usd(100)), debit(CUSTODY, btc(7)), credit(COINS, btc(7)))
    assert posting("buy", *legs).legs == legs


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"note": "", "count": 0, "paid": True, "ref": None, "a-b_c9": "x" * 255},
        {"big": 2**53 - 1, "small": 1 - 2**53},
        {f"key{n}": n for n in range(20)},
        {"emoji": "\U0001f600"},
    ],
)
def test_flat_bounded_scalar_metadata_is_kept(metadata: dict[str, Any]) -> None:
    assert transfer("one", ALICE, BOB, 1, metadata=metadata).metadata == metadata


@pytest.mark.parametrize(
    "metadata",
    [
        {f"key{n}": n for n in range(21)},
        {"": "empty key"},
        {"k" * 41: "long key"},
        {"$where": "operator"},
        {"a.b": "path"},
        {"a b": "space"},
        {"a\x00": "zero"},
        {"note": "x" * 256},
        {"price": 1.5},
        {"list": ["a"]},
        {"object": {"a": 1}},
        {"bytes": b"a"},
        {"big": 2**53},
        {"big": -(2**53)},
        {"half": "\ud800"},  # half a surrogate pair: JSON can spell it, UTF-8 cannot
    ],
)
def test_metadata_that_could_not_be_stored_or_read_by_everyone_is_refused(metadata: dict[str, Any]) -> None:
    with pytest.raises(MetadataInvalid):
        transfer("one", ALICE, BOB, 1, metadata=metadata)


def test_an_unbalanced_transaction_is_refused_before_its_metadata() -> None:
    with pytest.raises(Unbalanced):
        posting("one", debit(ALICE, usd(1)), metadata={"": 1})


amounts = st.lists(st.integers(1, 10**30), min_size=1, max_size=8)


@given(amounts, amounts)
def test_a_reversal_is_the_mirror_and_undoes_every_leg(dollars: list[int], coins: list[int]) -> None:
    sources = [debit(ALICE, usd(minor)) for minor in dollars] + [debit(CUSTODY, btc(minor)) for minor in coins]
    original = posting("one", *sources, credit(BANK, usd(sum(dollars))), credit(COINS, btc(sum(coins))))
    mirror = original.reversed()
    deltas: dict[tuple[str, str], int] = {}
    for leg in (*original.legs, *mirror.legs):
        key = (leg.account_id, leg.amount.asset.code)
        deltas[key] = deltas.get(key, 0) + leg.delta
    assert set(deltas.values()) == {0}
    assert [leg.side for leg in mirror.legs] == [leg.side.mirror for leg in original.legs]
    assert mirror.reverses == original.id


def test_a_reversal_has_the_id_that_only_it_can_have() -> None:
    original = transfer("one", ALICE, BOB, 1)
    assert (
        original.reversed().id == original.reversed().id == stored_id(BOOK, derived_id("txn", txn("one"), "reversal"))
    )


@pytest.mark.parametrize(
    ("transaction", "reason"),
    [
        (hold(txn("one"), ALICE, BOB, usd(1)), "release the hold"),
        (transfer("one", ALICE, BOB, 1).reversed(), "reversal itself"),
        (transfer("one", ALICE, BOB, 1, saga_id="default/sag_one"), "saga"),
    ],
)
def test_holds_reversals_and_what_a_saga_owns_are_not_reversed(transaction: Transaction, reason: str) -> None:
    with pytest.raises(NotReversible, match=reason):
        transaction.reversed()


def test_a_release_is_the_mirror_of_what_its_hold_still_reserves() -> None:
    held = hold(txn("hold"), ALICE, BOB, usd(5), saga_id="default/sag_one")
    released = release(txn("release"), held, usd(3))
    assert released.legs == (debit(BOB, usd(3)), credit(ALICE, usd(3)))
    assert (released.status, released.hold_ids, released.closes_holds) == (Status.PENDING, (held.id,), True)
    assert released.saga_id == held.saga_id


def test_a_refund_gives_part_of_what_arrived_back_to_the_source() -> None:
    legs = (debit(ALICE.id, usd(5)), credit(BOB.id, usd(5)), debit(ALICE.id, usd(1)), credit(BANK.id, usd(1)))
    refund = posting("one", *legs).refunded(txn("refund"), usd(3))
    assert refund.legs == (debit(BOB.id, usd(3)), credit(ALICE.id, usd(3)))
    assert (refund.id, refund.kind, refund.reverses) == (txn("refund"), "refund", txn("one"))


@pytest.mark.parametrize(
    ("transaction", "reason"),
    [
        (hold(txn("one"), ALICE, BOB, usd(1)), "release the hold"),
        (transfer("one", ALICE, BOB, 1).reversed(), "reversal itself"),
        (transfer("one", ALICE, BOB, 1).refunded(txn("two"), usd(1)), "refund itself"),
        (transfer("one", ALICE, BOB, 1, saga_id="default/sag_one"), "saga"),
        (
            posting("one", debit(ALICE, usd(1)), credit(COINS, btc(1)), credit(BANK, usd(1)), debit(CUSTODY, btc(1))),
            "cur",
        ),
    ],
)
def test_what_is_not_a_plain_movement_is_not_refunded(transaction: Transaction, reason: str) -> None:
    with pytest.raises(NotReversible, match=reason):
        transaction.refunded(txn("refund"), usd(1))


def test_only_a_hold_of_no_saga_may_expire() -> None:
    assert hold(txn("one"), ALICE, BOB, usd(1), expires_at=AT).expires_at == AT
    with pytest.raises(ValueError, match="never expires"):
        hold(txn("one"), ALICE, BOB, usd(1), saga_id="default/sag_one", expires_at=AT)


BASE: dict[str, Any] = {"name": "one", "source": ALICE, "destination": BOB, "minor": 1}


@pytest.mark.parametrize(
    "other",
    [
        {"minor": 2},
        {"source": BANK},
        {"destination": BANK},
        {"kind": "fee"},
        {"status": Status.PENDING},
        {"hold_ids": (txn("hold"),)},
        {"closes_holds": True},
        {"reverses": txn("zero")},
        {"saga_id": "default/sag_one"},
        {"expires_at": AT},
        {"metadata": {"note": "x"}},
        {"metadata": {"note": "x", "paid": True}},
        {"metadata": {"note": "x", "paid": 1}},
    ],
    ids=repr,
)
def test_a_fingerprint_tells_every_difference_in_what_was_asked(other: dict[str, Any]) -> None:
    fields = {**BASE, **other}
    assert transfer(**BASE).fingerprint != transfer(**fields).fingerprint
    assert transfer(**fields).fingerprint == transfer(**fields).fingerprint


def test_the_order_of_metadata_does_not_matter() -> None:
    one = transfer("one", ALICE, BOB, 1, metadata={"a": 1, "b": 2})
    assert one.fingerprint == transfer("one", ALICE, BOB, 1, metadata={"b": 2, "a": 1}).fingerprint


@given(
    st.integers(1, 10**33 - 1), st.dictionaries(st.sampled_from("abc"), st.none() | st.booleans() | st.integers(0, 9))
)
def test_a_stored_transaction_is_read_back_as_it_was(minor: int, metadata: dict[str, Any]) -> None:
    original = transfer("one", ALICE.id, BOB.id, minor, metadata=metadata, saga_id="default/sag_one")
    position = {"stream": "str_one", "n": 1, "i": 0}
    assert transaction_from(transaction_document(original, original.legs, position, AT)) == original


def test_a_debit_takes_from_a_balance_and_a_credit_adds_to_it() -> None:
    assert debit(ALICE, usd(5)).delta == -5
    assert credit(ALICE, Money(5, usd(1).asset)).delta == 5
    assert Side.DEBIT.mirror is Side.CREDIT
