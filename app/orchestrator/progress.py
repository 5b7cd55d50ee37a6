"""What callers are told of a saga: its steps, an order's own words for where it stands, and the run in sentences."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from app.ledger.changes import Document
from app.orchestrator.effects import Effect
from app.orchestrator.journal import SagaRecord, effect_id
from app.orchestrator.lifecycle import phase_of
from app.orchestrator.saga import Saga, Way, direction, step_of


@dataclass(frozen=True, slots=True)
class StepProgress:
    """One step as callers see it."""

    name: str
    status: str
    attempts: int
    at: datetime | None


def current_step(saga: SagaRecord) -> str | None:
    """The step it stands in; a parked saga stands where it was parked, an ended one nowhere."""
    return phase_of(saga.parked_from or saga.state)[1] or None


def steps_of(flow: Saga | None, saga: SagaRecord) -> list[StepProgress]:
    """Every step of the definition, those not reached as ``pending``; of one that is not known, those reached."""
    if flow is None:
        return [_step(name, told) for name, told in saga.steps.items()]
    return [_step(step.name, saga.steps.get(step.name)) for step in flow.steps]


def way_of_call(saga: SagaRecord, effect: Effect) -> Way:
    """Which of its step's actions a call stands for."""
    for way in (Way.UNDO, Way.CALL_OFF):
        for generation in range(saga.generations.get(direction(effect.step, way), 0) + 1):
            if effect_id(saga.id, effect.step, way, generation=generation) == effect.id:
                return way
    return Way.DO


def _step(name: str, told: Mapping[str, Any] | None) -> StepProgress:
    if told is None:
        return StepProgress(name, "pending", 0, None)
    return StepProgress(name, told["status"], told["attempts"], told["at"])


@dataclass(frozen=True, slots=True)
class Wording:
    """A customer's words for where one kind of order stands: by step, while it unwinds, and once it has."""

    by_step: Mapping[str, str]
    unwinding: str
    unwound: Callable[[SagaRecord], str]


def order_status(saga: SagaRecord) -> str:
    """A customer's word for where an order stands."""
    wording = WORDING[saga.type]
    match saga.status:
        case "completed" | "parked" | "cancelled" as same:
            return same
        case "compensating":
            return wording.unwinding
        case "compensated":
            return wording.unwound(saga)
        case _:
            return wording.by_step[current_step(saga) or "record"]


def _refunded_if_it_took_money(saga: SagaRecord) -> str:
    collected = saga.steps.get("collect", {}).get("status")
    reserved = saga.steps.get("record", {}).get("status")
    took = collected == "undone" or (collected == "skipped" and reserved == "undone")
    return "refunded" if took else "cancelled"


def _returned_if_it_was_sent(saga: SagaRecord) -> str:
    return "returned" if "returned_at" in saga.results.get("push", {}) else "cancelled"


def _taken_back(_saga: SagaRecord) -> str:
    return "reorganised"


def _expired_or_cancelled(saga: SagaRecord) -> str:
    return "expired" if saga.reason == "expired" else "cancelled"


def _failed_if_it_was_paid_out(saga: SagaRecord) -> str:
    return "failed" if "failed_at" in saga.results.get("payout", {}) else "cancelled"


def _cancelled(_saga: SagaRecord) -> str:
    return "cancelled"


def _rejected(_saga: SagaRecord) -> str:
    return "rejected"


