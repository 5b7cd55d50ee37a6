import pytest

from app.idempotency.fingerprint import fingerprint


def of(body: bytes, *, query: tuple[tuple[str, str], ...] = (), **path_params: str) -> str:
    return fingerprint("POST", "/v1/transfers", path_params, query, body)


SAME = [
    (b'{"a": 1, "b": "x"}', b'{"b":"x","a":1}'),
    (b'{"a": {"c": 1, "d": 2}}', b'{"a": {"d": 2, "c": 1}}'),
    (b'{"a": "\\u00e9"}', '{"a": "\u00e9"}'.encode()),
]
OTHER = [
    (b'{"amount": "1.0"}', b'{"amount": "1.00"}'),
    (b'{"amount": 1.0}', b'{"amount": "1.0"}'),
    (b'{"amount": 1}', b'{"amount": true}'),
    (b'{"a": [1, 2]}', b'{"a": [2, 1]}'),
    (b'{"a": null}', b"{}"),
    (b'{"a": 1, "a": 2}', b'{"a": 2}'),
    (b"no json", b"no  json"),
    ('{"a": "\u00e9"}'.encode(), '{"a": "e\u0301"}'.encode()),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_order_of_names_and_the_spelling_of_json_make_no_difference(one: bytes, other: bytes) -> None:
    assert of(one) == of(other)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_any_difference_in_content_is_a_difference(one: bytes, other: bytes) -> None:
    assert of(one) != of(other)


def test_path_and_query_belong_to_the_request() -> None:
    body = b"{}"
    assert of(body, id="a") != of(body, id="b")
    assert of(body, query=(("dry_run", "true"),)) != of(body)


def test_deep_nesting_is_no_way_to_break_it() -> None:
    assert of(b"[" * 100_000) == of(b"[" * 100_000)
