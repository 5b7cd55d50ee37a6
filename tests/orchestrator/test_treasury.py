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


def test_inputs_that_others_have_are_not_chosen() -> None:
    chosen = treasury.choose_inputs(coins(5, 5, 5), {"tx0:0", "tx2:0"}, Money(5, BTC), "sag_1")
    assert chosen == (Input("tx1", 0, Money(5, BTC)),)
    assert treasury.choose_inputs(coins(5, 5), {"tx0:0"}, Money(6, BTC), "sag_1") is None
    assert treasury.choose_inputs([], set(), Money(1, BTC), "sag_1") is None


def test_sends_at_the_same_moment_begin_at_different_places() -> None:
    candidates = coins(*[5] * 40)
    first = {treasury.choose_inputs(candidates, (), Money(5, BTC), f"sag_{n}") for n in range(20)}
    assert len(first) > 10


def test_an_input_that_was_given_back_is_taken_again_and_one_in_use_is_counted() -> None:
    (spent,) = coins(5)
    (fresh,) = treasury.take_inputs("bitcoin", [spent], {}, "sag_1")
    (again,) = treasury.take_inputs("bitcoin", [spent], {spent.ref: {"taken_by": ""}}, "sag_2")
    (back,) = treasury.return_inputs("bitcoin", [spent.ref], "sag_2")
    (used,) = treasury.use_inputs("bitcoin", [spent.ref], "sag_2")
    assert (fresh.guard, again.guard) == (ABSENT, {"taken_by": ""})
    assert back.guard == used.guard == {"taken_by": "sag_2"}
    assert treasury.taken_refs([fresh.document]) == {spent.ref}
    assert treasury.worth_asking_for([fresh.document], Money(1, BTC)) > Money(5 + 1, BTC)


def test_a_send_asks_for_a_choice_of_outputs_however_little_it_needs() -> None:
    taken = [{"minor": "5000"}, {"minor": "700"}]
    asked = treasury.worth_asking_for(taken, Money(2, BTC))
    assert asked - Money(5_700 + 2, BTC) >= Money(20 * 5_000, BTC)
    assert treasury.worth_asking_for([], Money(2, BTC)) == Money(2, BTC)
