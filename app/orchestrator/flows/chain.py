"""Sending coins on chain: queued at the key daemon, approved by us once, broadcast, confirmed.

There is no idempotency key. What makes a repeated send harmless is the approval: the daemon asks before it signs, and
an effect approves one pending operation only (``approvals.py``). What is followed from then on is that one. Beneath it
the chain itself keeps order: each send has a nonce or inputs of its own (``spending.py``), taken before it is made, so
a transaction that was dropped is given up only when another one is mined in its place.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from app.ledger.changes import Companion
from app.ledger.transactions import Transaction, credit, debit
from app.money import Money, asset
from app.orchestrator.effects import Effect, Sent
from app.orchestrator.flows import chart
from app.orchestrator.flows.ach import returned_meanwhile
from app.orchestrator.flows.params import money
from app.orchestrator.flows.spending import (
    Spending,
    absent_for_now,
    as_broadcast,
    carried_out_by,
    inputs_of,
    is_one_of_a_kind,
    settling_time,
)
from app.orchestrator.flows.stops import lost_verdict
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Failed, Outcome, Progress, Ready, Run, Settled, Stuck, Waiting
from app.orchestrator.watches import Watch
from app.providers.chain_ports import ChainTransaction, CoinOrder, PendingSend, SendsCoins
from app.providers.outcomes import Declined, Unavailable
from app.providers.tatum.addresses import canonical_address
from app.providers.tatum.chains import CHAINS

TATUM = "tatum"

CHAIN_SEND = "chain-send"
"""The kind of watches on confirmed sends."""

MISSING_SEND = "missing-send"
"""The kind of watches on sends that the chain has taken back for good, as far as anybody could tell. Whoever books that
it has changed its mind trips the one and leaves the other.
"""

REORG_WINDOW: Mapping[str, timedelta] = {
    name: max(timedelta(seconds=144 * chain.block_s), timedelta(hours=1)) for name, chain in CHAINS.items()
}
"""How long a confirmed transaction may yet be replaced, per chain: beyond the 100 blocks after which Bitcoin itself
lets new coins be spent (COINBASE_MATURITY), and an hour where blocks are quick.
"""

MISSED_FOR = timedelta(days=14)
"""How long what a chain has taken back is looked for: as long as Bitcoin's pool keeps what no block takes
(``-mempoolexpiry``, 336 hours). What is heard of it afterwards counts all the same.
"""

_TRANSACTION = f"{TATUM}:tx:"

_QUEUE_LAG = timedelta(minutes=1)
"""How long after a send the vendor's queue may not list it yet."""

_SIGNED_WITHIN = timedelta(days=1)
"""How long an operation may wait for its signature. The daemon asks for new ones every few seconds, and one that it has
failed may be listed for ever.
"""


PULL_RETURNED = "pull-returned"
"""Why coins are not sent whose dollars have gone back."""


def by_nobody(_run: Run) -> None:
    """No pull pays for it."""


@dataclass(frozen=True, slots=True)
class ChainTerms:
    """What a flow tells its chain step."""

    chain: str
    address: str
    amount: Money


_FEE = "fee"


