"""Every refusal of the product, on one tree.

A domain error knows its stable ``code``, its ``kind`` and the facts of the case, and builds its own sentence. It
knows nothing of HTTP; the edge renders a kind as a status in one place (``app/api/problems.py``).

    WalletError
    ├── Malformed          the request cannot be read                    400
    ├── Unauthenticated    we do not know who asks                       401
    ├── Forbidden          we know, and they may not                     403
    ├── Missing            not there, or not theirs                      404
    ├── Conflict           the state it meets does not allow it          409
    ├── TooLarge           more bytes than we read                       413
    ├── Unacceptable       readable, but its content is wrong            422
    ├── TooMany            too often                                     429
    └── Busy               not now: full, down, or outcome unknown       503
"""

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


class Unauthenticated(WalletError):
    """We do not know who asks."""

    code = "unauthenticated"
    kind = Kind.UNAUTHENTICATED


class TokenMissing(Unauthenticated):
    """No bearer token."""

    code = "token-missing"

    def __init__(self) -> None:
        super().__init__("This request needs an Authorization header with a bearer token.")


class TokenInvalid(Unauthenticated):
    """The token failed a check; which one is told without repeating the token."""

    code = "token-invalid"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The bearer token was not accepted: {reason}.", reason=reason)


class ProofInvalid(Unauthenticated):
    """A token that is bound to a key came without a proof that its bearer has that key (RFC 9449)."""

    code = "proof-invalid"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The DPoP proof was not accepted: {reason}.", reason=reason)


class AuthenticationInsufficient(Unauthenticated):
    """So much moves only for somebody who has just signed in again (RFC 9470)."""

    code = "insufficient-user-authentication"

    def __init__(self, max_age_s: int, acr_values: tuple[str, ...]) -> None:
        super().__init__("This amount needs a fresh sign-in.", max_age_s=max_age_s, acr_values=" ".join(acr_values))


class SignatureInvalid(Unauthenticated):
    """A webhook whose signature does not fit its bytes."""

    code = "signature-invalid"

    def __init__(self, provider: str) -> None:
        super().__init__(f"The {provider} signature does not fit the body.", provider=provider)


class Forbidden(WalletError):
    """We know who asks, and they may not."""

    code = "forbidden"
    kind = Kind.FORBIDDEN


class PermissionDenied(Forbidden):
    """The token lacks a permission."""

    code = "permission-denied"

    def __init__(self, permission: str) -> None:
        super().__init__(f"This needs the permission {permission}.", permission=permission)


class KycRequired(Forbidden):
    """Money moves only for verified people."""

    code = "kyc-required"

    def __init__(self, level: str) -> None:
        super().__init__(
            "Identity verification comes first: POST /v1/kyc/sessions starts or resumes it.", compliance_level=level
        )


class ApprovalRefused(Forbidden):
    """A pending chain transaction that no approved operation of ours explains."""

    code = "approval-refused"

    def __init__(self) -> None:
        super().__init__("No operation of ours explains this pending transaction.")


class Missing(WalletError):
    """Not there, or not the caller's: the two are told alike, on purpose."""

    code = "not-found"
    kind = Kind.MISSING

    def __init__(self, what: str = "resource") -> None:
        super().__init__(f"There is no such {what}.", what=what)


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


class Conflict(WalletError):
    """The state it meets does not allow it."""

    code = "conflict"
    kind = Kind.CONFLICT


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


class LimitExceeded(Conflict):
    """More, or more often, than the limit of a period allows. ``left`` is what would still pass."""

    code = "limit-exceeded"

    def __init__(
        self,
        measure: str,
        *,
        rail: str,
        period: str,
        bound: str,
        used: str,
        left: str,
        currency: str,
        resets_at: str | None,
    ) -> None:
        limit = f"{rail} {measure} per {period}"
        so_far = f"; {used} are used, and it resets at {resets_at}" if resets_at else ""
        super().__init__(
            f"The limit {limit} of {bound} would be exceeded{so_far}.",
            limit=limit,
            rail=rail,
            period=period,
            bound=bound,
            used=used,
            left=left,
            currency=currency,
            resets_at=resets_at,
        )


