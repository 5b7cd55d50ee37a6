"""Coins whose whereabouts turn out otherwise after the saga that sent them had concluded something about them.

| What happened | DR / CR |
|---|---|
| a confirmed send was reverted | custody / customer: the coins are here, and theirs |
| a confirmed send is not on the chain any more | nothing: it may be mined again; in the end a person decides |
| coins left that were taken never to have been sent | customer, or receivable / custody · netfee_out / custody |
| a send is mined that was given up as replaced or reverted | the same |
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.ledger.transactions import credit, debit
from app.orchestrator.flows import chart
from app.orchestrator.flows.chain import MISSED_FOR, TATUM, Sighting, delivered, fee_paid, is_fee_paid, undelivered
from app.orchestrator.flows.late import Recovery, customers_account
from app.orchestrator.flows.spending import absent_for_now, settling_time
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Outcome, Progress, Run, Settled, Stuck, Waiting
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
        back = run.transaction("reverted", debit(custody, amount), credit(account, amount))
        return Settled(Outcome((back,)), (undelivered(recovery.ref, fee_paid(recovery.facts), run.now),))


@dataclass(frozen=True, slots=True)
class CoinsLeft:
    """A send that was broadcast although it was concluded that it was not."""

    freezes: bool = False

    async def look(self, object_id: str, facts: Mapping[str, str], outside: Outside) -> Sighting | None:
        """None: somebody watches it, and whatever becomes of it is that watch's to see."""
        if await outside.kept.is_watched(f"{TATUM}:tx:{object_id}"):
            return None
        return Sighting(None, await outside.providers.coins.transaction(facts["chain"], object_id))

    def happened(self, seen: Sighting | None) -> str | None:
        return None if seen is None else "broadcast"

    def book(self, run: Run, seen: Sighting) -> Progress:
        recovery: Recovery = run.params
        found = seen.transaction
        if found is None:
            return absent_for_now(run, recovery.ref, MISSED_FOR) or Stuck("coins-left-vanished")
        if found.status == "mined" and _is_deep(recovery, found):
            return _left(run, found)
        return Settled() if found.status == "reverted" else Waiting(refs=(recovery.ref,))


@dataclass(frozen=True, slots=True)
class SendMinedAgain:
    """A send that was given up, because another transaction had its place or because it was reverted, and is mined."""

    freezes: bool = False

    async def look(self, object_id: str, facts: Mapping[str, str], outside: Outside) -> ChainTransaction | None:
        return await outside.providers.coins.transaction(facts["chain"], object_id)

    def happened(self, seen: ChainTransaction | None) -> str | None:
        return "mined-again" if seen is not None and seen.status == "mined" else None

    def book(self, run: Run, seen: ChainTransaction) -> Progress:
        recovery: Recovery = run.params
        if _is_deep(recovery, seen):
            return _left(run, seen)
        return Waiting(until=run.now + settling_time(recovery.facts["chain"], recovery.amount), refs=(recovery.ref,))


def _left(run: Run, found: ChainTransaction) -> Settled:
    """The coins are gone, and whoever was given them back here owes them."""
    recovery: Recovery = run.params
    amount, fee = recovery.amount, found.fee
    account, custody = customers_account(run, amount.asset), chart.custody(run.book, amount.asset)
    postings = [run.transaction("left", debit(account, amount), credit(custody, amount))]
    if fee and not is_fee_paid(recovery.facts):
        paid = chart.network_fees_paid(run.book, fee.asset)
        postings.append(run.transaction("fee", debit(paid, fee), credit(chart.custody(run.book, fee.asset), fee)))
    watch = delivered(f"{TATUM}:tx:{found.tx_id}", recovery.facts, run.now)
    return Settled(Outcome(tuple(postings), result={"tx_id": found.tx_id}), (watch,))


def _is_deep(recovery: Recovery, found: ChainTransaction) -> bool:
    return found.confirmations >= CHAINS[recovery.facts["chain"]].confirmations(recovery.amount)


REORGANISED = Reorganised()
COINS_LEFT = CoinsLeft()
SEND_MINED_AGAIN = SendMinedAgain()
