"""The kinds of refusal, and what every one of them is."""

from enum import Enum
from typing import ClassVar

Fact = str | int | bool | None


class Kind(Enum):
    """What sort of refusal it is."""

    MALFORMED = "malformed"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    MISSING = "missing"
    CONFLICT = "conflict"
    TOO_LARGE = "too-large"
    UNACCEPTABLE = "unacceptable"
    TOO_MANY = "too-many"
    BUSY = "busy"


class WalletError(Exception):
    """A refusal with a name. ``facts`` may be shown to the caller, so they hold no secret and no personal data."""

    code: ClassVar[str]
    kind: ClassVar[Kind]

    transaction_id: str | None = None
    """Where a change had several transactions: the stored id of the one that was refused."""

    def __init__(self, sentence: str, **facts: Fact) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.facts = facts


class Malformed(WalletError):
    """The request cannot be read."""

    code = "malformed-request"
    kind = Kind.MALFORMED


class Unauthenticated(WalletError):
    """We do not know who asks."""

    code = "unauthenticated"
    kind = Kind.UNAUTHENTICATED


class Forbidden(WalletError):
    """We know who asks, and they may not."""

    code = "forbidden"
    kind = Kind.FORBIDDEN


class Missing(WalletError):
    """Not there, or not the caller's: the two are told alike, on purpose."""

    code = "not-found"
    kind = Kind.MISSING

    def __init__(self, what: str = "resource") -> None:
        super().__init__(f"There is no such {what}.", what=what)


class Conflict(WalletError):
    """The state it meets does not allow it."""

    code = "conflict"
    kind = Kind.CONFLICT


class TooLarge(WalletError):
    """More bytes than we read."""

    code = "body-too-large"
    kind = Kind.TOO_LARGE

    def __init__(self, bytes_max: int) -> None:
        super().__init__(f"The body is larger than {bytes_max} bytes.", bytes_max=bytes_max)


class Unacceptable(WalletError):
    """Readable, but its content is wrong."""

    code = "invalid-request"
    kind = Kind.UNACCEPTABLE


class TooMany(WalletError):
    """Too often."""

    code = "rate-limited"
    kind = Kind.TOO_MANY

    def __init__(self, limited: str, retry_after_s: int) -> None:
        super().__init__(f"Too many requests of this {limited}; ask again later.", limited=limited)
        self.retry_after_s = retry_after_s


class Busy(WalletError):
    """Not now."""

    code = "unavailable"
    kind = Kind.BUSY
    retry_after_s = 1
