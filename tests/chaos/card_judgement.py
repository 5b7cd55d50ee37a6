"""Cards at the end of a run: every effect of ours has one object in the processor's book, and none is without."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.money import Money, asset
from tests.chaos.telling import told_of

Document = dict[str, Any]

_KINDS = {
    "create_payment_intent": "payment_intents",
    "create_account": "accounts",
    "create_external_account": "cards",
    "create_transfer": "transfers",
    "create_payout": "payouts",
}
"""What each operation makes."""
_NOT_MADE = {"rejected", "cancelled", "planned"}


def judge_cards(
    effects: Sequence[Document], book: Mapping[str, Sequence[Document]], sagas: Mapping[str, Document]
) -> Iterator[str]:
    """Every difference between our effects and what the processor holds."""
    for operation, kind in _KINDS.items():
        ours = [each for each in effects if (each["provider"], each["operation"]) == ("stripe", operation)]
        by_ref: dict[str, list[Document]] = {}
        for each in book[kind]:
            by_ref.setdefault(each["metadata"].get("reference", ""), []).append(each)
        for effect in ours:
            made = by_ref.pop(effect["_id"], [])
            saga = sagas[effect["saga_id"]]
            yield from (f"{told_of(effect)}: {difference}" for difference in _unlike(effect, kind, made, saga))
        for ref, made in by_ref.items():
            yield f"the card processor made {len(made)} {kind} for {ref or 'nobody'}, of which we know nothing"


def _unlike(effect: Document, kind: str, made: Sequence[Document], saga: Document) -> Iterator[str]:
    if len(made) > 1:
        yield f"there are {len(made)} {kind} of it"
    if effect["status"] == "confirmed" and [each["id"] for each in made] != [effect["provider_ref"]]:
        yield f"the card processor knows it as {[each['id'] for each in made]}, we as {effect['provider_ref']}"
    asked, moved = _asked(effect), [each for each in made if _has_moved(kind, each)]
    if effect["status"] in _NOT_MADE and moved:
        yield f"the card processor made {moved[0]['id']} of it, {moved[0].get('status')}"
    yield from (f"we asked for {asked}, {each['id']} is {each['amount']} cents" for each in moved if asked != _of(each))
    done = saga["steps"].get(effect["step"], {}).get("status") == "done"
    if kind in {"payment_intents", "transfers", "payouts"} and done != bool(moved) and not _came_back(kind, made):
        yield f"the step is {'' if done else 'not '}done, and there are {len(moved)} {kind} of it"


def _asked(effect: Document) -> Money | None:
    request = effect["request"]
    if "price" in request:
        amount, _, currency = request["price"].partition(" ")
        return Money.parse(amount, asset(currency))
    return Money.parse(request["amount"], asset(request["currency"])) if "amount" in request else None


def _of(made: Document) -> Money:
    return Money(made["amount"], asset(made["currency"].upper()))


def _has_moved(kind: str, made: Document) -> bool:
    """Whether money is where it was to go."""
    match kind:
        case "payment_intents":
            return bool(made["status"] == "succeeded")
        case "transfers":
            return not made["amount_reversed"]
        case "payouts":
            return made["status"] not in {"failed", "canceled"}
        case _:
            return False


def _came_back(kind: str, made: Sequence[Document]) -> bool:
    """A payout that was paid may fail long after."""
    return kind == "payouts" and any(each["status"] == "failed" for each in made)
