"""Virtual cards at the end of a run: every answer of ours is one hold at most, and what was taken is booked once."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.identity.principals import DEFAULT_TENANT
from app.ids import derived_id, stored_id
from app.plumbing.decimals import from_decimal128
from app.plumbing.mongo import Database
from app.wallets.cards import CARD_AUTHORIZATIONS, CardAuthorization, authorization_from
from tests.chaos.card_book import authorizations, movements, questions
from tests.chaos.waiting import within

Document = dict[str, Any]
_KINDS = {"Debit": "card.cleared", "Credit": "card.refunded"}
_WITHIN_S, _LOOK_S = 20.0, 1.0


async def judge_card_use(database: Database, sandbox_url: str) -> list[str]:
    """Every difference between the bank's questions and transactions, and our answers and books.

    An event that was lost is found by the next sweep: what differs is looked at again for a while.
    """
    differences: list[str] = []

    async def agree() -> bool:
        asked, moved = await questions(sandbox_url), await movements(sandbox_url)
        became = await authorizations(sandbox_url, asked)
        differences[:] = [*await _judge_questions(database, asked, became), *await _judge_movements(database, moved)]
        return not differences

    await within(_WITHIN_S, agree, _LOOK_S)
    return differences


async def _judge_questions(database: Database, asked: Sequence[Document], became: Mapping[str, str]) -> list[str]:
    answers: dict[str, list[CardAuthorization]] = {}
    async for each in database[CARD_AUTHORIZATIONS].find({}):
        answers.setdefault(each["request_id"], []).append(authorization_from(each))
    holds = {each["_id"]: from_decimal128(each["remaining"]) async for each in database["holds"].find({})}
    return [
        difference
        for question in asked
        for difference in _judge_question(question, answers.get(question["id"], []), became, holds)
    ]


def _judge_question(
    asked: Document, answers: Sequence[CardAuthorization], became: Mapping[str, str], holds: Mapping[str, int]
) -> Iterator[str]:
    authorized = became.get(asked["authorization_id"] or "", "nothing")
    told = f"the bank's question {asked['id']} ({asked['status']}, {authorized})"
    if len(answers) > 1:
        yield f"{told} has {len(answers)} answers"
    if asked["status"] == "Approved" and not any(each.reason is None for each in answers):
        yield f"{told} was never answered with yes"
    held = sum(holds.get(each.hold_id, 0) for each in answers)
    wanted = asked["amount"] if authorized == "Authorized" else 0
    if held != wanted:
        yield f"{told}: {held} cents are held for it, not {wanted}"


async def _judge_movements(database: Database, moved: Sequence[Document]) -> list[str]:
    booked = {
        each["_id"]: (each["kind"], from_decimal128(each["amount"]))
        async for each in database["transactions"].find({"kind": {"$in": list(_KINDS.values())}})
    }
    differences = []
    for movement in moved:
        posting_id = stored_id(DEFAULT_TENANT, derived_id("txn", "unit", "transaction", movement["id"]))
        wanted, found = (_KINDS[movement["direction"]], movement["amount"]), booked.pop(posting_id, None)
        if found != wanted:
            differences.append(f"the bank's card transaction {movement['id']} is {wanted}, and was booked as {found}")
    differences.extend(f"{each} was booked of a card, and the bank knows nothing of it" for each in booked)
    return differences
