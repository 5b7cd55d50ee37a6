"""The vendor's published schema of questions and answers, imported where it is asked for: it is slow to load."""

from functools import cache
from importlib import import_module
from typing import Any


@cache
def schema_of(message: str) -> Any:
    """The message's class; its ``from_json`` refuses what the schema does not know."""
    return getattr(import_module("google.cloud.dialogflowcx_v3.types.webhook"), message)
