"""The definition of a recovery, the kinds of late events there are, and what each way of noticing one tells it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from app.ids import derived_id, stored_id
from app.ledger.accounts import CUSTOMER, Account, AccountStatus
from app.ledger.changes import ABSENT, Companion, Document
from app.ledger.standing import Act, StandingChange
from app.ledger.store import ACCOUNT_ACTS
from app.orchestrator.effects import Effect, EffectStatus
from app.orchestrator.flows.ach import ACH_PULL, ACH_PUSH, RETURN_WINDOW, UNIT
from app.orchestrator.flows.card_moves import CARD_PAYOUT_WATCH
from app.orchestrator.flows.card_topup import CARD_REFUND, CHARGE, DISPUTE_WINDOW, STRIPE
from app.orchestrator.flows.chain import CHAIN_SEND, MISSING_SEND, TATUM, undelivered
from app.orchestrator.flows.crypto_deposit import CHAIN_DEPOSIT, MISSING_DEPOSIT
from app.orchestrator.flows.late import Kind, Recovery, customers_account
from app.orchestrator.flows.late_ach import LANDED_PULL, LANDED_PUSH, RETURNED_PULL, RETURNED_PUSH
from app.orchestrator.flows.late_cards import (
    DISPUTE_KINDS,
    KIND_OF_MOVES,
    MOVE_LANDED,
    PAID_AFTER_ALL,
    PAYOUT_FAILED,
    REFUNDED,
)
from app.orchestrator.flows.late_chain import COINS_LEFT, REORGANISED, SEND_MINED_AGAIN
from app.orchestrator.flows.late_deposit import DEPOSIT_MINED_AGAIN, DEPOSIT_UNDONE
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Look, Outcome, Progress, Run, Saga, Settled, Step, Stuck, Waiting
from app.orchestrator.watches import Watch, WatchRecord, WatchStatus, tripped
from app.plumbing.decimals import to_decimal128

PULL_LANDED, PUSH_LANDED, COINS_GONE = "ach-pull-landed", "ach-push-landed", "coins-left"
CARD_PAID = "card-paid-after-all"
"""The kind of watches on card payments that a person has ended."""

KINDS: Mapping[str, Kind] = {
    ACH_PULL: RETURNED_PULL,
    ACH_PUSH: RETURNED_PUSH,
    CHAIN_SEND: REORGANISED,
    MISSING_SEND: SEND_MINED_AGAIN,
    CARD_REFUND: REFUNDED,
    **DISPUTE_KINDS,
    CARD_PAYOUT_WATCH: PAYOUT_FAILED,
    KIND_OF_MOVES: MOVE_LANDED,
    CARD_PAID: PAID_AFTER_ALL,
    CHAIN_DEPOSIT: DEPOSIT_UNDONE,
    MISSING_DEPOSIT: DEPOSIT_MINED_AGAIN,
    PULL_LANDED: LANDED_PULL,
    PUSH_LANDED: LANDED_PUSH,
    COINS_GONE: COINS_LEFT,
}
"""How to look at, and what to book of, each kind of watch and of contradicted effect."""

_LATE_EFFECTS: Mapping[tuple[str, str | None], tuple[str, str]] = {
    (UNIT, "Debit"): (PULL_LANDED, "payment"),
    (UNIT, "Credit"): (PUSH_LANDED, "payment"),
    (TATUM, None): (COINS_GONE, "tx"),
    **{(STRIPE, move): (KIND_OF_MOVES, move) for move in ("transfer", "reversal", "payout")},
}
"""By the provider and the direction of an effect that moves money: its kind of recovery, and the object it makes."""

_RECURRING = frozenset({CHAIN_SEND, MISSING_SEND, CHAIN_DEPOSIT, MISSING_DEPOSIT})
"""Kinds of watches on what may undo itself and happen again: a block that was replaced is replaced by the first one."""

_STILL_GOING = {"running", "waiting", "compensating"}
_OWNER_PAUSE = timedelta(minutes=15)
"""How long a saga that is still going is left alone before it is asked again."""


def recovery_from_watch(watch: WatchRecord, happened: str) -> Recovery:
    """What a tripped watch tells the recovery."""
    return Recovery(
        kind=watch.kind,
        ref=watch.ref,
        happened=happened,
        saga_id=watch.saga_id,
        step=watch.step,
        facts=dict(watch.facts),
        watch_id=watch.id,
    )


def recovery_from_effect(effect: Effect, object_id: str, happened: str) -> Recovery:
    """What an effect that took place after all tells the recovery; ``object_id`` is the provider's id of what it made:
    of coins, the transaction.
    """
    request = effect.request
    facts = {name: str(request[name]) for name in ("account_id", "chain", "payee_id") if name in request}
    kind, made = _LATE_EFFECTS[_moves(effect)]
    return Recovery(
        kind=kind,
        ref=f"{effect.provider}:{made}:{object_id}",
        happened=happened,
        saga_id=effect.saga_id,
        step=effect.step,
        facts={**facts, "amount": f"{request['amount']} {request['currency']}"},
    )


def watch_on_ended(effect: Effect, result: Mapping[str, Any], now: datetime) -> Watch | None:
    """What to watch of an effect that a person has ended although its provider had taken it on; None: nothing.

    ``result`` is the step's. Coins that were not broadcast yet are noticed when they are (``departures.py``).
    """
    if effect.status is not EffectStatus.CONFIRMED:
        return None
    if (effect.provider, effect.operation) == (STRIPE, CHARGE):
        facts = {"amount": effect.request["price"], "account_id": effect.request["account_id"]}
        return Watch(CARD_PAID, f"{STRIPE}:payment_intent:{effect.ref}", now + DISPUTE_WINDOW, facts)
    if not needs_recovery(effect):
        return None
    if effect.provider == UNIT:
        supposed = recovery_from_effect(effect, effect.ref, "")
        return Watch(supposed.kind, supposed.ref, now + RETURN_WINDOW, supposed.facts)
    if effect.provider == TATUM and "tx_id" in result:
        supposed = recovery_from_effect(effect, result["tx_id"], "")
        return undelivered(supposed.ref, supposed.facts, now)
    return None


def needs_recovery(effect: Effect) -> bool:
    """Whether it matters that an effect took place although it had been given up: only where it moves money."""
    return _moves(effect) in _LATE_EFFECTS


def _moves(effect: Effect) -> tuple[str, str | None]:
    return effect.provider, effect.request.get("direction")


def open_case(run: Run) -> Outcome:
    """Put it before a person, whatever comes of it."""
    recovery: Recovery = run.params
    case_id = stored_id(run.book, derived_id("cas", run.saga_id))
    document: Document = {
        "book": run.book,
        "kind": recovery.kind,
        "happened": recovery.happened,
        "user_id": run.user_id,
        "saga_id": run.saga_id,
        "concerns": recovery.saga_id,
        "ref": recovery.ref,
        "amount": to_decimal128(recovery.amount.minor),
        "currency": recovery.amount.asset.code,
        "status": "open",
        "opened_at": run.now,
        "version": 1,
    }
    return Outcome(companions=(Companion("cases", case_id, ABSENT, document),))


async def book_late_event(run: Run, outside: Outside) -> Progress:
    """Fetch the object's current state, judge it, and say what to book."""
    recovery: Recovery = run.params
    kind = KINDS[recovery.kind]
    watch = await outside.kept.watch(recovery.watch_id) if recovery.watch_id else None
    if watch is not None and watch.status is WatchStatus.TRIPPED:
        return Settled()
    seen = await kind.look(recovery.object_id, recovery.facts, outside)
    if kind.happened(seen) is None:
        return Settled() if watch is None else _as_it_was(run, watch)
    if watch is not None and await outside.kept.saga_status(recovery.saga_id) in _STILL_GOING:
        return Waiting(until=run.now + _OWNER_PAUSE, refs=(recovery.ref,))
    seen_as = kind.book(run, seen)
    if isinstance(seen_as, Waiting) and seen_as.until is None and watch is not None and run.now >= watch.until:
        return Stuck(f"{recovery.kind}-{kind.happened(seen)}")
    if not isinstance(seen_as, Settled):
        return seen_as
    outcome = seen_as.outcome
    if watch is not None:
        outcome = replace(outcome, companions=(*outcome.companions, tripped(watch)))
    if kind.freezes:
        outcome = await _frozen(run, outside, outcome)
    return replace(seen_as, outcome=outcome)


