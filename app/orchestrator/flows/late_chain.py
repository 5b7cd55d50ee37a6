"""Coins whose whereabouts turn out otherwise after the saga that sent them had concluded something about them.

| What happened | DR / CR |
|---|---|
| a confirmed send was reverted | custody / customer: the coins are here, and theirs |
| a confirmed send is not on the chain any more | nothing: it may be mined again; in the end a person decides |
| coins left that were taken never to have been sent | customer, or receivable / custody · netfee_out / custody |
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.ledger.transactions import credit, debit
from app.orchestrator.flows import chart
from app.orchestrator.flows.chain import TATUM, Sighting
from app.orchestrator.flows.late import Recovery, customers_account
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Outcome, Progress, Run, Settled, Waiting
from app.providers.chain_ports import ChainTransaction
from app.providers.tatum.chains import CHAINS


@dataclass(frozen=True, slots=True)
class Reorganised:
    """A confirmed send that the chain has taken back. Absence proves nothing: it may be mined again."""

    freezes: bool = False

    async def look(self, object_id: str, facts: Mapping[str, str], outside: Outside) -> ChainTransaction | None:
        return await outside.providers.coins.transaction(facts["chain"], object_id)

    def happened(self, seen: ChainTransaction | None) -> str | None:
        if seen is None:
            return "vanished"
        return None if seen.status == "mined" else seen.status

    def book(self, run: Run, seen: ChainTransaction | None) -> Progress:
        recovery: Recovery = run.params
        if seen is None or seen.status != "reverted":
            return Waiting(refs=(recovery.ref,))
        amount = recovery.amount
        account, custody = customers_account(run, amount.asset), chart.custody(run.book, amount.asset)
        return Settled(Outcome((run.transaction("reverted", debit(custody, amount), credit(account, amount)),)))


@dataclass(frozen=True, slots=True)
class CoinsLeft:
    """A send that was broadcast although it was concluded that it was not."""

    freezes: bool = False

    async def look(self, object_id: str, facts: Mapping[str, str], outside: Outside) -> Sighting:
        coins = outside.providers.coins
        pending = await coins.pending_send(object_id)
        if pending is None or pending.tx_id is None:
            return Sighting(pending, None)
        return Sighting(pending, await coins.transaction(facts["chain"], pending.tx_id))

    def happened(self, seen: Sighting) -> str | None:
        return "broadcast" if seen.pending is not None and seen.pending.tx_id is not None else None

    def book(self, run: Run, seen: Sighting) -> Progress:
        recovery: Recovery = run.params
        found = seen.transaction
        if found is not None and found.status == "reverted":
            return Settled()
        if found is None or found.status != "mined" or not _is_deep(recovery, found):
            refs = (f"{TATUM}:tx:{seen.pending.tx_id}",) if seen.pending else ()
            return Waiting(refs=refs)
        amount, fee = recovery.amount, found.fee
        account, custody = customers_account(run, amount.asset), chart.custody(run.book, amount.asset)
        postings = [run.transaction("left", debit(account, amount), credit(custody, amount))]
        if fee:
            paid = chart.network_fees_paid(run.book, fee.asset)
            postings.append(run.transaction("fee", debit(paid, fee), credit(chart.custody(run.book, fee.asset), fee)))
        return Settled(Outcome(tuple(postings), result={"tx_id": found.tx_id}))


def _is_deep(recovery: Recovery, found: ChainTransaction) -> bool:
    return found.confirmations >= CHAINS[recovery.facts["chain"]].confirmations(recovery.amount)


REORGANISED = Reorganised()
COINS_LEFT = CoinsLeft()
