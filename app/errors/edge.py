"""What the edge refuses before any verb is asked: keys of idempotency, card numbers, deadlines, readiness."""

from app.errors.tree import Busy, Conflict, Malformed, Unacceptable


class IdempotencyKeyMissing(Malformed):
    """A request that moves money came without its key."""

    code = "idempotency-key-missing"

    def __init__(self) -> None:
        super().__init__("This request needs an Idempotency-Key header: 1 to 255 visible characters, a UUID is usual.")


class IdempotencyKeyMalformed(Malformed):
    """The key is not 1 to 255 visible ASCII characters."""

    code = "idempotency-key-malformed"

    def __init__(self) -> None:
        super().__init__("Idempotency-Key must be 1 to 255 visible ASCII characters.")


class IdempotencyInProgress(Conflict):
    """The first request with this key is still running."""

    code = "idempotency-in-progress"

    def __init__(self, retry_after_s: int = 1) -> None:
        super().__init__("A request with this Idempotency-Key is still running; ask again shortly.")
        self.retry_after_s = retry_after_s


class CardNumberRefused(Unacceptable):
    """The body holds the number of a payment card, which must never come here."""

    code = "card-number-refused"

    def __init__(self) -> None:
        super().__init__(
            "The request holds a payment card's number. Give it to the vendor's own dialogue, never to us."
        )


class IdempotencyKeyReused(Unacceptable):
    """The key belongs to a request with other content; ``field`` names the first difference where it is known."""

    code = "idempotency-key-reused"

    def __init__(self, field: str | None = None) -> None:
        differs = f" ({field} differs)" if field else ""
        super().__init__(f"This Idempotency-Key belongs to a request with other content{differs}.", field=field)


class TimedOut(Busy):
    """Reading took too long and was given up; nothing was changed."""

    code = "timed-out"

    def __init__(self) -> None:
        super().__init__("This took too long and was given up. Nothing was changed.")


class NotReady(Busy):
    """A server that we cannot do without is away."""

    code = "not-ready"

    def __init__(self, reason: str) -> None:
        super().__init__(f"Not ready: {reason}.", reason=reason)
