"""What stands against a payment before the ledger is asked: quotes, handles, bank links, cards."""

from app.errors.tree import Conflict, Unacceptable


class OnboardingIncomplete(Conflict):
    """The partner bank keeps no account for this person yet."""

    code = "onboarding-incomplete"

    def __init__(self) -> None:
        super().__init__("There is no account at the bank yet; it is opened once your identity is verified.")


class CardClosed(Conflict):
    """The card is closed for good, or was never issued."""

    code = "card-closed"

    def __init__(self, card_id: str) -> None:
        super().__init__("The card cannot be used any more, or not yet.", card_id=card_id)


class QuoteExpired(Conflict):
    """A quote holds for its lifetime only."""

    code = "quote-expired"

    def __init__(self, quote_id: str) -> None:
        super().__init__("The quote has expired; ask for a new one.", quote_id=quote_id)


class QuoteUsed(Conflict):
    """A quote is used once."""

    code = "quote-used"

    def __init__(self, quote_id: str) -> None:
        super().__init__("The quote has been used already; ask for a new one.", quote_id=quote_id)


class QuoteMismatch(Unacceptable):
    """The quote is for something else."""

    code = "quote-mismatch"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The quote does not fit this request: {reason}.", reason=reason)


class HandleTaken(Conflict):
    """Somebody else is found by it."""

    code = "handle-taken"

    def __init__(self) -> None:
        super().__init__("It cannot be used.")


class HandleInvalid(Unacceptable):
    """Not a handle, or only something that looks like one."""

    code = "invalid-handle"

    def __init__(self) -> None:
        super().__init__(
            "A handle is 3 to 30 plain letters and digits, with single dots, hyphens or underscores between."
        )


class BankLinkRefused(Unacceptable):
    """The public token is spent or foreign, or the login has no such account."""

    code = "bank-link-refused"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The bank account cannot be linked: {reason}.", reason=reason)
