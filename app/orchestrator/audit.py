"""The books verified, and with them the promise that a finished saga has left nothing on the way."""

from collections.abc import Mapping

from app.ids import public_id
from app.ledger.store import LedgerStore
from app.ledger.verify import Audit
from app.orchestrator.store import SagaStore


async def audit_books(ledger: LedgerStore, sagas: SagaStore, anchors: Mapping[str, str] | None = None) -> Audit:
    """Derive the books again; a finished saga must have left each transit account at zero.

    Which sagas have finished is asked first: one that ends during the audit is none of its business.
    """
    finished = {saga_id async for saga_id in sagas.finished()}
    audit = await ledger.audit(anchors)
    for saga_id in finished & audit.transit.keys():
        audit.breaks.extend(
            f"saga {public_id(saga_id)} has ended and left {amount} on {public_id(account_id)}"
            for account_id, amount in audit.transit[saga_id].items()
            if amount
        )
    return audit
