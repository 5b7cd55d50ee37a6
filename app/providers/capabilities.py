"""What each vendor promises about repeated and abandoned calls, as data that sagas and documentation read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal


@dataclass(frozen=True, slots=True)
class Capabilities:
    """How a vendor behaves when a call is repeated, looked up or given up.

    ``idempotency``: where our key travels, or ``natural`` when the object itself is unique there. ``key_lifetime``:
    how long the vendor remembers it; ``safe_resend_age``: how old a call may be for the same key to be sent again.
    ``None`` is for ever where there is a key, and meaningless where there is none. ``read_lag``: how late a read
    may be in showing a write. ``provider_fence``: what stops a frozen process from acting after we gave up.
    ``differs``: the operations of which something else is true, and what. ``is_called``: whether we ask it for
    anything; a vendor that only asks us has no call of ours to repeat.
    """

    idempotency: Literal["body-key", "header-key", "none", "natural"]
    key_lifetime: timedelta | None
    safe_resend_age: timedelta | None
    read_lag: timedelta
    cancels: bool
    provider_fence: Literal["key", "approval", "none"]
    finality: str
    differs: Mapping[str, str] = field(default_factory=dict, hash=False)
    is_called: bool = True
