"""What Tatum's refusals mean: it refuses business, not only strangers, with 403."""

from app.providers.outcomes import Declined, OutcomeUnknown, ProviderOutcome, Unavailable
from app.providers.replies import Reply
from app.providers.tatum import wire

FORBIDDEN = 403

_OURS_TO_MEND = ("subscription.", "credits.")
"""Codes of a wrong or used-up key: nothing was done, and nothing about the order is wrong."""
_NO_OPERATION = "kms.missing"


def successful(reply: Reply) -> Reply:
    """The reply itself if it is a success. Raises one of the three words."""
    if reply.succeeded:
        return reply
    raise _forbidden(reply) if reply.status == FORBIDDEN else reply.refusal()


def _forbidden(reply: Reply) -> ProviderOutcome:
    if wire.says_resent(reply.body):
        return OutcomeUnknown(reply.provider, "already-known")
    code = reply.code
    if code is None or code.startswith(_OURS_TO_MEND):
        return reply.refusal()
    return Unavailable(reply.provider, code) if reply.safe else Declined(reply.provider, code)


def is_absent(reply: Reply) -> bool:
    """Whether the vendor itself, not some box on the way, says that there is no such thing."""
    return (reply.status == 404 and reply.code is not None) or reply.code == _NO_OPERATION
