"""What the ledger refuses because of an account: it is not there, not open, not empty, or has too little."""

from app.errors.tree import Conflict, Missing, Unacceptable


class AccountNotFound(Missing):
    """The account is not there, or not the caller's."""

    code = "account-not-found"

    def __init__(self) -> None:
        super().__init__("account")


class DestinationNotFound(Missing):
    """The receiving account is not there, not open, or its owner is not verified."""

    code = "destination-not-found"

    def __init__(self) -> None:
        super().__init__("destination account")


class InsufficientFunds(Conflict):
    """The available balance would fall below its floor."""

    code = "insufficient-funds"

    def __init__(self, account_id: str, available: str, needed: str, currency: str) -> None:
        super().__init__(
            f"{available} {currency} are available, {needed} {currency} are needed.",
            account_id=account_id,
            available=available,
            needed=needed,
            currency=currency,
        )


class AccountFrozen(Conflict):
    """A frozen account takes part in no request."""

    code = "account-frozen"

    def __init__(self, account_id: str) -> None:
        super().__init__("The account is frozen.", account_id=account_id)


class AccountClosed(Conflict):
    """A closed account takes part in no request."""

    code = "account-closed"

    def __init__(self, account_id: str) -> None:
        super().__init__("The account is closed.", account_id=account_id)


class AccountOpen(Conflict):
    """An open account is neither unfrozen nor reopened."""

    code = "account-open"

    def __init__(self, account_id: str) -> None:
        super().__init__("The account is open.", account_id=account_id)


class AccountNotEmpty(Conflict):
    """An account is closed when nothing is in it and nothing is held on it."""

    code = "account-not-empty"

    def __init__(self, account_id: str, balance: str, held: str, currency: str) -> None:
        super().__init__(
            f"The account has a balance of {balance} {currency}, of which {held} {currency} are held.",
            account_id=account_id,
            balance=balance,
            held=held,
            currency=currency,
        )


class AccountInUse(Conflict):
    """Something that is still running, or may yet be taken back, will come back to the account."""

    code = "account-in-use"

    def __init__(self, account_id: str, saga_id: str) -> None:
        super().__init__(
            "A flow that touches the account is still running, or may yet be taken back.",
            account_id=account_id,
            saga_id=saga_id,
        )


class StaleVersion(Conflict):
    """The account is no longer at the version that the request is conditional on."""

    code = "stale-version"

    def __init__(self, account_id: str, lock_version: int, version: int) -> None:
        super().__init__(
            f"The account is at version {version}, not {lock_version}.",
            account_id=account_id,
            lock_version=lock_version,
            version=version,
        )


class UserFrozen(Conflict):
    """For a frozen customer no account is opened."""

    code = "user-frozen"

    def __init__(self) -> None:
        super().__init__("The customer is frozen.")


class TooManyAccounts(Conflict):
    """A customer has a bounded number of accounts."""

    code = "too-many-accounts"

    def __init__(self, accounts_max: int) -> None:
        super().__init__(f"There are {accounts_max} accounts already.", accounts_max=accounts_max)


class SameAccount(Unacceptable):
    """Money does not move from an account to itself."""

    code = "same-account"

    def __init__(self, account_id: str) -> None:
        super().__init__("Source and destination are the same account.", account_id=account_id)
