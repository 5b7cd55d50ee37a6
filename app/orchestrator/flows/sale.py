"""Sale: crypto to fiat, from an account here to an account here.

At acceptance the coins are held and the quote is used. Then, in one transaction, the coins go to our inventory and the
dollars to the customer, at exactly the quoted price; the fee is a leg of it. Nobody outside is called.
"""

from app.ledger.transactions import credit, debit, release
from app.orchestrator.flows import chart
from app.orchestrator.flows.params import Params, StoredMoney, money
from app.orchestrator.saga import Outcome, Run, Saga, Step
from app.wallets.quotes import consumption


class Sale(Params):
    """What was agreed: a quote, whose coins, and who receives; ``total`` is what arrives; ids are stored ones."""

    quote_id: str
    quote_version: int
    coins: StoredMoney
    total: StoredMoney
    fee: StoredMoney
    source_account_id: str
    receiving_account_id: str


def hold_coins(run: Run) -> Outcome:
    """Use the quote and hold its coins; in the commit of acceptance."""
    sale: Sale = run.params
    inventory = chart.trading(run.book, sale.coins.asset)
    return Outcome(
        (run.hold("hold", sale.source_account_id, inventory, sale.coins),),
        companions=(consumption(sale.quote_id, sale.quote_version, run.saga_id),),
    )


def release_coins(run: Run) -> Outcome:
    """Give back what acceptance held. The quote stays used."""
    (held,) = hold_coins(run).transactions
    return Outcome((release(run.transaction_id("record", "hold-released"), held, run.params.coins),))


def convert_at_quote(run: Run) -> Outcome:
    """One transaction, two balanced currencies."""
    sale: Sale = run.params
    inventory, position = chart.trading(run.book, sale.coins.asset), chart.trading(run.book, sale.total.asset)
    fee = (credit(chart.fees(run.book, sale.fee.asset), sale.fee),) if sale.fee else ()
    legs = (
        debit(sale.source_account_id, sale.coins),
        credit(inventory, sale.coins),
        debit(position, sale.total + sale.fee),
        credit(sale.receiving_account_id, sale.total),
        *fee,
    )
    return Outcome((run.transaction("converted", *legs, holds=(run.transaction_id("record", "hold"),)),))


SALE = Saga(
    "sale",
    version=1,
    params=Sale,
    steps=(
        Step(
            "record",
            lambda sale: f"the quote was used, and its {money(sale.coins)} are held in the account",
            do=hold_coins,
            undo=release_coins,
        ),
        Step(
            "convert",
            lambda sale: f"{money(sale.coins)} became {money(sale.total)}, as quoted",
            do=convert_at_quote,
        ),
    ),
)
