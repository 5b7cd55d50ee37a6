"""What a check of a payment means, and how a payment is told."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.money import BTC, Money
from app.providers.exact_json import dumps
from app.providers.screening_ports import Finding, Payment
from app.providers.sumsub.screening import finding_of, submission


@pytest.mark.parametrize(
    ("review", "finding"),
    [
        ({"reviewStatus": "completed", "reviewResult": {"reviewAnswer": "GREEN"}}, Finding.CLEAR),
        ({"reviewStatus": "completed", "reviewResult": {"reviewAnswer": "RED"}}, Finding.HIT),
        ({"reviewStatus": "onHold"}, Finding.HIT),
        ({"reviewStatus": "onHold", "reviewResult": {"reviewAnswer": "GREEN"}}, Finding.HIT),
        ({"reviewStatus": "pending", "reviewResult": {"reviewAnswer": "GREEN"}}, Finding.OPEN),
        ({"reviewStatus": "completed", "reviewResult": {"reviewAnswer": "YELLOW"}}, Finding.OPEN),
        ({"reviewStatus": "completed"}, Finding.OPEN),
        ({"reviewStatus": "a word of tomorrow"}, Finding.OPEN),
        ({}, Finding.OPEN),
    ],
)
def test_only_a_completed_green_is_clear(review: dict[str, Any], finding: Finding) -> None:
    assert finding_of(review) is finding


def test_an_amount_goes_digit_for_digit() -> None:
    payment = Payment("sag_one", Money(10_000_001, BTC), "chain", "tb1qexample")
    text = dumps(submission(payment, datetime(2026, 11, 20, 5, tzinfo=UTC)))
    assert '"amount":0.10000001,' in text
    assert '"txnId":"sag_one","txnDate":"2026-11-20 05:00:00+0000"' in text
