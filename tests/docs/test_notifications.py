"""What the page for receivers shows is what they get."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from pydantic import SecretStr

from app.orchestrator.notices import ENDINGS, notification_types
from app.outbox.notifications import Notification
from app.outbox.signing import new_secret, signed_headers
from tests.docs.pages import ROOT, Page

PAGE = Page(ROOT / "docs" / "notifications.md")
SECRET = new_secret(lambda count: bytes(range(count)))
BODY = b'{"type": "purchase.completed"}'


@pytest.fixture(scope="module")
def is_ours() -> Callable[..., bool]:
    """The page's own verification."""
    (snippet,) = re.findall(r"^```python\n(.*?)^```$", PAGE.text, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(snippet, names)  # noqa: S102 - the page is ours, and this is what it is for
    verify: Callable[..., bool] = names["is_ours"]
    return verify


def headers(*secrets: SecretStr, age: timedelta = timedelta()) -> dict[str, str]:
    return signed_headers(secrets or [SECRET], "evt_1", datetime.now(UTC) - age, BODY)


def test_the_pages_verification_takes_what_we_send(is_ours: Callable[..., bool]) -> None:
    newer = new_secret(lambda count: b"n" * count)
    assert is_ours(SECRET.get_secret_value(), headers(), BODY)
    assert is_ours(SECRET.get_secret_value(), headers(newer, SECRET), BODY)


def test_the_pages_verification_refuses_what_is_not_ours(is_ours: Callable[..., bool]) -> None:
    secret = SECRET.get_secret_value()
    assert not is_ours(secret, headers(), BODY + b" ")
    assert not is_ours(secret, {**headers(), "webhook-id": "evt_2"}, BODY)
    assert not is_ours(secret, headers(age=timedelta(minutes=6)), BODY)
    assert not is_ours(new_secret(lambda count: b"x" * count).get_secret_value(), headers(), BODY)


def test_the_content_has_the_fields_that_the_page_shows() -> None:
    shown = orjson.loads(re.findall(r"^```json\n(.*?)^```$", PAGE.text, re.MULTILINE | re.DOTALL)[0])
    at = datetime.fromisoformat(shown["timestamp"])
    told = Notification(f"acme/{shown['id']}", shown["type"], shown["user_id"], at, shown["data"], shown["sequence"])
    assert orjson.loads(told.content) == shown
    assert list(orjson.loads(told.content)) == list(shown)


def test_every_type_that_no_flow_sends_is_on_the_page() -> None:
    assert set(notification_types([])) <= set(PAGE.code)


def test_every_ending_of_a_flow_is_on_the_page() -> None:
    assert {f".{ending}" for ending in ENDINGS} <= set(PAGE.code)
