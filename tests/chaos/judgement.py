"""The end of a run: is every accepted request done exactly once, and do our books, theirs and the customers' agree?

Everything is read past the wires, from the database and from the vendors' own books.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2

from app.ids import public_id
from app.ledger.verify import Audit
from app.money import Money, asset
from app.plumbing.mongo import Database
from app.stack.books import verified
from tests.chaos.arrivals import deposits, incoming, judge_arrivals
from tests.chaos.card_judgement import judge_cards
from tests.chaos.customers import Customer
from tests.chaos.records import Asked
from tests.chaos.stack import Stack

_DECIDED = {"confirmed", "rejected", "cancelled"}
ENDED = {"completed", "compensated"}
_AT_ONCE = 8
_NOT_MADE = {"Rejected", "Canceled", "Returned"}
Document = dict[str, Any]


@dataclass(slots=True)
class Judgement:
    """What was found; ``open_sagas`` are those that wait for a person, with their reason."""

    differences: list[str] = field(default_factory=list)
    open_sagas: list[str] = field(default_factory=list)
    ended: Counter[str] = field(default_factory=Counter)
    effects: Counter[str] = field(default_factory=Counter)
    books: str = ""


async def judge(
    stack: Stack, database: Database, records: Sequence[Asked], customers: Mapping[str, Customer]
) -> Judgement:
    """Compare everything with everything."""
    found = Judgement()
    sagas = {saga["_id"]: saga async for saga in database["sagas"].find({})}
    _judge_sagas(found, sagas)
    found.differences.extend(await _judge_requests(database, records, customers, sagas))
    audit = await verified(stack.settings)
    found.books = audit.line()
    found.differences.extend(audit.breaks)
    found.differences.extend(_judge_transit(audit, sagas))
    effects = await database["effects"].find({}).to_list()
    found.effects = Counter(f"{each['provider']} {each['operation']} {each['status']}" for each in effects)
    payments, sent, cards = await _vendor_books(stack.sandbox_url)
    found.differences.extend(_judge_open(effects, sagas))
    found.differences.extend(_judge_bank(_of(effects, "unit", "create_payment"), payments, sagas))
    found.differences.extend(_judge_chain(_of(effects, "tatum", "send"), sent, sagas))
    found.differences.extend(judge_cards(effects, cards, sagas))
    arrived, known = await incoming(stack.sandbox_url), await deposits(database)
    found.differences.extend(judge_arrivals(arrived, known, customers))
    return found


def _of(effects: Sequence[Document], provider: str, operation: str) -> list[Document]:
    return [each for each in effects if (each["provider"], each["operation"]) == (provider, operation)]


def _judge_sagas(found: Judgement, sagas: Mapping[str, Document]) -> None:
    for saga in sagas.values():
        found.ended[f"{saga['type']} {saga['status']}"] += 1
        if saga["status"] in ENDED:
            continue
        told = f"{public_id(saga['_id'])} {saga['type']} {saga['status']} in {saga['parked_from'] or saga['state']}"
        found.open_sagas.append(f"{told} ({saga['reason']})")
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
    async with httpx2.AsyncClient(base_url=sandbox_url, trust_env=False) as sandbox:
        payments = (await sandbox.get("/control/unit/book")).json()["payments"]
        sent = (await sandbox.get("/control/tatum/book")).json()["transactions"]
        cards = (await sandbox.get("/control/stripe/book")).json()
    return payments, sent, cards


def _judge_open(effects: Sequence[Document], sagas: Mapping[str, Document]) -> Iterator[str]:
    """Once a saga has ended, what became of each of its effects is known."""
    for effect in effects:
        if effect["status"] not in _DECIDED and sagas[effect["saga_id"]]["status"] in ENDED:
            yield f"{_told(effect)}: its saga has ended"


def _told(effect: Document) -> str:
    return f"{public_id(effect['_id'])} ({effect['step']} of {public_id(effect['saga_id'])}, {effect['status']})"


def _judge_bank(
    effects: Sequence[Document], payments: Sequence[Document], sagas: Mapping[str, Document]
) -> Iterator[str]:
    """Each effect has the payments it should have, under its own reference, and no payment is without effect."""
    by_ref: dict[str, list[Document]] = {}
    for payment in payments:
        by_ref.setdefault(payment["tags"].get("opId", ""), []).append(payment)
    recovered = {saga["params"]["ref"].rpartition(":")[2] for saga in sagas.values() if saga["type"] == "recovery"}
    for effect in effects:
        made = by_ref.pop(effect["_id"], [])
        told = _told(effect)
        moved = [payment for payment in made if payment["status"] not in _NOT_MADE]
        if len(made) > 1:
            yield f"{told}: the bank made {len(made)} payments of it"
        if effect["status"] == "confirmed" and [payment["id"] for payment in made] != [effect["provider_ref"]]:
            yield f"{told}: the bank knows it as {[payment['id'] for payment in made]}, we as {effect['provider_ref']}"
        if effect["status"] in {"rejected", "cancelled", "planned"} and moved:
            yield f"{told}: the bank made payment {moved[0]['id']} of it, {moved[0]['status']}"
        yield from (f"{told}: {each}" for payment in made for each in _unlike(effect, payment))
        done = sagas[effect["saga_id"]]["steps"].get(effect["step"], {}).get("status") == "done"
        came_back = any(payment["id"] in recovered for payment in made)
        if done and effect["status"] == "confirmed" and not moved and not came_back:
            yield f"{told}: the step is done, and the bank has {[payment['status'] for payment in made]}"
    for ref, made in by_ref.items():
        yield f"the bank made {len(made)} payments for {ref or 'nobody'}, of which we know nothing"


def _unlike(effect: Document, payment: Document) -> Iterator[str]:
    asked = effect["request"]
    if Money.parse(asked["amount"], asset(asked["currency"])).minor != payment["amount"]:
        yield f"we asked for {asked['amount']}, the bank moved {payment['amount']} cents"
    if asked["direction"] != payment["direction"]:
        yield f"we asked for a {asked['direction']}, the bank made a {payment['direction']}"


def _judge_chain(effects: Sequence[Document], sent: Sequence[Document], sagas: Mapping[str, Document]) -> Iterator[str]:
    """Every delivered step has a transaction of its own, with its recipient and amount, and there are no others."""
    by_hash = {each["hash"]: each for each in sent if each["kms_id"] is not None}
    for effect in effects:
        saga, told = sagas[effect["saga_id"]], _told(effect)
        tx_id = saga["results"].get(effect["step"], {}).get("tx_id")
        done = saga["steps"].get(effect["step"], {}).get("status") == "done"
        if tx_id is None:
            if done:
                yield f"{told}: the step is done without a transaction"
            continue
        transaction = by_hash.pop(tx_id, None)
        if transaction is None:
            yield f"{told}: the chain has no transaction {tx_id}, or it is another effect's too"
        elif transaction["to"] != effect["request"]["to"] or _coins(transaction) != _coins(effect["request"]):
            yield f"{told}: we asked for {effect['request']}, the chain has {transaction}"
    for transaction in by_hash.values():
        yield f"the chain has {transaction['hash']} to {transaction['to']}, of which we know nothing"


def _coins(told: Document) -> Money:
    return Money.parse(told["amount"], asset(told["currency"]))
