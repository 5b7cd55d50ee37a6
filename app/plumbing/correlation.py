"""The correlation id of whatever is being done right now: set at the edge or by a worker, sent on to vendors."""

from contextvars import ContextVar

correlation_id: ContextVar[str] = ContextVar("correlation_id", default="")
"""Empty where nothing has been asked for, as in a start-up check."""
