"""Deposits about which the chain has changed its mind after they had been concluded, one way or the other.

| What happened | DR / CR |
|---|---|
| a credited one is in no block for as long as a confirmation takes | customer, or receivable / custody |
| a credited one was mined again, and reverted | the same |
| one that was given up, never credited, is mined again and deep enough | custody / customer |
| one that was taken from the customer is mined again and deep enough | the mirror: nothing is owed for it any more |

A deposit that is taken from the customer stops their account: who pays with coins and takes them back has spent twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.ledger.transactions import Leg, credit, debit
from app.orchestrator.flows import chart
from app.orchestrator.flows.crypto_deposit import credited, is_deep, missing, pays
from app.orchestrator.flows.late import Recovery, customers_account
from app.orchestrator.flows.params import read_money
from app.orchestrator.flows.spending import absent_for_now, settling_time
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Outcome, Progress, Run, Settled, Waiting
from app.providers.chain_ports import ChainTransaction


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What the chain says of a deposit. ``pays``: it is in a block, and pays what was booked.

    ``taken``: the legs that have taken it from the customer, where they had it.
    """

    transaction: ChainTransaction | None
    pays: bool
    taken: tuple[Leg, ...] = ()


@dataclass(frozen=True, slots=True)
class DepositUndone:
    """Coins that were the customer's, and never came."""

    freezes: bool = True

    async def look(self, object_id: str, facts: Mapping[str, str], outside: Outside) -> Whereabouts:
        found = await outside.providers.receiving.transaction(facts["chain"], object_id)
        return Whereabouts(found, _is_paid(found, facts))

    def happened(self, seen: Whereabouts) -> str | None:
        if seen.pays:
            return None
        return "reverted" if seen.transaction is not None and seen.transaction.status == "reverted" else "vanished"

    def book(self, run: Run, seen: Whereabouts) -> Progress:
        recovery: Recovery = run.params
        amount = recovery.amount
        if self.happened(seen) == "vanished":
            absent = absent_for_now(run, recovery.ref, settling_time(recovery.facts["chain"], amount))
            if absent is not None:
                return absent
        account, custody = customers_account(run, amount.asset), chart.custody(run.book, amount.asset)
        undone = run.transaction("undone", debit(account, amount), credit(custody, amount))
        facts = {**recovery.facts, "taken_by": undone.id}
        return Settled(Outcome((undone,)), (missing(recovery.ref, facts, run.now),))


@dataclass(frozen=True, slots=True)
class DepositMinedAgain:
    """Coins that were taken never to have come, and came."""

    freezes: bool = False

    async def look(self, object_id: str, facts: Mapping[str, str], outside: Outside) -> Whereabouts:
        found = await outside.providers.receiving.transaction(facts["chain"], object_id)
        taken = await outside.kept.legs(facts["taken_by"]) if "taken_by" in facts else ()
        return Whereabouts(found, _is_paid(found, facts), tuple(taken))

    def happened(self, seen: Whereabouts) -> str | None:
        return "mined-again" if seen.pays else None

    def book(self, run: Run, seen: Whereabouts) -> Progress:
        recovery: Recovery = run.params
        amount, chain = recovery.amount, recovery.facts["chain"]
        if seen.transaction is None or not is_deep(seen.transaction, chain, amount):
            return Waiting(until=run.now + settling_time(chain, amount), refs=(recovery.ref,))
        account, custody = customers_account(run, amount.asset), chart.custody(run.book, amount.asset)
        legs = [Leg(leg.account_id, leg.side.mirror, leg.amount) for leg in seen.taken]
        again = run.transaction("mined-again", *(legs or (debit(custody, amount), credit(account, amount))))
        facts = {name: fact for name, fact in recovery.facts.items() if name != "taken_by"}
        return Settled(Outcome((again,)), (credited(recovery.ref, facts, run.now),))


def _is_paid(found: ChainTransaction | None, facts: Mapping[str, str]) -> bool:
    if found is None:
        return False
    amount = read_money(facts["amount"])
    if "place" not in facts:  # a watch that was written before places were noted
        return any(pays(found, each.place, amount) for each in found.paid)
    return pays(found, facts["place"], amount)


DEPOSIT_UNDONE = DepositUndone()
DEPOSIT_MINED_AGAIN = DepositMinedAgain()
