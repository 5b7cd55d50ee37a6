"""How an effect is named to whoever reads a difference."""

from collections.abc import Mapping
from typing import Any

from app.ids import public_id


def told_of(effect: Mapping[str, Any]) -> str:
    """Which effect of which saga, and what is known of it."""
    return f"{public_id(effect['_id'])} ({effect['step']} of {public_id(effect['saga_id'])}, {effect['status']})"
