"""What a treasury address gives out: nonces without gaps, inputs once."""

import pytest

from app.ledger.changes import ABSENT
from app.money import BTC, Money
from app.orchestrator import treasury
from app.providers.chain_ports import Input

ADDRESS = treasury.address_id("ethereum", "0xAb")


def returned(nonce: int) -> dict[str, object]:
    return {"_id": f"{ADDRESS}#{nonce}#sag_1", "nonce": nonce, "free": 1}


@pytest.mark.parametrize(
    # what is stored, what was given back, the chain's count: the nonce that is taken, and from where
    ("stored", "given_back", "mined", "nonce", "collection"),
    [
        (None, None, 0, 0, treasury.NONCES),
        (None, None, 7, 7, treasury.NONCES),
        ({"next": 9, "version": 2}, None, 7, 9, treasury.NONCES),
        ({"next": 9, "version": 2}, None, 12, 12, treasury.NONCES),
        ({"next": 9, "version": 2}, returned(8), 7, 8, treasury.RETURNED_NONCES),
        ({"next": 9, "version": 2}, returned(6), 7, 9, treasury.NONCES),
    ],
)
def test_the_next_nonce_is_the_lowest_that_can_still_be_mined(
    stored: dict[str, object] | None,
    given_back: dict[str, object] | None,
    mined: int,
    nonce: int,
    collection: str,
) -> None:
    taken, companion = treasury.take_nonce(ADDRESS, treasury.numbering_from(stored, given_back, mined))
    assert (taken, companion.collection) == (nonce, collection)


def test_two_who_read_the_same_cannot_both_take() -> None:
    numbering = treasury.numbering_from({"next": 9, "version": 2}, None, 0)
    assert treasury.take_nonce(ADDRESS, numbering)[1].guard == {"version": 2}
    assert treasury.take_nonce(ADDRESS, treasury.numbering_from(None, None, 0))[1].guard == ABSENT
    again = treasury.numbering_from({"next": 9, "version": 2}, returned(4), 0)
    assert treasury.take_nonce(ADDRESS, again)[1].guard == {"free": 1}


def coins(*minors: int) -> list[Input]:
    return [Input(f"tx{place}", 0, Money(minor, BTC)) for place, minor in enumerate(minors)]


def test_inputs_that_others_have_are_not_free() -> None:
    known = {"tx0:0": {"taken_by": "sag_2"}, "tx2:0": {"taken_by": ""}}
    free = treasury.free_inputs(coins(5, 6, 7), known, (), "sag_1")
    assert {each.input.ref: each.given_back for each in free} == {"tx1:0": False, "tx2:0": True}


def test_inputs_that_somebody_is_about_to_take_are_free_only_if_they_were_given_back() -> None:
    one, other = coins(5, 6)
    known = {other.ref: {"taken_by": ""}}
    assert [each.input for each in treasury.free_inputs([one, other], known, [one, other], "sag_1")] == [other]


@pytest.mark.parametrize(
    # what is free, what is needed: how many of them are enough
    ("free", "needed", "enough"),
    [((5, 5, 5), 5, 1), ((5, 5, 5), 6, 2), ((5, 5, 5), 15, 3), ((5, 5, 5), 16, None), ((), 1, None)],
)
def test_inputs_are_taken_until_they_are_enough(free: tuple[int, ...], needed: int, enough: int | None) -> None:
    inputs = [treasury.FreeInput(each, given_back=False) for each in coins(*free)]
    assert treasury.enough_of(inputs, Money(needed, BTC)) == enough


def test_those_who_read_at_the_same_moment_begin_at_different_places() -> None:
    candidates = coins(*[5] * 40)
    first = {treasury.free_inputs(candidates, {}, (), f"sag_{n}")[0].input.ref for n in range(20)}
    assert len(first) > 10


def test_an_input_that_was_given_back_is_taken_again_and_one_in_use_is_counted() -> None:
    (spent,) = coins(5)
    (fresh,) = treasury.take_inputs("bitcoin", [treasury.FreeInput(spent, given_back=False)], "sag_1")
    (again,) = treasury.take_inputs("bitcoin", [treasury.FreeInput(spent, given_back=True)], "sag_2")
    (back,) = treasury.return_inputs("bitcoin", [spent.ref], "sag_2")
    (used,) = treasury.use_inputs("bitcoin", [spent.ref], "sag_2")
    assert (fresh.guard, again.guard) == (ABSENT, {"taken_by": ""})
    assert back.guard == used.guard == {"taken_by": "sag_2"}
    assert treasury.worth_asking_for([fresh.document], [], Money(1, BTC)) > Money(5 + 1, BTC)


def test_a_send_asks_for_a_choice_of_outputs_however_little_it_needs() -> None:
    taken = [{"ref": "tx1:0", "minor": "5000"}, {"ref": "tx2:0", "minor": "700"}]
    asked = treasury.worth_asking_for(taken, [], Money(2, BTC))
    assert asked - Money(5_700 + 2, BTC) >= Money(20 * 5_000, BTC)
    about_to_take = [Input("tx1", 0, Money(5_000, BTC)), Input("tx3", 0, Money(40, BTC))]
    assert treasury.worth_asking_for(taken, about_to_take, Money(2, BTC)) - asked == Money(40, BTC)
    assert treasury.worth_asking_for([], [], Money(2, BTC)) == Money(2, BTC)
