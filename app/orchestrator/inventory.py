"""The treasury's coins: what the owners put into custody, and may be sold from the position."""

from app.ids import derived_id, stored_id
from app.ledger import verbs
from app.ledger.committer import Committer
from app.ledger.transactions import Transaction, credit, debit
from app.money import Money
from app.orchestrator.flows import chart


async def fund_inventory(door: Committer, book: str, coins: Money, reference: str) -> None:
    """Book coins that the owners have put into custody; the same reference books them once."""
    await verbs.post(
        door,
        Transaction(
            id=stored_id(book, derived_id("txn", book, "inventory", coins.asset.code, reference)),
            kind="inventory",
            legs=(debit(chart.custody(book, coins.asset), coins), credit(chart.trading(book, coins.asset), coins)),
        ),
    )
