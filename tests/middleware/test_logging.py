import json

import pytest
import structlog

from app.plumbing.correlation import correlation_id
from app.plumbing.logging import configure_logging


def test_an_exception_is_named_with_where_it_came_from_and_without_its_message(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging()
    try:
        int("4111 1111 1111 1111")
    except ValueError:
        structlog.get_logger().exception("saga-step-failed", saga_id="sag_one")
    finally:
        structlog.reset_defaults()

    [line] = capsys.readouterr().out.splitlines()
    entry = json.loads(line)
    assert (entry["error_type"], entry["saga_id"]) == ("builtins.ValueError", "sag_one")
    assert "test_logging.py" in entry["frames"][-1]
    assert "4111" not in line


def test_a_line_is_one_json_object_with_listed_fields_only(capsys: pytest.CaptureFixture[str]) -> None:
    token = correlation_id.set("cor_12345678")
    configure_logging()
    try:
        structlog.get_logger().info("request", status=200, access_token="secret", amount="10.00")
    finally:
        structlog.reset_defaults()
        correlation_id.reset(token)

    [line] = capsys.readouterr().out.splitlines()
    entry = json.loads(line)
    assert entry.pop("timestamp").endswith("Z")
    assert entry == {"event": "request", "level": "info", "status": 200, "correlation_id": "cor_12345678"}
