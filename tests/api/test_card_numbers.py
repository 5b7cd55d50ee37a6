"""A card's number is refused wherever it turns up in a body, before anybody could keep or repeat it."""

import base64
import re
import time
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.api.card_numbers import holds_card_number
from app.api.strict import parse_json
from app.clock import rfc3339
from app.ids import derived_id, new_id
from tests.api.given import Tenant

MANY = 8 * settings().max_examples
"""One word of each kind is soon seen; with --full they are thousands."""

VISA = "4111111111111111"
NUMBERS = {
    "Visa": VISA,
    "Visa, 13 digits": "4222222222222",
    "Mastercard": "5555555555554444",
    "Mastercard, second series": "2223003122003222",
    "Amex": "378282246310005",
    "Diners": "30569309025904",
    "Discover": "6011111111111117",
    "JCB": "3566002020360505",
    "UnionPay": "6200000000000005",
    "UnionPay, 19 digits": "6205500000000000004",
    "Maestro": "6759649826438453",
    "Mir": "2200000000000004",
    "19 digits": "6011000990139424009",
    "in groups": "4111 1111 1111 1111",
    "with dashes": "3782-822463-10005",
    "19 digits in groups": "6205 5000 0000 0000 004",
    "before its check value": "4111 1111 1111 1111 123",
    "behind other groups": "2026 4111 1111 1111 1111",
    "with a full stop": "It is 4111111111111111.",
    "between marks": "(4111-1111-1111-1111)",
    "behind a label": "card:4111111111111111",
    "in a script without spaces": "卡号4111111111111111。",
    "among words": "please charge 4111-1111-1111-1111, thanks",
    "behind a date": "2026-11-20 4111 1111 1111 1111",
    "in other digits": "٤١١١١١١١١١١١١١١١",
}
HARMLESS = {
    "another check digit": "4111111111111112",
    "too short": "411111111111",
    "too long": "41111111111111111111",
    "a time in milliseconds": "1795160819038",
    "an amount with many decimals": "0.4111111111111111",
    "an id": "acc_rb56tmlko47a362qlujdvjqqqy",
    "an address": "0x66FA9F9D3186B9c13A66B004Fc8bb5F3359C4dEb",
    "a phone number": "+1 415 555 0123",
    "a wei amount": "1000000000000000000",
    "an amount in a sentence": "paid 0.4111111111111111 ETH",
    "within an id": "evt_4111111111111111",
    "before letters": "4111111111111111z",
    "in groups of another length": "41111-11111-111111",
    "two spaces between": "4111  1111  1111  1111",
}
GROUPS = {13: (13,), 14: (4, 6, 4), 15: (4, 6, 5), 16: (4, 4, 4, 4), 19: (4, 4, 4, 4, 3)}
BYTES = st.binary(min_size=20, max_size=32)
WORDS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=8)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001 - hypothesis wants bounds without a zone
IDS = st.builds(derived_id, st.sampled_from(["acc", "lnk", "txn", "sag"]), st.text(max_size=20))
UUIDS = st.binary(min_size=16, max_size=16).map(lambda given: uuid.UUID(bytes=given))
ADDRESSES = st.one_of(
    BYTES.map(lambda given: f"0x{given[:20].hex()}"),
    st.text("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", min_size=32, max_size=44).filter(
        re.compile("[A-Za-z]").search
    ),
    st.text("023456789acdefghjklmnpqrstuvwxyz", min_size=38, max_size=58).map(lambda data: f"bc1q{data}"),
)
OF_ONE_WORD = st.one_of(
    IDS,
    ADDRESSES,
    UUIDS.map(str),
    UUIDS.map(lambda given: f"public-sandbox-{given}"),
    UUIDS.map(lambda given: given.hex),
    st.from_regex(r"(public-sandbox-)?[0-9]{8}(-[0-9]{4}){3}-[0-9]{12}", fullmatch=True),
    BYTES.map(lambda given: "tok_" + base64.b32encode(given).decode()),
    MOMENTS.map(rfc3339),
    st.builds(lambda word, moment: f"{word}_{moment.timestamp() * 1_000:.0f}", WORDS, MOMENTS),
    st.builds(lambda word, moment: f"{moment.timestamp() * 1_000:.0f}{word}", WORDS, MOMENTS),
    st.builds(lambda word, digits: f"{word}{digits}", WORDS, st.integers(0, 10**19)),
)
AMOUNTS = st.decimals(0, 10**19, places=18).map(lambda amount: f"{amount:f}") | st.integers(0, 10**20).map(str)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_card_number_is_seen(name: str) -> None:
    assert holds_card_number({"metadata": [{"note": NUMBERS[name]}]})


