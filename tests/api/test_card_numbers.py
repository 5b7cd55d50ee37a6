"""A card's number is refused wherever it turns up in a body, before anybody could keep or repeat it."""

import time
from typing import Any

import pytest

from app.api.card_numbers import holds_card_number
from app.api.strict import parse_json
from tests.api.given import Tenant

VISA = "4111111111111111"
NUMBERS = {
    "Visa": VISA,
    "Visa, 13 digits": "4222222222222",
    "Mastercard": "5555555555554444",
    "Mastercard, second series": "2223003122003222",
    "Amex": "378282246310005",
    "Diners": "30569309025904",
    "Discover": "6011111111111117",
    "19 digits": "6011000990139424009",
    "in groups": "4111 1111 1111 1111",
    "with dashes": "3782-822463-10005",
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
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_card_number_is_seen(name: str) -> None:
    assert holds_card_number({"metadata": [{"note": NUMBERS[name]}]})


@pytest.mark.parametrize("name", HARMLESS)
def test_what_only_looks_like_one_is_let_through(name: str) -> None:
    assert not holds_card_number({"metadata": [{"note": HARMLESS[name]}]})


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
