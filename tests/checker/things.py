"""What third parties have in the world of a flow."""

from typing import Any, NamedTuple


class Thing(NamedTuple):
    """Something at a third party: what it is, whose key or reference made it, how it stands, and its facts."""

    kind: str
    key: str
    stage: str
    facts: tuple[Any, ...] = ()
