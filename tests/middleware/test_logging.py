import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import structlog

from app.plumbing.correlation import correlation_id
from app.plumbing.logging import configure_logging, log_for_a_person


@contextmanager
def set_up(configure: Callable[[], None] = configure_logging) -> Iterator[None]:
    """Logging as in a process of the product."""
    before = structlog.get_config()
    configure()
    try:
        yield
    finally:
        structlog.configure(**before)


def test_an_exception_is_named_with_where_it_came_from_and_without_its_message(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with set_up():
        try:
            int("4111 1111 1111 1111")
        except ValueError:
            structlog.get_logger().exception("saga-step-failed", saga_id="sag_one")

    [line] = capsys.readouterr().out.splitlines()
    entry = json.loads(line)
    assert (entry["error_type"], entry["saga_id"]) == ("builtins.ValueError", "sag_one")
    assert "test_logging.py" in entry["frames"][-1]
    assert "4111" not in line


def test_a_line_is_one_json_object_with_listed_fields_only(capsys: pytest.CaptureFixture[str]) -> None:
    token = correlation_id.set("cor_12345678")
    with set_up():
        structlog.get_logger().info("request", status=200, access_token="secret", amount="10.00")
    correlation_id.reset(token)

    [line] = capsys.readouterr().out.splitlines()
    entry = json.loads(line)
    assert entry.pop("timestamp").endswith("Z")
    assert entry == {"event": "request", "level": "info", "status": 200, "correlation_id": "cor_12345678"}


def test_a_command_at_a_terminal_says_what_it_did_and_only_warns_besides(capsys: pytest.CaptureFixture[str]) -> None:
    with set_up(log_for_a_person):
        structlog.get_logger().info("saga-command", saga_id="sag_one")
        structlog.get_logger().warning("hint-lost", reason="redis", access_token="secret")

    said = capsys.readouterr()
    assert said.out == ""
    assert "hint-lost" in said.err
    assert "saga-command" not in said.err
    assert "secret" not in said.err