class CoolingPeriod(Conflict):
    """A bank account or address that is new takes part in nothing for a while."""

    code = "cooling-period"

    def __init__(self, what: str, until: str) -> None:
        super().__init__(f"The {what} is new; it can be used from {until} on.", what=what, until=until)


class UserFrozen(Conflict):
    """For a frozen customer no account is opened."""

    code = "user-frozen"

    def __init__(self) -> None:
        super().__init__("The customer is frozen.")


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


class SagaUnfinished(Conflict):
    """What has not ended has no outcome."""

    code = "saga-unfinished"

    def __init__(self, saga_id: str, status: str) -> None:
        super().__init__(f"The saga has not ended: it is {status}.", saga_id=saga_id, status=status)


class CommandRefused(Conflict):
    """An operator's command that does not fit the state it meets."""

    code = "command-refused"

    def __init__(self, saga_id: str, command: str, sentence: str, **facts: Fact) -> None:
        super().__init__(sentence, saga_id=saga_id, command=command, **facts)


class SagaNotParked(CommandRefused):
    """Only a parked saga is moved by hand; any other moves by itself, or has ended."""

    code = "saga-not-parked"

    def __init__(self, saga_id: str, command: str, status: str) -> None:
        super().__init__(saga_id, command, f"The saga is {status}, and not parked.", status=status)


class SagaEnded(CommandRefused):
    """A saga that has ended is over."""

    code = "saga-ended"

    def __init__(self, saga_id: str, command: str, status: str) -> None:
        super().__init__(saga_id, command, f"The saga has ended: {status}.", status=status)


class DefinitionUnknown(CommandRefused):
    """This release does not have the definition that the saga is pinned to."""

    code = "definition-unknown"

    def __init__(self, saga_id: str, command: str, definition: str) -> None:
        super().__init__(saga_id, command, f"This release does not know {definition}.", definition=definition)


class EffectNotOpen(CommandRefused):
    """There is no call whose outcome could be told: none was made, or its outcome is known."""

    code = "effect-not-open"

    def __init__(self, saga_id: str, command: str, effect: str) -> None:
        super().__init__(saga_id, command, f"The step has no call whose outcome is open ({effect}).", effect=effect)


class EffectOpen(CommandRefused):
    """The step's call may still take effect, or is under way: whatever came before it must not be undone yet."""

    code = "effect-open"

    def __init__(self, saga_id: str, command: str, effect: str) -> None:
        super().__init__(
            saga_id, command, f"The step's call is {effect}: confirm it or mark it absent first.", effect=effect
        )


class EffectEnded(CommandRefused):
    """The step's call definitely did not happen; looking at it again would change nothing."""

    code = "effect-ended"

    def __init__(self, saga_id: str, command: str, effect: str) -> None:
        super().__init__(saga_id, command, f"The step's call is over: {effect}.", effect=effect)


class UnwindImpossible(CommandRefused):
    """The definition has no way back from where the saga stands: it is past its pivot, or unwinding already."""

    code = "unwind-impossible"

    def __init__(self, saga_id: str, command: str, state: str) -> None:
        super().__init__(saga_id, command, f"There is no way back from {state}.", state=state)


class AlreadyOutside(CommandRefused):
    """Something has left the house, so the saga is not simply called off."""

    code = "already-outside"

    def __init__(self, saga_id: str, command: str, state: str) -> None:
        super().__init__(saga_id, command, "Something has left the house already.", state=state)


class EvidenceContradicts(CommandRefused):
    """What is told of the call is not what we know of it."""

    code = "evidence-contradicts"

    def __init__(self, saga_id: str, command: str) -> None:
        super().__init__(saga_id, command, "Another operation of the provider was approved for this call.")


class CaseDecided(Conflict):
    """A case is decided once."""

    code = "case-decided"

    def __init__(self, case_id: str) -> None:
        super().__init__("The case has been decided already.", case_id=case_id)


