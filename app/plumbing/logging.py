"""Structured logs: one JSON object per line on standard output, and only fields that are known to be harmless.

A field whose name is not listed here is dropped. So nobody can log a token, a name or a body by adding a keyword;
they have to add its name to this list, where it is seen.
"""

import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog

from app.plumbing.correlation import correlation_id

FIELDS = frozenset(
    {
        "attempt",
        "changes",
        "code",
        "collection",
        "component",
        "correlation_id",
        "count",
        "def_version",
        "duration_ms",
        "effect_id",
        "endpoint_id",
        "error_type",
        "event",
        "event_id",
        "frames",
        "level",
        "logger",
        "loop",
        "method",
        "operation",
        "pending_id",
        "port",
        "provider",
        "reason",
        "retry_after_s",
        "route",
        "saga_id",
        "saga_type",
        "state",
        "status",
        "step",
        "tenant",
        "timestamp",
        "transaction_id",
        "user_id",
        "vendor_request_id",
        "version",
    }
)


def configure_logging() -> None:
    """Set structlog up for the whole process."""
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            add_correlation_id,
            name_exception,
            keep_known_fields,
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer),
        cache_logger_on_first_use=True,
    )


def log_for_a_person() -> None:
    """Set structlog up for a command at a terminal: what it did is its own to say, warnings go to standard error."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            name_exception,
            keep_known_fields,
            structlog.dev.ConsoleRenderer(colors=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger("warning"),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def add_correlation_id(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Name the request that the line belongs to, if there is one."""
    current = correlation_id.get()
    if current:
        entry.setdefault("correlation_id", current)
    return entry


def name_exception(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Say what an exception was and where it came from; its message stays out, because messages quote values."""
    given = entry.pop("exc_info", None)
    error = sys.exception() if given is True else given
    if isinstance(error, BaseException):
        entry["error_type"] = f"{type(error).__module__}.{type(error).__qualname__}"
        trace = traceback.extract_tb(error.__traceback__)
        entry["frames"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in trace]
    return entry


def keep_known_fields(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop every field that is not listed."""
    return {name: value for name, value in entry.items() if name in FIELDS}
