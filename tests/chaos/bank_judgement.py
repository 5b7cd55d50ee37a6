"""The bank at the end of a run: every effect of ours is one payment of theirs, what came back was given back once, and
their account has what our books say.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.money import Money, asset
from app.plumbing.decimals import from_decimal128
from app.plumbing.mongo import Database
from tests.chaos.telling import told_of

Document = dict[str, Any]

_NOT_MADE = {"Rejected", "Canceled", "Returned"}


def judge_bank(
    effects: Sequence[Document], payments: Sequence[Document], sagas: Mapping[str, Document]
) -> Iterator[str]:
    """Each effect has the payments it should have, under its own reference, and no payment is without effect."""
    by_ref: dict[str, list[Document]] = {}
    for payment in payments:
        by_ref.setdefault(payment["tags"].get("opId", ""), []).append(payment)
    recovered = Counter(_object_of(saga) for saga in sagas.values() if saga["type"] == "recovery")
    for effect in effects:
        made = by_ref.pop(effect["_id"], [])
        told = told_of(effect)
        moved = [payment for payment in made if payment["status"] not in _NOT_MADE]
        if len(made) > 1:
            yield f"{told}: the bank made {len(made)} payments of it"
        if effect["status"] == "confirmed" and [payment["id"] for payment in made] != [effect["provider_ref"]]:
            yield f"{told}: the bank knows it as {[payment['id'] for payment in made]}, we as {effect['provider_ref']}"
        if effect["status"] in {"rejected", "cancelled", "planned"} and moved:
            yield f"{told}: the bank made payment {moved[0]['id']} of it, {moved[0]['status']}"
        yield from (f"{told}: {each}" for payment in made for each in _unlike(effect, payment))
        done = sagas[effect["saga_id"]]["steps"].get(effect["step"], {}).get("status") == "done"
        recoveries = sum(recovered[payment["id"]] for payment in made)
        if done and effect["status"] == "confirmed" and not moved and recoveries != 1:
            yield f"{told}: done, at the bank {[each['status'] for each in made]}, and recovered {recoveries} times"
    for ref, made in by_ref.items():
        yield f"the bank made {len(made)} payments for {ref or 'nobody'}, of which we know nothing"


def _unlike(effect: Document, payment: Document) -> Iterator[str]:
    asked = effect["request"]
    if Money.parse(asked["amount"], asset(asked["currency"])).minor != payment["amount"]:
        yield f"we asked for {asked['amount']}, the bank moved {payment['amount']} cents"
    if asked["direction"] != payment["direction"]:
        yield f"we asked for a {asked['direction']}, the bank made a {payment['direction']}"


def _object_of(recovery: Document) -> str:
    return str(recovery["params"]["ref"].rpartition(":")[2])


async def judge_bank_balance(
    database: Database, payments: Sequence[Document], by_card: Sequence[Document]
) -> list[str]:
    """What we have at the bank, by our books, is what has moved there. Holds once no saga is open."""
    kept = [from_decimal128(each["balance"]) async for each in database["accounts"].find({"role": "bank"})]
    moved = sum(_moved(payment) for payment in payments if payment["status"] not in _NOT_MADE)
    moved += sum(each["amount"] if each["direction"] == "Credit" else -each["amount"] for each in by_card)
    return [] if -sum(kept) == moved else [f"the bank has moved {moved} cents for us, our books say {-sum(kept)}"]


def _moved(payment: Document) -> int:
    return int(payment["amount"] if payment["direction"] == "Debit" else -payment["amount"])