class CaseUndecided(Conflict):
    """Only what was decided is opened again."""

    code = "case-undecided"

    def __init__(self, case_id: str) -> None:
        super().__init__("The case has not been decided.", case_id=case_id)


class SecondOfficerNeeded(Conflict):
    """A case above the limit is decided by two officers, and this one has proposed already."""

    code = "second-officer-needed"

    def __init__(self, case_id: str) -> None:
        super().__init__("Another officer must agree: you have made the proposal.", case_id=case_id)


class SecondOperatorNeeded(Conflict):
    """An act above the limit is done by two operators, and this one has proposed it already."""

    code = "second-operator-needed"

    def __init__(self, subject: str) -> None:
        super().__init__("Another operator must ask for the same: you have made the proposal.", subject=subject)


class TooManyNotes(Conflict):
    """A case has a bounded number of notes."""

    code = "too-many-notes"

    def __init__(self, notes_max: int) -> None:
        super().__init__(f"There are {notes_max} notes already.", notes_max=notes_max)


class HandleTaken(Conflict):
    """Somebody else is found by it."""

    code = "handle-taken"

    def __init__(self) -> None:
        super().__init__("It cannot be used.")


class TooManyAccounts(Conflict):
    """A customer has a bounded number of accounts."""

    code = "too-many-accounts"

    def __init__(self, accounts_max: int) -> None:
        super().__init__(f"There are {accounts_max} accounts already.", accounts_max=accounts_max)


class TooManyEndpoints(Conflict):
    """A tenant has a bounded number of notification endpoints."""

    code = "too-many-endpoints"

    def __init__(self, endpoints_max: int) -> None:
        super().__init__(f"There are {endpoints_max} endpoints already; remove one first.", endpoints_max=endpoints_max)


class IdempotencyInProgress(Conflict):
    """The first request with this key is still running."""

    code = "idempotency-in-progress"

    def __init__(self, retry_after_s: int = 1) -> None:
        super().__init__("A request with this Idempotency-Key is still running; ask again shortly.")
        self.retry_after_s = retry_after_s


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


class InvalidAmount(Unacceptable):
    """Not an amount of this currency."""

    code = "invalid-amount"

    def __init__(self, currency: str, reason: str) -> None:
        super().__init__(f"Not an amount of {currency}: {reason}.", currency=currency)


class AmountOutOfBounds(InvalidAmount):
    """Larger than any balance may become."""

    def __init__(self, currency: str) -> None:
        super().__init__(currency, "it is larger than any balance may be")


class UnknownCurrency(Unacceptable):
    """No such asset in the registry, or not one that the tenant offers."""

    code = "unknown-currency"

    def __init__(self, currency: str) -> None:
        shown = currency if len(currency) <= 12 and currency.isascii() and currency.isalnum() else "that"
        super().__init__(f"There is no currency {shown} here.")


class CurrencyMismatch(Unacceptable):
    """Two different currencies where one belongs."""

    code = "currency-mismatch"

    def __init__(self, expected: str, given: str) -> None:
        super().__init__(f"{expected} is expected here, not {given}.", expected=expected, given=given)


class SameAccount(Unacceptable):
    """Money does not move from an account to itself."""

    code = "same-account"

    def __init__(self, account_id: str) -> None:
        super().__init__("Source and destination are the same account.", account_id=account_id)


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


class QuoteMismatch(Unacceptable):
    """The quote is for something else."""

    code = "quote-mismatch"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The quote does not fit this request: {reason}.", reason=reason)


class CardNumberRefused(Unacceptable):
    """The body holds the number of a payment card, which must never come here."""

    code = "card-number-refused"

    def __init__(self) -> None:
        super().__init__(
            "The request holds a payment card's number. Give it to the vendor's own dialogue, never to us."
        )


class InvalidAddress(Unacceptable):
    """Not an address of that chain and network."""

    code = "invalid-address"

    def __init__(self, chain: str) -> None:
        super().__init__(f"Not an address of {chain} on this network.", chain=chain)


class ChainUnsupported(Unacceptable):
    """The asset cannot be moved on that chain here, or the chain cannot do what was asked."""

    code = "chain-unsupported"

    def __init__(self, chain: str, currency: str) -> None:
        super().__init__(f"{currency} is not offered on {chain}.", chain=chain, currency=currency)


