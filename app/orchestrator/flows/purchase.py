"""Purchase: fiat to crypto, funded from a linked bank or from an account here, delivered on chain or to an account.

At acceptance the coins are reserved in our inventory and, when an account pays, its money is held. A bank's dollars
are pulled and pass through the customer's own account, held there. Then the quote is executed, and the coins go out.
Whatever cannot be delivered is unwound: the conversion is mirrored, and dollars that came by ACH go back by a new ACH
credit, because a settled pull cannot be rolled back.
"""

from datetime import timedelta
from typing import Literal

from app.ids import public_id
from app.ledger.accounts import Account, main_account
from app.ledger.transactions import Leg, credit, debit, release
from app.money import Money
from app.orchestrator.flows import chart
from app.orchestrator.flows.ach import AchTerms, Pull, Refund
from app.orchestrator.flows.ach_call_off import CallOff
from app.orchestrator.flows.chain import ChainTerms, Send
from app.orchestrator.flows.params import Params, StoredMoney, money
from app.orchestrator.flows.screening import screened
from app.orchestrator.flows.spending import SPENDING
from app.orchestrator.saga import Outcome, Run, Saga, Step
from app.providers.screening_ports import Payment
from app.wallets.quotes import consumption


class Purchase(Params):
    """What was agreed: a quote, who pays and who receives; ids are stored ones."""

    quote_id: str
    quote_version: int
    total: StoredMoney
    fee: StoredMoney
    network_fee: StoredMoney
    coins: StoredMoney
    funding: Literal["bank", "account"]
    account_id: str
    bank_link_id: str | None = None
    chain: str | None = None
    address: str | None = None
    receiving_account_id: str | None = None
    refund_rest_s: int = 0


def pays_from_bank(purchase: Purchase) -> bool:
    """Whether dollars are pulled first."""
    return purchase.funding == "bank"


def goes_on_chain(purchase: Purchase) -> bool:
    """Whether the coins leave the house."""
    return purchase.address is not None


def stays_here(purchase: Purchase) -> bool:
    """Whether the coins go to an account here."""
    return purchase.address is None


def paying_account(run: Run) -> Account | str:
    """The account the dollars leave from; a bank's pass through the customer's own, opened if they have none."""
    purchase: Purchase = run.params
    main = main_account(run.book, run.user_id, purchase.total.asset)
    return main if purchase.account_id == main.id else purchase.account_id


def dollars_hold(run: Run) -> str:
    """The hold the dollars are under now: each phase of the purchase places its own."""
    if run.step == "collect" and run.was_done("convert"):
        return run.transaction_id("convert", "hold-again")
    return run.transaction_id("collect" if pays_from_bank(run.params) else "record", "hold")


def reserve(run: Run) -> Outcome:
    """Use the quote, reserve its coins, and hold the money of a paying account; all in the commit of acceptance."""
    purchase: Purchase = run.params
    coin = purchase.coins.asset
    inventory, delivery = chart.trading(run.book, coin), chart.delivery(run.book, coin)
    holds = [run.hold("coins", inventory, delivery, purchase.coins)]
    if not pays_from_bank(purchase):
        position = chart.trading(run.book, purchase.total.asset)
        holds.append(run.hold("hold", paying_account(run), position, purchase.total))
    return Outcome(
        tuple(holds),
        companions=(consumption(purchase.quote_id, purchase.quote_version, run.saga_id),),
        openings=_to_open(run),
    )


def cancel_reservations(run: Run) -> Outcome:
    """Give back what acceptance reserved; a conversion has used it up, and its mirror has given it back."""
    if run.was_done("convert"):
        return Outcome()
    purchase: Purchase = run.params
    coin = purchase.coins.asset
    inventory, delivery = chart.trading(run.book, coin), chart.delivery(run.book, coin)
    coins = run.hold("coins", inventory, delivery, purchase.coins)
    released = [release(run.transaction_id("record", "coins-released"), coins, purchase.coins)]
    if not pays_from_bank(purchase):
        position = chart.trading(run.book, purchase.total.asset)
        dollars = run.hold("hold", paying_account(run), position, purchase.total)
        released.append(release(run.transaction_id("record", "hold-released"), dollars, purchase.total))
    return Outcome(tuple(released))


def pull_terms(run: Run) -> AchTerms:
    """What is pulled, and back to whom it would go."""
    purchase: Purchase = run.params
    return AchTerms(purchase.total, str(purchase.bank_link_id), paying_account(run))


