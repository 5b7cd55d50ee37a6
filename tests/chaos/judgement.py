"""The end of a run: is every accepted request done exactly once, and do our books, theirs and the customers' agree?

Everything is read past the wires, from the database and from the vendors' own books.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx2

from app.clock import SystemClock
from app.ids import public_id
from app.ledger.verify import Audit
from app.plumbing.mongo import Database
from app.stack.books import verified
from tests.chaos.arrivals import deposits, incoming, judge_arrivals
from tests.chaos.bank_judgement import judge_bank, judge_bank_balance
from tests.chaos.card_book import movements, questions
from tests.chaos.card_judgement import judge_cards
from tests.chaos.card_use_judgement import judge_card_use
from tests.chaos.chain_judgement import judge_chain, judge_nonces
from tests.chaos.customers import Customer
from tests.chaos.flights import rests
from tests.chaos.records import Asked
from tests.chaos.stack import Stack
from tests.chaos.telling import told_of

_DECIDED = {"confirmed", "rejected", "cancelled"}
ENDED = {"completed", "compensated"}
_AT_ONCE = 8
_TIMEOUT_S = 30.0
Document = dict[str, Any]


@dataclass(slots=True)
class Judgement:
    """What was found; ``open_sagas`` are those that wait for a person, or to begin anew, with their reason."""

    differences: list[str] = field(default_factory=list)
    open_sagas: list[str] = field(default_factory=list)
    ended: Counter[str] = field(default_factory=Counter)
    effects: Counter[str] = field(default_factory=Counter)
    cards: Counter[str] = field(default_factory=Counter)
    books: str = ""


async def judge(
    stack: Stack, database: Database, records: Sequence[Asked], customers: Mapping[str, Customer]
) -> Judgement:
    """Compare everything with everything."""
    found = Judgement()
    sagas = {saga["_id"]: saga async for saga in database["sagas"].find({})}
    _judge_sagas(found, sagas, SystemClock().now())
    found.differences.extend(await _judge_requests(database, records, customers, sagas))
    audit = await verified(stack.settings)
    found.books = audit.line()
    found.differences.extend(audit.breaks)
    found.differences.extend(_judge_transit(audit, sagas))
    effects = await database["effects"].find({}).to_list()
    found.effects = Counter(map(_counted_as, effects))
    payments, sent, cards = await _vendor_books(stack.sandbox_url)
    found.differences.extend(_judge_open(effects, sagas))
    found.differences.extend(judge_bank(_of(effects, "unit", "create_payment"), payments, sagas))
    found.differences.extend(await judge_card_use(database, stack.sandbox_url))
    by_card = await movements(stack.sandbox_url)
    found.cards = Counter(each["status"] for each in await questions(stack.sandbox_url))
    found.cards.update(each["direction"] for each in by_card)
    if not found.open_sagas:
        found.differences.extend(await judge_bank_balance(database, payments, by_card))
        found.differences.extend(await judge_nonces(database, sent))
    found.differences.extend(judge_chain(_of(effects, "tatum", "send"), sent, sagas))
    found.differences.extend(judge_cards(effects, cards, sagas))
    arrived, known = await incoming(stack.sandbox_url), await deposits(database)
    found.differences.extend(judge_arrivals(arrived, known, customers))
    return found


def _counted_as(effect: Document) -> str:
    chain = effect["request"].get("chain")
    return " ".join(filter(None, (effect["provider"], effect["operation"], chain, effect["status"])))


def _of(effects: Sequence[Document], provider: str, operation: str) -> list[Document]:
    return [each for each in effects if (each["provider"], each["operation"]) == (provider, operation)]


def _judge_sagas(found: Judgement, sagas: Mapping[str, Document], now: datetime) -> None:
    for saga in sagas.values():
        kind = f" of {saga['params']['kind']}" if saga["type"] == "recovery" else ""
        found.ended[f"{saga['type']}{kind} {saga['status']}"] += 1
        if saga["status"] in ENDED:
            continue
        told = f"{public_id(saga['_id'])} {saga['type']} {saga['status']} in {saga['parked_from'] or saga['state']}"
        found.open_sagas.append(f"{told} ({saga['reason']}; due {saga['wake_at']})")
        if rests(saga, now):
            continue
        if saga["status"] != "parked":
            found.differences.append(f"{told}: it should have come to an end")
        elif saga["reason"] in {"internal-error", "definition-unknown"}:
            found.differences.append(f"{told}: {saga['reason']}")


async def _judge_requests(
    database: Database, records: Sequence[Asked], customers: Mapping[str, Customer], sagas: Mapping[str, Document]
) -> list[str]:
    accepted = [asked for asked in records if asked.accepted]
    differences = [f"{each.path} with key {each.key} never had an answer" for each in records if not each.status]
    slots = asyncio.Semaphore(_AT_ONCE)

    async def again(asked: Asked) -> str | None:
        async with slots:
            answer = await customers[asked.customer].send("POST", asked.path, asked.body, asked.key)
        said = answer.json()
        if answer.status_code == asked.status and said.get("id") == asked.id:
            return None
        return f"{asked.path} with key {asked.key}: first {asked.status} {asked.id}, then {answer.status_code} {said}"

    differences.extend(filter(None, await asyncio.gather(*map(again, accepted))))
    ordered = {asked.answered["saga_id"] for asked in accepted if "saga_id" in asked.answered}
    kinds = {saga["type"] for saga in sagas.values() if public_id(saga["_id"]) in ordered}
    kept = {public_id(saga["_id"]) for saga in sagas.values() if saga["type"] in kinds}
    differences.extend(f"{each} was accepted, and is not there" for each in sorted(ordered - kept))
    differences.extend(f"{each} is there, and nobody was told so" for each in sorted(kept - ordered))
    transfers = {asked.id for asked in accepted if asked.path == "/v1/transfers"}
    posted = {public_id(each["_id"]) async for each in database["transactions"].find({"kind": "transfer"}, {"_id": 1})}
    differences.extend(f"transfer {each} was accepted, and is not there" for each in sorted(transfers - posted))
    differences.extend(f"transfer {each} is there, and nobody was told so" for each in sorted(posted - transfers))
    return differences


def _judge_transit(audit: Audit, sagas: Mapping[str, Document]) -> Iterator[str]:
    """What lies on the way must be a listed saga's; of ended ones the audit itself speaks."""
    for saga_id, amounts in audit.transit.items():
        if any(amounts.values()) and saga_id not in sagas:
            yield f"{dict(amounts)} is on the way for {saga_id}, which is no saga"


async def _vendor_books(sandbox_url: str) -> tuple[list[Document], list[Document], dict[str, list[Document]]]:
    async with httpx2.AsyncClient(base_url=sandbox_url, trust_env=False, timeout=_TIMEOUT_S) as sandbox:
        payments = (await sandbox.get("/control/unit/book")).json()["payments"]
        sent = (await sandbox.get("/control/tatum/book")).json()["transactions"]
        cards = (await sandbox.get("/control/stripe/book")).json()
    return payments, sent, cards


def _judge_open(effects: Sequence[Document], sagas: Mapping[str, Document]) -> Iterator[str]:
    """Once a saga has ended, what became of each of its effects is known."""
    for effect in effects:
        if effect["status"] not in _DECIDED and sagas[effect["saga_id"]]["status"] in ENDED:
            yield f"{told_of(effect)}: its saga has ended"
