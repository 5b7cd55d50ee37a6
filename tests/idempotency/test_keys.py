import pytest

from app.errors import IdempotencyKeyMalformed
from app.idempotency.keys import parse_key

READ = {
    "8e03978e-40d5-43e8-bc93-6894a57f9324": "8e03978e-40d5-43e8-bc93-6894a57f9324",
    '"8e03978e"': "8e03978e",
    'a"b': 'a"b',
    r'"a\"b"': 'a"b',
    r'"a\\b"': r"a\b",
    "x" * 255: "x" * 255,
    '"unclosed': '"unclosed',
}


@pytest.mark.parametrize("header", READ)
def test_plain_and_quoted_keys_are_read(header: str) -> None:
    assert parse_key(header) == READ[header]


@pytest.mark.parametrize(
    "header", ["", '""', "two words", '"two words"', "x" * 256, "caf\u00e9", "tab\there", "nul\x00"]
)
def test_what_is_not_visible_ascii_is_refused(header: str) -> None:
    with pytest.raises(IdempotencyKeyMalformed):
        parse_key(header)