def _as_it_was(run: Run, watch: WatchRecord) -> Settled:
    """It was so, and is not any more. What may come again has to find another watch: this one's recovery is over."""
    if watch.kind not in _RECURRING:
        return Settled()
    until = run.now + (watch.until - watch.created_at)
    return Settled(Outcome(companions=(tripped(watch),)), (Watch(watch.kind, watch.ref, until, watch.facts),))


async def _frozen(run: Run, outside: Outside, outcome: Outcome) -> Outcome:
    """The outcome with the customer's account stopped, unless it is already."""
    account = customers_account(run, run.params.amount.asset)
    account_id = account.id if isinstance(account, Account) else account
    present = await outside.kept.account(account_id)
    if present is None or present.role != CUSTOMER or present.status is not AccountStatus.OPEN:
        return outcome
    return replace(
        outcome,
        companions=(*outcome.companions, _record_of_freeze(run, account_id)),
        standings=(StandingChange(account_id, Act.FREEZE),),
    )


def _record_of_freeze(run: Run, account_id: str) -> Companion:
    """The act as an officer's would be kept, answered for by this recovery."""
    document: Document = {
        "act": Act.FREEZE.value,
        "account_id": account_id,
        "before": Act.FREEZE.before.value,
        "after": Act.FREEZE.after.value,
        "by": "recovery",
        "reason": f"{run.params.kind} {run.params.happened}",
        "cause": run.saga_id,
        "at": run.now,
        "version": 1,
    }
    act_id = stored_id(run.book, derived_id("act", account_id, Act.FREEZE.value, run.saga_id))
    return Companion(ACCOUNT_ACTS, act_id, ABSENT, document)


RECOVERY = Saga(
    "recovery",
    version=1,
    params=Recovery,
    steps=(
        Step("open", lambda recovery: f"{recovery.ref} is {recovery.happened}; a case was opened", do=open_case),
        Step("book", lambda recovery: f"what became of {recovery.ref} is in the books", do=Look(book_late_event)),
    ),
)
