"""Sending coins on chain: queued at the key daemon, approved by us once, broadcast, confirmed.

There is no idempotency key. What makes a repeated send harmless is the approval: the daemon asks before it signs, and
an effect approves one pending operation only (``approvals.py``). What is followed from then on is that one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.ledger.transactions import Transaction, credit, debit
from app.money import Money, asset
from app.orchestrator.effects import Effect, Sent
from app.orchestrator.flows import chart
from app.orchestrator.flows.params import money
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Failed, Outcome, Progress, Run, Settled, Stuck, Waiting
from app.orchestrator.watches import Watch
from app.providers.chain_ports import ChainTransaction, CoinOrder, PendingSend

TATUM = "tatum"

CONFIRMATIONS: Mapping[str, int] = {"bitcoin": 3}
"""How deep a transaction must be before its coins count as delivered (practice, per chain)."""


CHAIN_SEND = "chain-send"
"""The kind of watches on confirmed sends."""

REORG_WINDOW: Mapping[str, timedelta] = {"bitcoin": timedelta(days=1)}
"""How long a confirmed transaction may yet be replaced, per chain: beyond the 100 blocks after which Bitcoin itself
lets new coins be spent (COINBASE_MATURITY), a block being ten minutes.
"""


@dataclass(frozen=True, slots=True)
class ChainTerms:
    """What a flow tells its chain step."""

    chain: str
    address: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Sighting:
    """What the queue and the chain know of a send."""

    pending: PendingSend | None
    transaction: ChainTransaction | None


@dataclass(frozen=True, slots=True)
class Send:
    """Deliver coins to an address.

    | Moment | DR / CR |
    |---|---|
    | sending | delivery / in_doubt:tatum |
    | broadcast | in_doubt:tatum / clearing:out |
    | confirmed | clearing:out, netfee_out / custody |
    | definitely not done | in_doubt:tatum / delivery |
    | reverted | clearing:out / delivery · netfee_out / custody |
    """

    terms: Callable[[Run], ChainTerms]
    provider: str = TATUM
    operation: str = "send"

    async def examine(self, run: Run, outside: Outside) -> Progress | None:  # noqa: ARG002
        return None

    def request(self, run: Run) -> Mapping[str, Any]:
        terms = self.terms(run)
        return {
            "chain": terms.chain,
            "to": terms.address,
            "amount": str(terms.amount),
            "currency": terms.amount.asset.code,
        }

    def sending(self, run: Run) -> Outcome:
        amount = self.terms(run).amount
        delivery, doubt = chart.delivery(run.book, amount.asset), chart.in_doubt(run.book, TATUM, amount.asset)
        return Outcome((run.transaction("sending", debit(delivery, amount), credit(doubt, amount)),))

    async def send(self, effect: Effect, outside: Outside) -> Sent:
        request = effect.request
        amount = Money.parse(request["amount"], asset(request["currency"]))
        return Sent(await outside.providers.coins.send(CoinOrder(request["chain"], request["to"], amount)))

    async def find(self, effect: Effect, outside: Outside) -> Sent | None:
        """The approved operation, or one in the queue that says the same; any of them serves, once approved."""
        if effect.approved_ref:
            return Sent(effect.approved_ref)
        for pending in await outside.providers.coins.pending_sends(effect.request["chain"]):
            if asks_for(effect, pending):
                return Sent(pending.id)
        return None

    def accepted(self, run: Run, effect: Effect) -> Outcome:  # noqa: ARG002
        return Outcome(result={"pending_id": effect.ref})

    def refused(self, run: Run) -> Outcome:
        amount = self.terms(run).amount
        delivery, doubt = chart.delivery(run.book, amount.asset), chart.in_doubt(run.book, TATUM, amount.asset)
        return Outcome((run.transaction("refused", debit(doubt, amount), credit(delivery, amount)),))

    def waits_for(self, effect: Effect) -> tuple[str, ...]:
        return (f"{TATUM}:kms:{effect.ref}",)

    async def look(self, effect: Effect, outside: Outside) -> Sighting:
        """What became of the approved operation; before approval, whether the queue still holds ours."""
        coins = outside.providers.coins
        pending = await coins.pending_send(effect.ref)
        if effect.approved_ref is None or pending is None or pending.tx_id is None:
            return Sighting(pending, None)
        return Sighting(pending, await coins.transaction(effect.request["chain"], pending.tx_id))

    def judge(self, run: Run, effect: Effect, seen: Sighting) -> Progress:
        if effect.approved_ref is None or seen.pending is None:
            return self._without_signature(run, effect, seen)
        tx_id = seen.pending.tx_id
        waits = (f"{TATUM}:kms:{effect.approved_ref}",)
        if tx_id is None:
            return Waiting(refs=waits)
        known = "tx_id" in run.results.get(run.step, {})
        broadcast = () if known else (self._broadcast(run),)
        found = seen.transaction
        if found is not None and found.status == "reverted":
            return Failed("reverted", Outcome((*broadcast, *self._reverted(run, found)), result={"tx_id": tx_id}))
        deep_enough = CONFIRMATIONS[effect.request["chain"]]
        if found is None or found.status != "mined" or found.confirmations < deep_enough:
            outcome = Outcome(broadcast, result={} if known else {"tx_id": tx_id})
            return Waiting(outcome, refs=(*waits, f"{TATUM}:tx:{tx_id}"))
        outcome = Outcome((*broadcast, self._confirmed(run, found)), result={"tx_id": tx_id})
        return Settled(outcome, (self._watch(run, tx_id),))

    def _watch(self, run: Run, tx_id: str) -> Watch:
        terms = self.terms(run)
        return Watch(
            kind=CHAIN_SEND,
            ref=f"{TATUM}:tx:{tx_id}",
            until=run.now + REORG_WINDOW[terms.chain],
            facts={"amount": money(terms.amount), "chain": terms.chain},
        )

    def _without_signature(self, run: Run, effect: Effect, seen: Sighting) -> Progress:
        """Nothing unapproved is ever signed: an operation that is gone is definitely not done, and one that was
        broadcast was approved for another effect, which asked for the same.
        """
        if seen.pending is not None and seen.pending.tx_id is None:
            return Waiting()
        if effect.approved_ref is not None:
            return Stuck("approved-operation-vanished")
        return Failed("operation-gone", self.refused(run))

    def _broadcast(self, run: Run) -> Transaction:
        amount = self.terms(run).amount
        doubt, clearing = chart.in_doubt(run.book, TATUM, amount.asset), chart.clearing_out(run.book, amount.asset)
        return run.transaction("broadcast", debit(doubt, amount), credit(clearing, amount))

    def _confirmed(self, run: Run, found: ChainTransaction) -> Transaction:
        amount = self.terms(run).amount
        clearing, custody = chart.clearing_out(run.book, amount.asset), chart.custody(run.book, amount.asset)
        if not found.fee:
            return run.transaction("confirmed", debit(clearing, amount), credit(custody, amount))
        paid = chart.network_fees_paid(run.book, amount.asset)
        legs = (debit(clearing, amount), debit(paid, found.fee), credit(custody, amount + found.fee))
        return run.transaction("confirmed", *legs)

    def _reverted(self, run: Run, found: ChainTransaction) -> tuple[Transaction, ...]:
        amount = self.terms(run).amount
        clearing, delivery = chart.clearing_out(run.book, amount.asset), chart.delivery(run.book, amount.asset)
        back = run.transaction("reverted", debit(clearing, amount), credit(delivery, amount))
        if not found.fee:
            return (back,)
        paid, custody = chart.network_fees_paid(run.book, amount.asset), chart.custody(run.book, amount.asset)
        return (back, run.transaction("burnt", debit(paid, found.fee), credit(custody, found.fee)))


def asks_for(effect: Effect, pending: PendingSend) -> bool:
    """Whether a pending operation is exactly what the effect was to send."""
    request = effect.request
    wanted = Money.parse(request["amount"], asset(request["currency"]))
    return (pending.chain, pending.to, pending.amount) == (request["chain"], request["to"], wanted)