@dataclass(frozen=True, slots=True)
class Sighting:
    """What the queue and the chain know of a send; ``rival``: why it cannot be mined any more, if that is so.

    ``given_up``: the vendor still knows the operation, but queues it no more, and has no transaction for it.
    """

    pending: PendingSend | None
    transaction: ChainTransaction | None
    rival: str | None = None
    given_up: bool = False


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
    | replaced by another transaction | clearing:out / delivery |

    Without ``spending`` the vendor chooses nonce and inputs, and the approval is the only fence. ``paid_by`` names the
    pull that pays for it, if one does: it is looked at before every send, and one that came back stops the coins.
    """

    terms: Callable[[Run], ChainTerms]
    spending: Spending | None = None
    paid_by: Callable[[Run], str | None] = by_nobody
    provider: str = TATUM
    operation: str = "send"

    async def examine(self, run: Run, outside: Outside) -> Progress | Ready | None:
        lost = await lost_verdict(run.book, run.user_id, outside)
        if lost is not None:
            return Stuck(lost)
        if self.spending is None:
            return None
        terms = self.terms(run)
        ready = await self.spending.take(run, terms.chain, terms.amount, outside)
        if not isinstance(ready, Ready):
            return ready
        coins = outside.providers.coins
        paid_at = coins.paid_at(terms.chain, terms.address, terms.amount.asset)
        elsewhere = {} if paid_at == terms.address else {"paid_at": paid_at}
        return replace(ready, request={**ready.request, "from": coins.treasury(terms.chain), **elsewhere})

    def request(self, run: Run) -> Mapping[str, Any]:
        terms, paid_by = self.terms(run), self.paid_by(run)
        return {
            "chain": terms.chain,
            "to": terms.address,
            "amount": str(terms.amount),
            "currency": terms.amount.asset.code,
            **({} if paid_by is None else {"paid_by": paid_by}),
        }

    def sending(self, run: Run) -> Outcome:
        amount = self.terms(run).amount
        delivery, doubt = chart.delivery(run.book, amount.asset), chart.in_doubt(run.book, TATUM, amount.asset)
        return Outcome((run.transaction("sending", debit(delivery, amount), credit(doubt, amount)),))

    async def send(self, effect: Effect, outside: Outside) -> Sent:
        """Queue it. One whose pull has come back is declined by ourselves: what it left queued is never approved."""
        request = effect.request
        if "paid_by" in request and await returned_meanwhile(request["paid_by"], outside):
            raise Declined(self.provider, PULL_RETURNED)
        amount = Money.parse(request["amount"], asset(request["currency"]))
        order = CoinOrder(request["chain"], request["to"], amount)
        if self.spending is not None:
            order = self.spending.order(order.chain, order.to, amount, request)
        return Sent(await outside.providers.coins.send(order))

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
        posting = run.transaction("refused", debit(doubt, amount), credit(delivery, amount))
        return Outcome((posting,), companions=self._given_back(run))

    def waits_for(self, effect: Effect) -> tuple[str, ...]:
        return (f"{TATUM}:kms:{effect.ref}",)

    async def look(self, effect: Effect, outside: Outside) -> Sighting:
        """What became of the approved operation; before approval, whether the queue still holds ours."""
        told = await self._as_told(effect, outside)
        if told is not None:
            return told
        coins = outside.providers.coins
        pending = await coins.pending_send(effect.ref)
        given_up = pending is not None and pending.tx_id is None and await self._is_given_up(effect, coins)
        if effect.approved_ref is not None and self.spending is not None and (pending is None or given_up):
            pending = await self.spending.carried_out(effect, outside) or pending
        if effect.approved_ref is None or pending is None or pending.tx_id is None:
            return Sighting(pending, None, given_up=given_up)
        chain, tx_id, enough = effect.request["chain"], pending.tx_id, _depth_asked_for(effect)
        found = await coins.transaction(chain, tx_id, enough=enough)
        if self.spending is None or (found is not None and found.status != "pending"):
            return Sighting(pending, found)
        rival = await self.spending.rival(effect, tx_id, coins)
        same = None if rival is None else await self.spending.carried_out(effect, outside)
        if same is not None and same.tx_id is not None:
            return Sighting(same, await coins.transaction(chain, same.tx_id, enough=enough))
        again = found if rival is None else await coins.transaction(chain, tx_id, enough=enough)
        return Sighting(pending, again, rival)

    async def _as_told(self, effect: Effect, outside: Outside) -> Sighting | None:
        """The transaction that an event has named with the operation, where it is mined and only this send can be it:
        then the queue has nothing to add.
        """
        if self.spending is None or effect.approved_ref is None or not is_one_of_a_kind(effect.request):
            return None
        chain = effect.request["chain"]
        beside = await outside.kept.named_beside(f"{TATUM}:kms:{effect.approved_ref}")
        named = dict.fromkeys(ref.removeprefix(_TRANSACTION) for ref in beside if ref.startswith(_TRANSACTION))
        for tx_id in named:
            found = await outside.providers.coins.transaction(chain, tx_id, enough=_depth_asked_for(effect))
            if found is not None and found.status == "mined" and carried_out_by(effect.request, found):
                return Sighting(as_broadcast(effect, tx_id), found)
        return None

    async def _is_given_up(self, effect: Effect, coins: SendsCoins) -> bool:
        """The vendor has no word for a failed operation but its webhook: it is one that has left the queue unsent."""
        try:
            queue = await coins.pending_sends(effect.request["chain"])
        except Unavailable:
            return False
        if any(queued.id == effect.ref for queued in queue):
            return False
        pending = await coins.pending_send(effect.ref)
        return pending is not None and pending.tx_id is None

    def judge(self, run: Run, effect: Effect, seen: Sighting) -> Progress:
        unsigned = seen.pending is not None and seen.pending.tx_id is None
        patience = _QUEUE_LAG if seen.given_up else _SIGNED_WITHIN
        if unsigned and run.now >= effect.send_by + patience:
            return self._given_up(run, effect)
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
            outcome = Outcome((*broadcast, *self._reverted(run, found)), result={"tx_id": tx_id})
            return Failed(
                "reverted", outcome, (undelivered(f"{TATUM}:tx:{tx_id}", fee_paid(self._facts(run)), run.now),)
            )
        if found is None or found.status != "mined" or not self._is_deep(run, found):
            outcome = Outcome(broadcast, result={} if known else {"tx_id": tx_id})
            waiting = Waiting(outcome, refs=(*waits, f"{TATUM}:tx:{tx_id}"))
            displaced = found is None and seen.rival is not None
            return self._displaced(run, waiting, seen.rival or "", tx_id) if displaced else waiting
        outcome = Outcome((*broadcast, self._confirmed(run, found)), self._used(run), result={"tx_id": tx_id})
        return Settled(outcome, (self._delivered(run, tx_id),))

    def _is_deep(self, run: Run, found: ChainTransaction) -> bool:
        terms = self.terms(run)
        return found.confirmations >= CHAINS[terms.chain].confirmations(terms.amount)

    def _displaced(self, run: Run, waiting: Waiting, rival: str, tx_id: str) -> Progress:
        """Another transaction has what this one needs. When that is as deep as we ask of our own, this one is over."""
        terms = self.terms(run)
        since = run.results[run.step].get("displaced_at")
        if since is None:
            outcome = replace(waiting.outcome, result={**waiting.outcome.result, "displaced_at": run.now})
            return replace(waiting, outcome=outcome, until=run.now + settling_time(terms.chain, terms.amount))
        if run.now < since + settling_time(terms.chain, terms.amount):
            return replace(waiting, until=since + settling_time(terms.chain, terms.amount))
        clearing = chart.clearing_out(run.book, terms.amount.asset)
        delivery = chart.delivery(run.book, terms.amount.asset)
        back = run.transaction("replaced", debit(clearing, terms.amount), credit(delivery, terms.amount))
        outcome = Outcome((*waiting.outcome.transactions, back), self._used(run))
        return Failed(rival, outcome, (self._undelivered(run, tx_id),))

    def _delivered(self, run: Run, tx_id: str) -> Watch:
        return delivered(f"{TATUM}:tx:{tx_id}", self._facts(run), run.now)

    def _undelivered(self, run: Run, tx_id: str) -> Watch:
        return undelivered(f"{TATUM}:tx:{tx_id}", self._facts(run), run.now)

    def _facts(self, run: Run) -> Mapping[str, str]:
        terms = self.terms(run)
        return {"amount": money(terms.amount), "chain": terms.chain}

    def _without_signature(self, run: Run, effect: Effect, seen: Sighting) -> Progress:
        """Nothing unapproved is ever signed: an operation that is gone is definitely not done, and one that was
        broadcast was approved for another effect, which asked for the same.
        """
        if seen.pending is not None and seen.pending.tx_id is None:
            return Waiting()
        if effect.approved_ref is not None:
            terms, ref = self.terms(run), f"{TATUM}:kms:{effect.approved_ref}"
            absent = absent_for_now(run, ref, settling_time(terms.chain, terms.amount))
            return absent or Stuck("approved-operation-vanished")
        return Failed("operation-gone", self.refused(run))

    def _given_up(self, run: Run, effect: Effect) -> Progress:
        """What was never approved is never signed. What was approved may be signed: absence has to be proven."""
        if effect.approved_ref is not None:
            return Stuck("approved-operation-failed")
        return Failed("operation-failed", self.refused(run))

    def _given_back(self, run: Run) -> tuple[Companion, ...]:
        address = run.results.get(run.step, {}).get("from")
        if self.spending is None or address is None:
            return ()
        return self.spending.give_back(run, self.terms(run).chain, address)

    def _used(self, run: Run) -> tuple[Companion, ...]:
        return () if self.spending is None else self.spending.used(run, self.terms(run).chain)

    def _broadcast(self, run: Run) -> Transaction:
        amount = self.terms(run).amount
        doubt, clearing = chart.in_doubt(run.book, TATUM, amount.asset), chart.clearing_out(run.book, amount.asset)
        return run.transaction("broadcast", debit(doubt, amount), credit(clearing, amount))

    def _confirmed(self, run: Run, found: ChainTransaction) -> Transaction:
        amount = self.terms(run).amount
        clearing, custody = chart.clearing_out(run.book, amount.asset), chart.custody(run.book, amount.asset)
        if not found.fee:
            return run.transaction("confirmed", debit(clearing, amount), credit(custody, amount))
        paid = chart.network_fees_paid(run.book, found.fee.asset)
        if found.fee.asset == amount.asset:
            legs = (debit(clearing, amount), debit(paid, found.fee), credit(custody, amount + found.fee))
            return run.transaction("confirmed", *legs)
        burnt = (debit(paid, found.fee), credit(chart.custody(run.book, found.fee.asset), found.fee))
        return run.transaction("confirmed", debit(clearing, amount), credit(custody, amount), *burnt)

    def _reverted(self, run: Run, found: ChainTransaction) -> tuple[Transaction, ...]:
        amount = self.terms(run).amount
        clearing, delivery = chart.clearing_out(run.book, amount.asset), chart.delivery(run.book, amount.asset)
        back = run.transaction("reverted", debit(clearing, amount), credit(delivery, amount))
        if not found.fee:
            return (back,)
        gas = found.fee.asset
        paid, custody = chart.network_fees_paid(run.book, gas), chart.custody(run.book, gas)
        return (back, run.transaction("burnt", debit(paid, found.fee), credit(custody, found.fee)))


def _depth_asked_for(effect: Effect) -> int:
    request = effect.request
    return CHAINS[request["chain"]].confirmations(Money.parse(request["amount"], asset(request["currency"])))


def delivered(ref: str, facts: Mapping[str, str], now: datetime) -> Watch:
    """The watch on a send that is as deep in the chain as is asked for."""
    return Watch(CHAIN_SEND, ref, now + REORG_WINDOW[facts["chain"]], facts)


def undelivered(ref: str, facts: Mapping[str, str], now: datetime) -> Watch:
    """The watch on one that was broadcast, and given up."""
    return Watch(MISSING_SEND, ref, now + MISSED_FOR, facts)


def fee_paid(facts: Mapping[str, str]) -> Mapping[str, str]:
    """What is known of a send whose fee is in the books: mined again, it pays it to other miners, and once."""
    return {**facts, _FEE: "paid"}


def is_fee_paid(facts: Mapping[str, str]) -> bool:
    """Whether the books have its fee."""
    return facts.get(_FEE) == "paid"


def asks_for(effect: Effect, pending: PendingSend) -> bool:
    """Whether a pending operation is exactly what the effect was to send: receiver, amount, token, nonce and inputs."""
    request = effect.request
    wanted = Money.parse(request["amount"], asset(request["currency"]))
    chain, to = request["chain"], canonical_address(request["chain"], request.get("paid_at", request["to"]))
    if (pending.chain, canonical_address(chain, pending.to), pending.amount) != (chain, to, wanted):
        return False
    if "nonce" in request and pending.nonce != request["nonce"]:
        return False
    return "inputs" not in request or pending.inputs == {each.ref for each in inputs_of(request, wanted)}
