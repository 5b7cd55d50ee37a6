import json

import pytest
import structlog

from app.plumbing.correlation import correlation_id
from app.plumbing.logging import configure_logging


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
