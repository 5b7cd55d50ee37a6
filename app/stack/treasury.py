"""The treasury's side of the books, from the command line."""

from app.errors import WalletError
from app.money import Money, asset
from app.orchestrator.inventory import fund_inventory
from app.runtime import open_runtime
from app.settings import Settings
from app.stack.problem import Problem


async def funded(settings: Settings, book: str, currency: str, amount: str, reference: str) -> str:
    """Book coins that were put into custody, and say so; the same reference again changes nothing."""
    try:
        coins = Money.parse(amount, asset(currency))
    except WalletError as refusal:
        raise _nothing_booked(refusal) from None
    if coins.asset.kind != "crypto" or not coins:
        raise Problem(f"{amount} {currency} is no amount of coins: only crypto assets are kept in custody.")
    refused: WalletError | None = None
    async with open_runtime(settings) as runtime:
        try:
            await fund_inventory(runtime.door, book, coins, reference)
        except WalletError as refusal:
            refused = refusal
    if refused is not None:
        raise _nothing_booked(refused)
    return f"{coins} {currency} are in custody and may be sold (reference {reference})."


def _nothing_booked(refusal: WalletError) -> Problem:
    return Problem(f"Nothing was booked: {refusal.sentence}")
