"""Coins that have left the treasury by a transaction that no saga knows.

Every send of ours was recorded before it was made, with whom it pays, how much, and the nonce or the inputs that it
uses up. A transaction that fits one is that send's, whatever was lost on the way: its saga finds it by itself, or the
lookout opens a recovery where the send had been given up. What fits none has left all the same: it is booked to
suspense, a case opens, and the log says so.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from app.clock import Clock
from app.errors import StaleGuard
from app.identity.principals import DEFAULT_TENANT
from app.ids import derived_id, stored_id
from app.ledger.accounts import suspense
from app.ledger.changes import Change, Door
from app.ledger.transactions import Leg, Transaction, credit, debit
from app.money import Money
from app.orchestrator.effects import Effect, EffectStatus
from app.orchestrator.flows import chart
from app.orchestrator.flows.chain import TATUM
from app.orchestrator.flows.spending import carried_out_by, is_one_of_a_kind
from app.orchestrator.lifecycle import ENDS
from app.orchestrator.lookout import OPERATION, Lookout
from app.orchestrator.observations import Listener
from app.orchestrator.store import SagaStore
from app.orchestrator.unclaimed import LEFT, case_of_coins
from app.orchestrator.weighing import Bearing, bearing_on
from app.providers.chain_ports import ChainTransaction
from app.providers.registry import Providers
from app.providers.tatum.addresses import canonical_address
from app.providers.tatum.chains import chain_of_id

_DEPARTING = ("OUTGOING_", "KMS_COMPLETED_TX")
_CANDIDATES_MAX = 200

log = structlog.get_logger()


def first_of(*listeners: Listener) -> Listener:
    """Whoever first makes an event their business."""

    async def hear(type_: str, refs: list[str], payload: Mapping[str, Any]) -> bool | None:
        for listener in listeners:
            heard = await listener(type_, refs, payload)
            if heard is not None:
                return heard
        return None

    return hear


class Departures:
    """Hears of coins that have left, once nobody else knows them."""

    def __init__(self, sagas: SagaStore, lookout: Lookout, door: Door, providers: Providers, clock: Clock) -> None:
        self._sagas = sagas
        self._lookout = lookout
        self._door = door
        self._coins = providers.coins
        self._network = providers.network
        self._clock = clock

    async def hear(self, type_: str, refs: list[str], payload: Mapping[str, Any]) -> bool | None:
        """An event of Tatum. None: not about coins that left, or somebody waits for them; False: not in a block yet,
        or its saga is about to find it.
        """
        tx_id = next((ref.removeprefix(f"{TATUM}:tx:") for ref in refs if ref.startswith(f"{TATUM}:tx:")), None)
        if not type_.startswith(_DEPARTING) or tx_id is None:
            return None
        if await self._sagas.books_waiting_for(refs):
            return None
        if await self._lookout.hear(refs):
            return True
        chain = await self._chain_of(refs, payload)
        found = await self._coins.transaction(chain, tx_id) if chain else None
        if chain is None or found is None or found.status == "pending":
            return False
        return await self._account_for(chain, found)

    async def find(self, chain: str, tx_id: str) -> bool:
        """A transaction in the treasury's history, whether anybody told us of it or not. False: as for ``hear``.

        Raises what reading from the provider raises.
        """
        refs = [f"{TATUM}:tx:{tx_id}"]
        if await self._sagas.books_waiting_for(refs) or await self._lookout.hear(refs):
            return True
        found = await self._coins.transaction(chain, tx_id)
        return found is not None and found.status != "pending" and await self._account_for(chain, found)

    async def _chain_of(self, refs: list[str], payload: Mapping[str, Any]) -> str | None:
        """The chain of a transaction: as the event has it, or the operation that it was broadcast for."""
        named = chain_of_id(str(payload.get("chain")), self._network)
        if named is not None:
            return named.name
        operations = [ref.removeprefix(OPERATION) for ref in refs if ref.startswith(OPERATION)]
        pending = await self._coins.pending_send(operations[0]) if operations else None
        return pending.chain if pending else None

    async def _account_for(self, chain: str, found: ChainTransaction) -> bool:
        """Whose it is: a send's that has yet to learn of it, or has ended well, or was given up; or nobody's.

        A nonce that was given back may be another send's by now, so those that were given up come last.
        """
        if found.status == "reverted" and found.nonce is None:
            return True  # nothing has left but a fee, and nothing says whose it is
        fitting = await self._fitting(chain, found)
        if any([bearing_on(each, found.tx_id) is Bearing.AWAITED or await self._goes_on(each) for each in fitting]):
            return False
        confirmed = [each for each in fitting if each.status is EffectStatus.CONFIRMED]
        in_vain = [each for each in fitting if each not in confirmed]
        if any(is_one_of_a_kind(each.request) for each in confirmed):
            return True
        if in_vain:
            await self._lookout.recover(in_vain[0], found.tx_id)
        else:  # where a chain can do it again, the send's own transaction is watched, and this is another
            await self._book(chain, found)
        return True

    async def _goes_on(self, made: Effect) -> bool:
        """Whether the send's saga is on its way, and has yet to be told of its transaction."""
        saga = await self._sagas.saga(made.saga_id)
        return saga is not None and made.status is EffectStatus.CONFIRMED and saga.state not in ENDS

    async def _fitting(self, chain: str, found: ChainTransaction) -> Sequence[Effect]:
        """The sends of ours that it may be. One that was reverted has paid nobody, and has its nonce alone.

        What pays the same to the same, with no nonce to tell it by, may be many: what leaves now was sent lately.
        """
        is_void = found.status == "reverted"
        query: dict[str, Any] = {"provider": TATUM, "operation": "send", "request.chain": chain}
        if found.nonce is not None:
            query["request.nonce"] = found.nonce
        if not is_void:
            query["request.to"] = {"$in": [canonical_address(chain, each.to) for each in found.paid]}
            query["request.amount"] = {"$in": [str(each.amount) for each in found.paid]}
        candidates = await self._sagas.effects_where(query, _CANDIDATES_MAX, newest_first=True)
        return [each for each in candidates if is_void or carried_out_by(each.request, found)]

    async def _book(self, chain: str, found: ChainTransaction) -> None:
        """Nobody's send: out of custody, onto suspense; what comes back to the treasury itself has not left."""
        treasury = canonical_address(chain, self._coins.treasury(chain))
        others = [each for each in found.paid if canonical_address(chain, each.to) != treasury]
        gone = [(suspense, each.amount) for each in others if each.amount]
        burnt = [(chart.network_fees_paid, found.fee)] if found.fee else []
        legs = [
            leg for account, amount in (*gone, *burnt) for leg in _out(account(DEFAULT_TENANT, amount.asset), amount)
        ]
        departed = Transaction(
            stored_id(DEFAULT_TENANT, derived_id("txn", LEFT, chain, found.tx_id)), LEFT, tuple(legs)
        )
        case = case_of_coins(LEFT, chain, found.tx_id, gone[0][1].asset.code if gone else None, self._clock.now())
        try:
            await self._door.submit(Change(DEFAULT_TENANT, (departed,) if legs else (), companions=(case,), fact=True))
        except StaleGuard:
            return
        log.error("coins-left-unexplained", reason=chain)


def _out(account: Any, amount: Money) -> tuple[Leg, Leg]:
    return debit(account, amount), credit(chart.custody(DEFAULT_TENANT, amount.asset), amount)
