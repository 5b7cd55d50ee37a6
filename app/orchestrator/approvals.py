"""The key daemon's question: may I sign this? Each effect says yes to one pending operation, once.

This is the fence on every chain: however often a send was repeated, by whomever, however late, only one of the
operations it left in the queue is ever signed. The pending operation is decoded as it stands at the provider;
recipient, amount and chain must be those of an effect that may still happen.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import structlog

from app.errors import ApprovalRefused, Missing, ProviderUnavailable, StaleGuard
from app.ids import book_of
from app.ledger.changes import Change, Door
from app.orchestrator.effects import Effect, EffectStatus
from app.orchestrator.flows.chain import TATUM, asks_for
from app.orchestrator.journal import effect_companion
from app.orchestrator.outside import Kept
from app.orchestrator.store import SagaStore
from app.providers.chain_ports import PendingSend, SendsCoins
from app.providers.outcomes import ProviderOutcome

_OPEN = [EffectStatus.SENDING.value, EffectStatus.UNKNOWN.value, EffectStatus.CONFIRMED.value]
_CANDIDATES_MAX = 200
_ATTEMPTS_MAX = 5

log = structlog.get_logger()


class Approvals:
    """Answers the key daemon."""

    def __init__(self, store: SagaStore, door: Door, coins: SendsCoins, kept: Kept) -> None:
        self._store = store
        self._door = door
        self._coins = coins
        self._kept = kept

    async def approve(self, pending_id: str) -> str:
        """Approve a pending operation, durably, and say for which saga; asked again, say so again.

        Raises Missing (no such operation), ProviderUnavailable, ApprovalRefused.
        """
        for _ in range(_ATTEMPTS_MAX):
            known = await self._store.effects_behind([f"{TATUM}:kms:{pending_id}"])
            approved = [each for each in known if each.provider == TATUM and each.approved_ref == pending_id]
            if approved:
                return approved[0].saga_id
            effect = await self._find_unapproved(await self._pending(pending_id), known)
            try:
                await self._approve(effect, pending_id)
            except StaleGuard:
                continue
            return effect.saga_id
        raise ApprovalRefused

    async def _pending(self, pending_id: str) -> PendingSend:
        try:
            pending = await self._coins.pending_send(pending_id)
        except ProviderOutcome as outcome:
            raise ProviderUnavailable(outcome.provider) from outcome
        if pending is None:
            raise Missing("pending operation")
        return pending

    async def _find_unapproved(self, pending: PendingSend, known: Sequence[Effect]) -> Effect:
        """The effect that is known to have made it; else one that asks for the same, whose answer was overtaken."""
        fitting = _fitting(pending, known) or _fitting(pending, await self._that_may_have_made(pending))
        if fitting:
            return fitting[0]
        log.warning("approval-refused", pending_id=pending.id)
        raise ApprovalRefused

    async def _that_may_have_made(self, pending: PendingSend) -> Sequence[Effect]:
        """Found by the nonce or the inputs that are theirs alone, where there are such; else by whom they pay what."""
        takers = await self._takers(pending)
        if takers:
            return [effect for saga_id in takers for effect in await self._store.effects_of(saga_id)]
        query: dict[str, Any] = {"provider": TATUM, "operation": "send", "status": {"$in": _OPEN}, "approved_ref": None}
        if pending.nonce is not None:
            query["request.nonce"] = pending.nonce
        else:
            query["request.amount"] = str(pending.amount)
            query["$or"] = [{"request.to": pending.to}, {"request.paid_at": pending.to}]
        return await self._store.effects_where(query, _CANDIDATES_MAX)

    async def _takers(self, pending: PendingSend) -> list[str]:
        """The sagas that have taken what it spends."""
        taken = await self._kept.inputs(pending.chain, sorted(pending.inputs)) if pending.inputs else {}
        return sorted({document["taken_by"] for document in taken.values()} - {""})

    async def _approve(self, effect: Effect, pending_id: str) -> None:
        companion = effect_companion(effect, replace(effect, approved_ref=pending_id))
        await self._door.submit(Change(book_of(effect.id), companions=(companion,)))
        log.info("approval-given", saga_id=effect.saga_id, pending_id=pending_id)


def _fitting(pending: PendingSend, effects: Sequence[Effect]) -> list[Effect]:
    """Those that may still happen, have approved nothing yet, and are to do what the operation does."""
    sends = (each for each in effects if (each.provider, each.operation) == (TATUM, "send"))
    undecided = (each for each in sends if each.status.value in _OPEN and each.approved_ref is None)
    return [each for each in undecided if asks_for(each, pending)]
