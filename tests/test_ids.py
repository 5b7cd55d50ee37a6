from base64 import b32encode, b32hexencode
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ids import _SORTING, _USUAL, _letters, book_of, derived_id, is_book, is_public_id, new_id, public_id, stored_id

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def test_fresh_ids_differ_and_say_what_they_name() -> None:
    ids = [new_id("txn") for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert all(is_public_id(each, "txn") for each in ids)


def test_fresh_ids_sort_as_they_were_made() -> None:
    ids = [new_id("txn") for _ in range(5_000)]
    assert ids == sorted(ids)


@pytest.mark.parametrize(("pairs", "encode"), [(_USUAL, b32encode), (_SORTING, b32hexencode)], ids=["derived", "fresh"])
def test_letters_are_those_of_the_standard(pairs: tuple[str, ...], encode: Callable[[bytes], bytes]) -> None:
    for number in (0, 1, 2**127, 2**128 - 1, 0x0123456789ABCDEFFEDCBA9876543210):
        sixteen = number.to_bytes(16)
        assert _letters(sixteen, pairs) == encode(sixteen).decode().rstrip("=").lower()


def test_a_derived_id_is_always_the_same() -> None:
    assert derived_id("txn", "default", "key") == derived_id("txn", "default", "key")
    assert derived_id("txn", "a", "b") == "txn_cytv54hv2dvz3wpauuzhove73i"  # stored for ever: it must never change


@given(st.lists(texts, max_size=4), st.lists(texts, max_size=4))
def test_other_causes_make_another_id(causes: list[str], others: list[str]) -> None:
    assert (derived_id("txn", *causes) == derived_id("txn", *others)) == (causes == others)


@pytest.mark.parametrize(("causes", "others"), [(("ab", "c"), ("a", "bc")), (("a",), ("a", "")), ((), ("",))])
def test_causes_that_join_to_the_same_text_are_told_apart(causes: tuple[str, ...], others: tuple[str, ...]) -> None:
    assert derived_id("txn", *causes) != derived_id("txn", *others)


def test_a_stored_id_comes_apart_into_its_book_and_its_public_part() -> None:
    stored = stored_id("acme", "acc_bank-USD")
    assert (stored, book_of(stored), public_id(stored)) == ("acme/acc_bank-USD", "acme", "acc_bank-USD")


@pytest.mark.parametrize(
    ("text", "kind", "accepted"),
    [
        ("acc_abc", "acc", True),
        ("acc_bank-USD", "acc", True),
        ("acc_in_doubt.unit-USD", "acc", True),
        ("acc_" + "a" * 64, "acc", True),
        ("acc_" + "a" * 65, "acc", False),
        ("acc_", "acc", False),
        ("txn_abc", "acc", False),
        ("acc_a/b", "acc", False),  # nobody spells another book's id
        ("other/acc_abc", "acc", False),
        ("acc_a b", "acc", False),
        ("acc_abc\n", "acc", False),
        ("acc_é", "acc", False),
        ("acc_$ne", "acc", False),
        ("acc_a#000000000001", "acc", False),  # nor an entry's
    ],
)
def test_only_what_is_shaped_like_a_public_id_passes_for_one(text: str, kind: str, accepted: bool) -> None:  # noqa: FBT001 - a column of the table
    assert is_public_id(text, kind) is accepted


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("default", True),
        ("acme-2", True),
        ("0", True),
        ("a" * 32, True),
        ("a" * 33, False),
        ("", False),
        ("-a", False),
        ("Acme", False),
        ("a/b", False),
        ("a.b", False),
        ("a\n", False),
        ("\uff41", False),
    ],
)
def test_only_lower_case_words_name_a_book(text: str, accepted: bool) -> None:  # noqa: FBT001 - a column of the table
    assert is_book(text) is accepted