def refund_rest(run: Run) -> timedelta:
    """How long a settled pull rests before its dollars may go back: the return window, as it was at acceptance."""
    return timedelta(seconds=run.params.refund_rest_s)


def dollar_position(run: Run) -> Account:
    """Where the customer's dollars will go."""
    return chart.trading(run.book, run.params.total.asset)


def convert_at_quote(run: Run) -> Outcome:
    """One transaction, two balanced currencies, at exactly the quoted price."""
    holds = (dollars_hold(run), run.transaction_id("record", "coins"))
    return Outcome((run.transaction("converted", *_conversion(run), holds=holds),))


def reverse_conversion(run: Run) -> Outcome:
    """The mirror; a bank's dollars are held again, for the refund that follows."""
    mirrored = (Leg(leg.account_id, leg.side.mirror, leg.amount, leg.opening) for leg in _conversion(run))
    postings = [run.transaction("reversed", *mirrored)]
    if pays_from_bank(run.params):
        postings.append(run.hold("hold-again", paying_account(run), dollar_position(run), run.params.total))
    return Outcome(tuple(postings))


def chain_terms(run: Run) -> ChainTerms:
    """Where the coins go on chain."""
    purchase: Purchase = run.params
    return ChainTerms(str(purchase.chain), str(purchase.address), purchase.coins)


def paying_pull(run: Run) -> str | None:
    """The bank's payment that pays for the coins, if a bank pays."""
    return run.results["collect"]["payment_id"] if pays_from_bank(run.params) else None


def credit_coins(run: Run) -> Outcome:
    """Deliver to an account here."""
    purchase: Purchase = run.params
    delivery = chart.delivery(run.book, purchase.coins.asset)
    legs = (debit(delivery, purchase.coins), credit(str(purchase.receiving_account_id), purchase.coins))
    return Outcome((run.transaction("credited", *legs),))


def _conversion(run: Run) -> tuple[Leg, ...]:
    purchase: Purchase = run.params
    currency, coin = purchase.total.asset, purchase.coins.asset
    spent: Money = purchase.total - purchase.fee - purchase.network_fee
    charges = (
        (chart.fees(run.book, currency), purchase.fee),
        (chart.network_fees_charged(run.book, currency), purchase.network_fee),
    )
    return (
        debit(paying_account(run), purchase.total),
        credit(chart.trading(run.book, currency), spent),
        *(credit(account, amount) for account, amount in charges if amount),
        debit(chart.trading(run.book, coin), purchase.coins),
        credit(chart.delivery(run.book, coin), purchase.coins),
    )


def _to_open(run: Run) -> tuple[Account, ...]:
    account = paying_account(run)
    return (account,) if isinstance(account, Account) else ()


COLLECT = Pull(pull_terms, hold_toward=dollar_position)


def payment(run: Run) -> Payment:
    """What a check is told of coins that go to an address."""
    purchase: Purchase = run.params
    return Payment(public_id(run.saga_id), purchase.coins, "chain", str(purchase.address))


PURCHASE = Saga(
    "purchase",
    version=1,
    params=Purchase,
    steps=(
        Step(
            "record",
            lambda purchase: f"the quote was used, and its {money(purchase.coins)} were reserved",
            do=reserve,
            undo=cancel_reservations,
        ),
        Step(
            "collect",
            lambda purchase: f"{money(purchase.total)} arrived from the bank, and are held",
            do=COLLECT,
            undo=Refund(pull_terms, dollars_hold, pulled_by="collect", rest=refund_rest),
            call_off=CallOff(COLLECT),
            when=pays_from_bank,
        ),
        Step(
            "convert",
            lambda purchase: f"{money(purchase.total)} became {money(purchase.coins)}, as quoted",
            do=convert_at_quote,
            undo=reverse_conversion,
        ),
        Step(
            "credit",
            lambda purchase: f"{money(purchase.coins)} were credited to the account here",
            do=credit_coins,
            when=stays_here,
        ),
        Step(
            "deliver",
            lambda purchase: f"{money(purchase.coins)} were delivered on {purchase.chain}",
            do=Send(chain_terms, SPENDING, paid_by=paying_pull),
            when=goes_on_chain,
            pivot=True,
        ),
    ),
)

SCREENED_PURCHASE = screened(PURCHASE, payment)
"""The same, checked before anything leaves."""
