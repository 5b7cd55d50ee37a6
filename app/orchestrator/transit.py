"""What a saga's postings have left on the way, and the postings that take it from there. Pure.

They are posted on the very stripes that the saga's own postings were on, as reversals are: a stripe belongs to a
stream, and what one stream has left there no other stream's stripe can take away.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from app.ids import base_id, book_of, derived_id, stored_id
from app.ledger.transactions import Leg, Side, Status, Transaction, credit, debit, release
from app.ledger.verify import is_transit
from app.money import Money
from app.orchestrator.flows import chart
from app.orchestrator.flows.params import read_money
from app.orchestrator.saga import Outcome, Run, step_of

WRITE_OFF = "write-off"


def totals(postings: Iterable[Transaction]) -> dict[str, Money]:
    """What posted transactions together add to each account they touch, stripe by stripe, where it is not zero."""
    added: dict[str, Money] = {}
    for leg in (leg for each in postings if each.status is Status.POSTED for leg in each.legs):
        signed = leg.amount if leg.side is Side.CREDIT else -leg.amount
        added[leg.account_id] = added[leg.account_id] + signed if leg.account_id in added else signed
    return {account_id: total for account_id, total in added.items() if total}


def left_on_the_way(postings: Iterable[Transaction]) -> dict[str, Money]:
    """What a saga has left on each account that it must leave at zero; credits are positive."""
    left: dict[str, Money] = {}
    for account_id, total in totals(postings).items():
        if is_transit(account_id):
            known = left.get(base_id(account_id))
            left[base_id(account_id)] = total if known is None else known + total
    return {account_id: total for account_id, total in left.items() if total}


def mirror_of(run: Run, postings: Sequence[Transaction]) -> Outcome:
    """The mirror of all that the run's step has posted; nothing, where that adds up to nothing."""
    posted = totals(each for each in postings if step_of(each.kind) == run.step)
    legs = tuple(_against(account_id, total) for account_id, total in posted.items())
    return Outcome((run.transaction("marked-absent", *legs),)) if legs else Outcome()


def written_off(saga_id: str, postings: Sequence[Transaction]) -> tuple[Transaction, ...]:
    """What is on the way, taken to the write-off accounts: one transaction for each currency."""
    by_currency: defaultdict[str, list[Leg]] = defaultdict(list)
    for account_id, total in totals(postings).items():
        if is_transit(account_id):
            by_currency[total.asset.code].extend((_against(account_id, total), _onto_write_off(saga_id, total)))
    return tuple(
        Transaction(
            id=write_off_id(saga_id, code),
            kind=WRITE_OFF,
            legs=tuple(legs),
            saga_id=saga_id,
        )
        for code, legs in by_currency.items()
    )


def write_off_id(saga_id: str, code: str) -> str:
    """The id of the transaction that has written off what a saga had on the way in that currency."""
    return _id(saga_id, WRITE_OFF, code)


def taken_from(facts: Mapping[str, str], given_up: Iterable[Leg], book: str) -> Mapping[str, str]:
    """The facts of a recovery, told whose money it is, by the legs that have written off what its saga had on the way.

    Where they have taken that much from the customer, what leaves is the write-off account's: nobody has given it back.
    """
    amount = read_money(facts["amount"])
    account = chart.write_off(book, amount.asset).id
    legs = [leg for leg in given_up if (base_id(leg.account_id), leg.amount.asset) == (account, amount.asset)]
    held = sum(leg.amount.minor if leg.side is Side.CREDIT else -leg.amount.minor for leg in legs)
    return {**facts, "account_id": account} if held >= amount.minor else facts


def released(saga_id: str, postings: Sequence[Transaction], held: Mapping[str, int]) -> tuple[Transaction, ...]:
    """The releases of what the saga's holds still reserve; ``held`` are minor units by the hold's id."""
    return tuple(
        release(_id(saga_id, "released", hold.id), hold, Money(held[hold.id], hold.first_debit.amount.asset))
        for hold in postings
        if held.get(hold.id)
    )


def _against(account_id: str, total: Money) -> Leg:
    """The leg that takes a credit, or gives back a debit."""
    return debit(account_id, total) if total.minor > 0 else credit(account_id, -total)


def _onto_write_off(saga_id: str, total: Money) -> Leg:
    account = chart.write_off(book_of(saga_id), total.asset)
    return credit(account, total) if total.minor > 0 else debit(account, -total)


def _id(saga_id: str, *causes: str) -> str:
    return stored_id(book_of(saga_id), derived_id("txn", saga_id, *causes))