@pytest.mark.parametrize("name", HARMLESS)
def test_what_only_looks_like_one_is_let_through(name: str) -> None:
    assert not holds_card_number({"metadata": [{"note": HARMLESS[name]}]})


@pytest.mark.parametrize("number", [each for each in NUMBERS.values() if each.isascii() and each.isdigit()])
def test_a_card_number_is_seen_in_its_groups_and_among_words(number: str) -> None:
    places = iter(number)
    groups = ["".join(next(places) for _ in range(length)) for length in GROUPS[len(number)]]
    for separator in ("", " ", "-"):
        written = separator.join(groups)
        for text in (written, f"my card {written}, thanks", f"no.{written}", f"{written}/12-27", f'"{written}"'):
            assert holds_card_number({"reason": text}), text


@settings(max_examples=MANY)
@given(OF_ONE_WORD)
def test_no_id_token_address_or_time_is_taken_for_one(text: str) -> None:
    assert not holds_card_number({"id": text, "metadata": {"note": f"see {text}, {text}."}, text: text})


def test_no_fresh_id_is_taken_for_one() -> None:
    assert not any(holds_card_number({"account_id": new_id("acc")}) for _ in range(5_000))


@settings(max_examples=MANY)
@given(AMOUNTS)
def test_no_amount_is_taken_for_one(text: str) -> None:
    assert not holds_card_number({"amount": text, "items": [{"amount": text}]})


def test_an_amount_among_notes_or_in_groups_is_a_text_like_others() -> None:
    assert holds_card_number({"metadata": {"amount": VISA}})
    assert holds_card_number({"amount": "4111 1111 1111 1111"})


@pytest.mark.parametrize("content", [int(VISA), {VISA: "name"}, [[VISA]], VISA])
def test_a_card_number_is_seen_in_any_place(content: Any) -> None:
    assert holds_card_number(content)


def test_a_card_number_is_seen_however_its_digits_are_escaped() -> None:
    escaped = "".join(f"\\u{ord(each):04x}" for each in VISA)
    assert holds_card_number(parse_json(f'{{"note": "{escaped}"}}'.encode()))


def test_a_long_text_is_searched_in_no_time() -> None:
    began = time.process_time()
    for text in ("4 " * 30_000, "4" * 60_000, "4444-" * 12_000, "5" * 18 + ("-" + "5" * 18) * 3_000):
        assert not holds_card_number(text)
    assert time.process_time() - began < 2.0


async def test_a_body_with_a_card_number_is_refused_and_repeated_nowhere(
    tenant: Tenant, capsys: pytest.CaptureFixture[str]
) -> None:
    for path, body in (
        ("/v1/card-payouts", {"account_id": "acc_1", "card_token": VISA, "amount": "1.00"}),
        ("/v1/transfers", {"metadata": {"note": f"card {VISA}"}}),
        ("/v1/accounts", {"currency": "USD", "name": "4111 1111 1111 1111"}),
    ):
        answer = await tenant.call("POST", path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "card-number-refused")
        assert "1111" not in answer.text
    told = capsys.readouterr()
    assert "1111" not in told.out + told.err
