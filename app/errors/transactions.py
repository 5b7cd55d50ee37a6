"""What the ledger refuses because of a transaction or a hold, and what its door says when it cannot commit."""

from app.errors.tree import Busy, Conflict, Unacceptable


class HoldUnavailable(Conflict):
    """The hold is not there, is used up, or holds less than asked."""

    code = "hold-unavailable"

    def __init__(self, hold_id: str) -> None:
        super().__init__("The hold is not there, or holds less than asked.", hold_id=hold_id)


class HoldExpired(Conflict):
    """The hold's time is over; what it still reserves is being given back."""

    code = "hold-expired"

    def __init__(self, hold_id: str) -> None:
        super().__init__("The hold has expired.", hold_id=hold_id)


class AlreadyReversed(Conflict):
    """A transaction is reversed whole and once."""

    code = "already-reversed"

    def __init__(self, transaction_id: str) -> None:
        super().__init__("The transaction has been reversed already.", transaction_id=transaction_id)


class AlreadyRefunded(Conflict):
    """What has been refunded in part is not reversed as a whole."""

    code = "already-refunded"

    def __init__(self, transaction_id: str) -> None:
        super().__init__("Part of the transaction has been refunded; refund the rest.", transaction_id=transaction_id)


class RefundExceedsRemainder(Conflict):
    """All refunds of a transaction together are never more than it moved."""

    code = "refund-exceeds-remainder"

    def __init__(self, transaction_id: str, remaining: str, currency: str) -> None:
        super().__init__(
            f"{remaining} {currency} are left to refund.",
            transaction_id=transaction_id,
            remaining=remaining,
            currency=currency,
        )


class NotReversible(Conflict):
    """A pending transaction, a reversal, or a posting that a saga owns."""

    code = "not-reversible"

    def __init__(self, transaction_id: str, reason: str) -> None:
        super().__init__(f"The transaction cannot be reversed: {reason}.", transaction_id=transaction_id, reason=reason)


class StaleGuard(Conflict):
    """A document has moved on since it was read; whoever read it decides again."""

    code = "stale"

    def __init__(self, collection: str, document_id: str) -> None:
        super().__init__("It has changed since it was read.", collection=collection, document_id=document_id)
        self.collection = collection
        self.document_id = document_id


class Unbalanced(Unacceptable):
    """Debits and credits differ, or there are too few legs: such a transaction cannot be built."""

    code = "unbalanced"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The transaction does not balance: {reason}.", reason=reason)


class MetadataInvalid(Unacceptable):
    """Metadata is flat, bounded and scalar."""

    code = "invalid-metadata"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The metadata cannot be kept: {reason}.", reason=reason)


class Overloaded(Busy):
    """The queue is full, or the deadline passed before the work began: definitely not done."""

    code = "overloaded"

    def __init__(self) -> None:
        super().__init__("Too much is waiting; nothing was done. Ask again shortly.")


class OutcomeUnresolved(Busy):
    """The deadline passed inside a commit: it may or may not be done, and the same request again will tell."""

    code = "outcome-unknown"

    def __init__(self) -> None:
        super().__init__("The outcome is not known yet; send the same request with the same key again.")
