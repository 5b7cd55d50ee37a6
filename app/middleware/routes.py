"""A route as its signature declares it."""

from dataclasses import dataclass

from app.identity.permissions import Permission


@dataclass(frozen=True, slots=True)
class DeclaredRoute:
    """One method on one path template.

    ``permission`` is None where nobody needs a token. ``takes_key`` says that repeats are recognised by their
    Idempotency-Key, ``needs_key`` that there is no going without one, ``may_dry_run`` that ``?dry_run=true`` does.
    """

    method: str
    template: str
    permission: Permission | None
    takes_key: bool
    needs_key: bool
    may_dry_run: bool = False
