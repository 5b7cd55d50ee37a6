from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from app.plumbing.sealing import BrokenSeal, Sealer

KEY = SecretStr(b64encode(bytes(range(32))).decode())
ANOTHER_KEY = SecretStr(b64encode(bytes(range(1, 33))).decode())
TOKEN = SecretStr("access-sandbox-e29a9ba1")
LINK = "default/lnk_1"


@given(st.text())
def test_what_was_sealed_is_opened_again(text: str) -> None:
    sealer = Sealer(KEY)
    assert sealer.open(sealer.seal(SecretStr(text), LINK), LINK).get_secret_value() == text


def test_another_process_with_the_same_key_opens_it() -> None:
    assert Sealer(KEY).open(Sealer(KEY).seal(TOKEN, LINK), LINK) == TOKEN


def test_the_sealed_form_shows_neither_the_secret_nor_that_two_are_alike() -> None:
    sealer = Sealer(KEY)
    first, second = sealer.seal(TOKEN, LINK), sealer.seal(TOKEN, LINK)
    assert TOKEN.get_secret_value().encode() not in first["ciphertext"] + first["nonce"]
    assert first["ciphertext"] != second["ciphertext"]
    assert first["nonce"] != second["nonce"]
    assert KEY.get_secret_value() not in repr(first)


def test_it_opens_only_for_the_document_it_belongs_to() -> None:
    sealer = Sealer(KEY)
    with pytest.raises(BrokenSeal, match="another document"):
        sealer.open(sealer.seal(TOKEN, LINK), "default/lnk_2")


def test_it_opens_only_with_the_key_it_was_sealed_with() -> None:
    with pytest.raises(BrokenSeal, match="another key"):
        Sealer(ANOTHER_KEY).open(Sealer(KEY).seal(TOKEN, LINK), LINK)


@pytest.mark.parametrize("part", ["nonce", "ciphertext"])
def test_a_flipped_bit_breaks_the_seal(part: str) -> None:
    touched: Any = dict(Sealer(KEY).seal(TOKEN, LINK))
    touched[part] = bytes([touched[part][0] ^ 1]) + touched[part][1:]
    with pytest.raises(BrokenSeal):
        Sealer(KEY).open(touched, LINK)


def test_a_broken_seal_tells_nothing_of_the_secret() -> None:
    with pytest.raises(BrokenSeal) as broken:
        Sealer(KEY).open(Sealer(KEY).seal(TOKEN, LINK), "default/lnk_2")
    assert broken.value.__cause__ is None
    assert TOKEN.get_secret_value() not in str(broken.value)


@pytest.mark.parametrize(
    "key", ["", "c2hvcnQ=", "not base64 at all!", b64encode(bytes(16)).decode(), b64encode(bytes(33)).decode()]
)
def test_a_key_that_is_no_key_is_refused_at_the_start(key: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - base64 and the cipher each have their own sentence
        Sealer(SecretStr(key))


def test_what_an_older_key_sealed_is_opened_and_what_is_sealed_now_is_the_new_ones() -> None:
    old = Sealer(KEY).seal(TOKEN, LINK)
    rotated = Sealer(ANOTHER_KEY, KEY)
    assert rotated.open(old, LINK) == TOKEN
    new = rotated.seal(TOKEN, LINK)
    assert new["key_id"] != old["key_id"]
    assert Sealer(ANOTHER_KEY).open(new, LINK) == TOKEN
    with pytest.raises(BrokenSeal, match="another key"):
        Sealer(KEY).open(new, LINK)
