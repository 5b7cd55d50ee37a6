"""Cases of coins whose transaction belongs to nobody that we know. Pure."""

from datetime import datetime

from app.identity.principals import DEFAULT_TENANT
from app.ids import derived_id, stored_id
from app.ledger.changes import ABSENT, Companion, Document
from app.orchestrator.flows.chain import TATUM

ARRIVED = "unclaimed-coins"
LEFT = "unexplained-departure"


def case_of_coins(kind: str, chain: str, tx_id: str, asset: object, now: datetime) -> Companion:
    """The case of a transaction, opened once. Whose coins they are is not known, so neither is a tenant."""
    causes = (chain, tx_id) if kind == ARRIVED else (kind, chain, tx_id)
    document: Document = {
        "book": DEFAULT_TENANT,
        "kind": kind,
        "user_id": None,
        "chain": chain,
        "ref": f"{TATUM}:tx:{tx_id}",
        "asset": asset,
        "status": "open",
        "opened_at": now,
        "version": 1,
    }
    return Companion("cases", stored_id(DEFAULT_TENANT, derived_id("cas", *causes)), ABSENT, document)