class ChainNotServed(Unacceptable):
    """The chain is known, and this installation has no wallet there to send from."""

    code = "chain-not-served"

    def __init__(self, chain: str) -> None:
        super().__init__(f"Nothing is sent on {chain} here.", chain=chain)


class BankLinkRefused(Unacceptable):
    """The public token is spent or foreign, or the login has no such account."""

    code = "bank-link-refused"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The bank account cannot be linked: {reason}.", reason=reason)


class LevelUnknown(Unacceptable):
    """No such level of limits is configured."""

    code = "unknown-level"

    def __init__(self, level: str) -> None:
        super().__init__("There is no such level of limits here.", level=level)


class DecisionUnfit(Unacceptable):
    """A case of that kind is not decided like that."""

    code = "decision-unfit"

    def __init__(self, decision: str, fitting: str) -> None:
        super().__init__(f"A case of this kind is decided as one of: {fitting}.", decision=decision, fitting=fitting)


class HandleInvalid(Unacceptable):
    """Not a handle, or only something that looks like one."""

    code = "invalid-handle"

    def __init__(self) -> None:
        super().__init__(
            "A handle is 3 to 30 plain letters and digits, with single dots, hyphens or underscores between."
        )


class EvidenceMissing(Unacceptable):
    """A command that tells what happened outside says what shows it."""

    code = "evidence-missing"

    def __init__(self, command: str) -> None:
        super().__init__(f"{command} needs evidence: the provider's reference, or what shows that there is none.")


class ShareTokenRefused(Unacceptable):
    """The share token is spent, expired or foreign."""

    code = "share-token-refused"

    def __init__(self) -> None:
        super().__init__("The verification cannot be reused: the share token is spent, expired or for somebody else.")


class IdempotencyKeyReused(Unacceptable):
    """The key belongs to a request with other content; ``field`` names the first difference where it is known."""

    code = "idempotency-key-reused"

    def __init__(self, field: str | None = None) -> None:
        differs = f" ({field} differs)" if field else ""
        super().__init__(f"This Idempotency-Key belongs to a request with other content{differs}.", field=field)


class CallbackRefused(Unacceptable):
    """A callback may go to a public address by https, and nowhere else."""

    code = "callback-refused"

    def __init__(self, reason: str) -> None:
        super().__init__(f"Notifications cannot be sent to this URL: {reason}.", reason=reason)


class TooMany(WalletError):
    """Too often."""

    code = "rate-limited"
    kind = Kind.TOO_MANY

    def __init__(self, limited: str, retry_after_s: int) -> None:
        super().__init__(f"Too many requests of this {limited}; ask again later.", limited=limited)
        self.retry_after_s = retry_after_s


class TooManyStreams(TooMany):
    """A user has a bounded number of open event streams."""

    code = "too-many-streams"

    def __init__(self, streams_max: int, retry_after_s: int) -> None:
        super().__init__("user", retry_after_s)
        self.sentence = f"{streams_max} event streams are open already; close one first."
        self.facts = {"streams_max": streams_max}


class Busy(WalletError):
    """Not now."""

    code = "unavailable"
    kind = Kind.BUSY
    retry_after_s = 1


class Overloaded(Busy):
    """The queue is full, or the deadline passed before the work began: definitely not done."""

    code = "overloaded"

    def __init__(self) -> None:
        super().__init__("Too much is waiting; nothing was done. Ask again shortly.")


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


class ProviderUnavailable(Busy):
    """A third party cannot be reached: definitely not done."""

    code = "provider-unavailable"

    def __init__(self, provider: str) -> None:
        super().__init__(f"{provider} cannot be reached; nothing was done. Ask again shortly.", provider=provider)


class OutcomeUnresolved(Busy):
    """The deadline passed inside a commit: it may or may not be done, and the same request again will tell."""

    code = "outcome-unknown"

    def __init__(self) -> None:
        super().__init__("The outcome is not known yet; send the same request with the same key again.")
