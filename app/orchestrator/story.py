"""A saga told as a story: what it was and came to in one sentence, and what each of its postings moved. Pure."""

from collections.abc import Sequence
from datetime import timedelta

from app.ids import public_id
from app.ledger.transactions import Leg, Side, Status, Transaction
from app.orchestrator.effects import Effect
from app.orchestrator.journal import SagaRecord


def summary(saga: SagaRecord, effects: Sequence[Effect], postings: Sequence[Transaction]) -> str:
    """What it is, where it stands, how long it took to get there, and what that needed."""
    calls = sum(effect.attempts for effect in effects)
    posted = sum(posting.status is Status.POSTED for posting in postings)
    name, took = saga.type.replace("_", " ").capitalize(), _spoken(saga.updated_at - saga.created_at)
    needed = f"{_counted(calls, 'call')} outside and {_counted(posted, 'posting')}"
    return f"{name}: {saga.status} after {took}, with {needed}."


def moved(posting: Transaction) -> str:
    """What a posting moved, from where to where: debited accounts, then credited ones."""
    if posting.status is Status.PENDING and posting.hold_ids:
        return f"{_amount(posting.first_credit)} released on {_place(posting.first_credit)}"
    if posting.status is Status.PENDING:
        return f"{_amount(posting.first_debit)} held on {_place(posting.first_debit)}"
    taken = [f"{_amount(leg)} from {_place(leg)}" for leg in posting.legs if leg.side is Side.DEBIT]
    given = [f"{_amount(leg)} to {_place(leg)}" for leg in posting.legs if leg.side is Side.CREDIT]
    return ", ".join((*taken, *given))


def _amount(leg: Leg) -> str:
    return f"{leg.amount} {leg.amount.asset.code}"


def _place(leg: Leg) -> str:
    """The role of an account of our own, the id of a customer's."""
    public = public_id(leg.account_id)
    role, _, currency = public.removeprefix("acc_").rpartition("-")
    return role if role and currency == leg.amount.asset.code else public


def _spoken(took: timedelta) -> str:
    """A duration in the two largest units that it has."""
    seconds = took.total_seconds()
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, days = int(seconds // 60), took.days
    if days:
        return f"{days} d {minutes // 60 % 24} h"
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {int(seconds) % 60} s"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
