"""A deposit that was credited, and that the chain has taken back.

| What happened | DR / CR |
|---|---|
| it is not on the chain any more | nothing: it may be mined again; a case is open, and in the end a person decides |
| it was mined again, and reverted | customer, or receivable / custody |
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.ledger.transactions import credit, debit
from app.orchestrator.flows import chart
from app.orchestrator.flows.late import Recovery, customers_account
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Outcome, Progress, Run, Settled, Waiting
from app.providers.chain_ports import ChainTransaction


@dataclass(frozen=True, slots=True)
class DepositUndone:
    """Coins that were the customer's, and never came."""

    freezes: bool = True

    async def look(self, object_id: str, facts: Mapping[str, str], outside: Outside) -> ChainTransaction | None:
        return await outside.providers.receiving.transaction(facts["chain"], object_id)

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
        return Settled(Outcome((run.transaction("undone", debit(account, amount), credit(custody, amount)),)))


DEPOSIT_UNDONE = DepositUndone()
