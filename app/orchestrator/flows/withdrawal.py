"""Withdrawal: push dollars from an account here to the customer's linked bank, by an ACH credit.

At acceptance the dollars are held. The push takes them from the account when it is recorded, before the bank is called;
what the bank refuses, or gives back before it has sent it, is the customer's again. It may also come back days after it
was sent: then the withdrawal is complete, and the dollars return to the account by a flow of their own.
"""

from app.ids import public_id
from app.ledger.transactions import release
from app.orchestrator.flows import chart
from app.orchestrator.flows.ach import UNIT, AchTerms
from app.orchestrator.flows.ach_push import Push
from app.orchestrator.flows.params import Params, StoredMoney, money
from app.orchestrator.flows.screening import screened
from app.orchestrator.saga import Outcome, Run, Saga, Step
from app.providers.screening_ports import Payment


class Withdrawal(Params):
    """From which account, over which bank link, how much; ids are stored ones."""

    account_id: str
    bank_link_id: str
    amount: StoredMoney


def hold_dollars(run: Run) -> Outcome:
    """What is to leave can be spent on nothing else from here on."""
    withdrawal: Withdrawal = run.params
    doubt = chart.in_doubt(run.book, UNIT, withdrawal.amount.asset)
    return Outcome((run.hold("hold", withdrawal.account_id, doubt, withdrawal.amount),))


def release_dollars(run: Run) -> Outcome:
    """Give back what acceptance held; a push that was recorded has used it up, and gives back itself."""
    if "recorded_at" in run.results.get("push", {}):
        return Outcome()
    (held,) = hold_dollars(run).transactions
    return Outcome((release(run.transaction_id("record", "hold-released"), held, run.params.amount),))


def terms(run: Run) -> AchTerms:
    """What is pushed, and whose it is."""
    withdrawal: Withdrawal = run.params
    return AchTerms(withdrawal.amount, withdrawal.bank_link_id, withdrawal.account_id)


def held(run: Run) -> str:
    """The hold that the push captures."""
    return run.transaction_id("record", "hold")


def payment(run: Run) -> Payment:
    """What a check is told."""
    withdrawal: Withdrawal = run.params
    return Payment(public_id(run.saga_id), withdrawal.amount, "bank", public_id(withdrawal.bank_link_id))


WITHDRAWAL = Saga(
    "withdrawal",
    version=1,
    params=Withdrawal,
    steps=(
        Step(
            "record",
            lambda withdrawal: f"{money(withdrawal.amount)} are held in the account",
            do=hold_dollars,
            undo=release_dollars,
        ),
        Step("push", lambda withdrawal: f"{money(withdrawal.amount)} were sent to the bank", do=Push(terms, held)),
    ),
)

SCREENED_WITHDRAWAL = screened(WITHDRAWAL, payment)
"""The same, checked before anything leaves."""
