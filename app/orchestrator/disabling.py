"""Giving up on a notification endpoint, and saying so: in the log, to the tenant's other endpoints, and as a case."""

from datetime import datetime

import structlog

from app.errors import StaleGuard
from app.ids import book_of, derived_id, public_id, stored_id
from app.ledger.changes import ABSENT, Change, Companion, Door
from app.orchestrator.notices import tell
from app.outbox.endpoints import ENDPOINTS, Endpoint

CASE_KIND = "endpoint-disabled"

log = structlog.get_logger()


class Disabling:
    """Disables endpoints, each once for each time that it was enabled."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def disable(self, endpoint: Endpoint, reason: str, at: datetime) -> None:
        """One commit: the endpoint takes nothing more, a case is open, and the notification is written.

        Does nothing where somebody has changed the endpoint since it was read. Raises Overloaded, OutcomeUnresolved.
        """
        book, cause = book_of(endpoint.id), (endpoint.id, str(endpoint.version))
        told = {"endpoint_id": public_id(endpoint.id), "reason": reason}
        case = {
            "book": book,
            "kind": CASE_KIND,
            "endpoint_id": endpoint.id,
            "reason": reason,
            "status": "open",
            "opened_at": at,
            "version": 1,
        }
        after = {"status": "disabled", "reason": reason, "version": endpoint.version + 1}
        companions = (
            Companion(ENDPOINTS, endpoint.id, {"version": endpoint.version}, after),
            Companion("cases", stored_id(book, derived_id("cas", *cause)), ABSENT, case),
            tell(book, "endpoint.disabled", "", at, told, *cause),
        )
        try:
            await self._door.submit(Change(book, companions=companions))
        except StaleGuard:
            return
        log.warning("endpoint-disabled", tenant=book, endpoint_id=public_id(endpoint.id), reason=reason)