WORDING: Mapping[str, Wording] = {
    "purchase": Wording(
        {
            "record": "pending",
            "screen": "pending",
            "collect": "collecting",
            "convert": "converting",
            "credit": "delivering",
            "deliver": "delivering",
        },
        unwinding="refunding",
        unwound=_refunded_if_it_took_money,
    ),
    "sale": Wording({"record": "pending", "convert": "converting"}, unwinding="cancelling", unwound=_cancelled),
    "deposit": Wording({"record": "pending", "collect": "collecting"}, unwinding="cancelling", unwound=_cancelled),
    "crypto_deposit": Wording({"record": "pending", "confirm": "pending"}, unwinding="cancelling", unwound=_taken_back),
    "crypto_withdrawal": Wording(
        {"record": "pending", "screen": "pending", "charge": "pending", "deliver": "delivering"},
        unwinding="cancelling",
        unwound=_cancelled,
    ),
    "card_topup": Wording(
        {"record": "pending", "collect": "awaiting_payment"}, unwinding="cancelling", unwound=_expired_or_cancelled
    ),
    "card_payout": Wording(
        {
            "record": "pending",
            "payee": "pending",
            "card": "pending",
            "screen": "pending",
            "transfer": "sending",
            "payout": "sending",
        },
        unwinding="cancelling",
        unwound=_failed_if_it_was_paid_out,
    ),
    "onboarding": Wording(
        {"record": "pending", "verify": "verifying", "apply": "applying", "open": "opening"},
        unwinding="cancelling",
        unwound=_rejected,
    ),
    "withdrawal": Wording(
        {"record": "pending", "screen": "pending", "push": "sending"},
        unwinding="cancelling",
        unwound=_returned_if_it_was_sent,
    ),
}

_SENTENCES = {
    "accepted-request": "The request was accepted.",
    "sending": "{Step}: the call to {provider} was recorded, and then made (attempt {attempt}).",
    "accepted": "{Step}: {provider} took it on, as {ref}.",
    "unavailable": "{Step}: {provider} could not be reached; definitely not done, to be tried again.",
    "unknown": "{Step}: {provider} did not answer; it will be looked up by our own reference before anything else.",
    "called-off": "{Step}: it is not wanted any more ({reason}), and is called off if it still can be.",
    "not-called-off": "{Step}: it was too late to call it off ({reason}); what becomes of it is waited for.",
    "giving-up": "{Step}: giving up on {provider}; no send may start from here, and one more look will follow.",
    "begun-anew": "{Step}: it did not happen ({reason}); it will be tried once more, as another call.",
    "progress": "{Step}: it has come further, and is not settled yet.",
    "done": "{Step}: {told}.",
    "failed": "{Step}: it did not happen ({reason}); what was done before is undone.",
    "undone": "{Step}: taken back.",
    "parked": "{Step}: stopped for a person to look at ({reason}).",
    "command": "{Step}: a person looked at it, and decided: {command}.",
    "cancelled": "It was given up; what was on the way has been written off.",
    "completed": "Everything is done.",
    "compensated": "Everything is undone; the money is where it was.",
}

_OF_A_CALL = frozenset({"sending", "accepted", "unavailable", "unknown", "giving-up", "begun-anew", "progress"})
"""What is told of a call forwards and of the one that undoes it: a payment and its refund must not read alike."""


def sentence(flow: Saga | None, params: Mapping[str, Any], event: Document) -> str:
    """One event of a saga's history as a sentence; where this release has no definition of it, in fewer words."""
    name, undoes = str(event["step"]), event["type"] in _OF_A_CALL and event["status"] == "compensating"
    facts = {"Step": f"{name.capitalize() or 'Saga'}{', being undone' if undoes else ''}", **event["facts"]}
    if event["type"] == "done":
        facts["told"] = flow.step(name).told(flow.params.model_validate(params)) if flow else "done"
    return _SENTENCES[event["type"]].format_map(facts)


def postings_by_step(transactions: Sequence[Document]) -> Mapping[str, list[Document]]:
    """A saga's ledger transactions, in their order, by the step that posted them.

    What does not say its step, a hold, has that of what was posted before it in its commit, else of what follows there.
    """
    found: dict[str, list[Document]] = {}
    for _, commit in groupby(transactions, _commit_of):
        posted = list(commit)
        step = next(filter(None, (step_of(each["kind"]) for each in posted)), "record")
        for each in posted:
            step = step_of(each["kind"]) or step
            found.setdefault(step, []).append(each)
    return found


def _commit_of(transaction: Document) -> tuple[str, int]:
    """The block that a transaction is in."""
    return transaction["position"]["stream"], transaction["position"]["n"]
