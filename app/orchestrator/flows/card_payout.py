"""Card payout: dollars from an account here to the customer's own debit card, at once.

The card processor pays a card only from the balance of the account that the card is on file for. So the customer gets a
payee there, once; their card is put on file; money is moved to the payee; and from there it is paid to the card. What
fails is undone from where it stands: the money is moved back, and is the customer's again.
"""

from app.ids import public_id, stored_id
from app.ledger.transactions import release
from app.orchestrator.flows import chart
from app.orchestrator.flows.card_moves import MoveBack, MoveToPayee, PayOut
from app.orchestrator.flows.card_payees import Enrol, PutOnFile
from app.orchestrator.flows.card_topup import STRIPE
from app.orchestrator.flows.params import Params, StoredMoney, money
from app.orchestrator.flows.screening import screened
from app.orchestrator.saga import Outcome, Run, Saga, Step
from app.providers.screening_ports import Payment


class CardPayout(Params):
    """From which account, how much, and the card's token as its owner's app got it, sealed for the saga."""

    account_id: str
    amount: StoredMoney
    card_token: str


def hold_dollars(run: Run) -> Outcome:
    """What is to leave can be spent on nothing else from here on."""
    payout: CardPayout = run.params
    doubt = chart.in_doubt(run.book, STRIPE, payout.amount.asset)
    return Outcome((run.hold("hold", payout.account_id, doubt, payout.amount),))


def release_dollars(run: Run) -> Outcome:
    """Give back what acceptance held; a move that was recorded has used it up, and gives back itself."""
    if "recorded_at" in run.results.get("transfer", {}):
        return Outcome()
    (held,) = hold_dollars(run).transactions
    return Outcome((release(run.transaction_id("record", "hold-released"), held, run.params.amount),))


def held(run: Run) -> str:
    """The hold that the move to the payee captures."""
    return run.transaction_id("record", "hold")


def owner(run: Run) -> str:
    """The stored id of whose payee it is."""
    return stored_id(run.book, run.user_id)


def payment(run: Run) -> Payment:
    """What a check is told; of the card, only that it is the customer's own."""
    payout: CardPayout = run.params
    return Payment(public_id(run.saga_id), payout.amount, "card", run.user_id)


CARD_PAYOUT = Saga(
    "card_payout",
    version=1,
    params=CardPayout,
    steps=(
        Step(
            "record",
            lambda payout: f"{money(payout.amount)} are held in the account",
            do=hold_dollars,
            undo=release_dollars,
        ),
        Step("payee", lambda _: "the card processor knows the customer as a payee", do=Enrol(owner)),
        Step("card", lambda _: "the card is on file", do=PutOnFile()),
        Step(
            "transfer",
            lambda payout: f"{money(payout.amount)} were moved to the payee",
            do=MoveToPayee(held),
            undo=MoveBack(),
        ),
        Step("payout", lambda payout: f"{money(payout.amount)} were paid to the card", do=PayOut()),
    ),
)

SCREENED_CARD_PAYOUT = screened(CARD_PAYOUT, payment, behind="card")
"""The same, checked before anything leaves, and with the card on file: its token would not keep until an officer looks.
"""
