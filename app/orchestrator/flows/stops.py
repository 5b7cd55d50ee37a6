"""Why money may not move for a customer any more, though it might when they asked: a stopped account, a lost verdict.

A verdict decides about new moves only. What was pulled may go back to the bank that it came from without one; a frozen
account keeps even that.
"""

from app.ids import stored_id
from app.ledger.accounts import AccountStatus
from app.orchestrator.outside import Outside


async def lost_verdict(book: str, user_id: str, outside: Outside) -> str | None:
    """Why the person may move no money, as in ``kyc-rejected``; None while they are verified."""
    level = await outside.kept.compliance_level(stored_id(book, user_id))
    return None if level == "verified" else f"kyc-{level}"


async def stop_of(book: str, account_id: str, outside: Outside) -> str | None:
    """Why nothing may be pulled for that account, as in ``account-frozen``; None if it may."""
    present = await outside.kept.account(account_id)
    if present is None or present.user_id is None:
        return None
    if present.status is not AccountStatus.OPEN:
        return f"account-{present.status.value}"
    return await lost_verdict(book, present.user_id, outside)
