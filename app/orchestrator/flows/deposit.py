"""Deposit: pull dollars from the customer's bank into their account.

The account is there already; the pull is pending, then in clearing, then the customer's. A pull that is refused or
comes back before it settles leaves everything as it was, and so does one that is called off in time; one that settled
all the same is the customer's.
"""

from app.orchestrator.flows.ach import AchTerms, Pull
from app.orchestrator.flows.ach_call_off import CallOff
from app.orchestrator.flows.params import Params, StoredMoney, money
from app.orchestrator.saga import Outcome, Run, Saga, Step


class Deposit(Params):
    """Which account, over which bank link, how much; ids are stored ones."""

    account_id: str
    bank_link_id: str
    amount: StoredMoney


def accept(_run: Run) -> Outcome:
    """Nothing is reserved: the money is not here yet."""
    return Outcome()


def terms(run: Run) -> AchTerms:
    """What is pulled, and for whom."""
    deposit: Deposit = run.params
    return AchTerms(deposit.amount, deposit.bank_link_id, deposit.account_id)


COLLECT = Pull(terms)

DEPOSIT = Saga(
    "deposit",
    version=1,
    params=Deposit,
    steps=(
        Step("record", lambda deposit: f"a pull of {money(deposit.amount)} was ordered", do=accept),
        Step(
            "collect",
            lambda deposit: f"{money(deposit.amount)} arrived from the bank",
            do=COLLECT,
            call_off=CallOff(COLLECT),
        ),
    ),
)
