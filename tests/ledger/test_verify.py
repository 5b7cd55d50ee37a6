"""Every kind of damage is found and named; nothing else is."""

import re
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from bson.decimal128 import Decimal128

from app.ledger import verbs
from app.ledger.changes import Change
from app.ledger.committer import Committer
from app.ledger.documents import entry_id
from app.ledger.store import LedgerStore
from app.ledger.transactions import hold
from tests.ledger.given import ALICE, BANK, BOB, BOOK, Database, capture, transfer, txn, usd


@pytest.fixture(autouse=True)
async def lived_in(store: LedgerStore, door: Committer) -> None:
    """Books with some of everything in them: transfers, a hold captured in part, a release, a reversal, a diversion."""
    await verbs.post(door, transfer("fund", BANK, ALICE, 10_000))
    await verbs.post(door, transfer("rent", ALICE, BOB, 2_000, metadata={"note": "rent"}))
    await verbs.post(door, hold(txn("hold"), ALICE, BOB, usd(3_000)))
    await verbs.post(door, capture("part", "hold", ALICE, BOB, 1_000))
    await verbs.post(door, hold(txn("spare"), ALICE, BOB, usd(500)))
    await verbs.release_hold(door, store, txn("spare"))
    await verbs.reverse(door, store, txn("rent"))
    await door.submit(Change(BOOK, (transfer("return", BOB, BANK, 1_500),), fact=True))


async def test_sound_books_end_in_one_quiet_line(store: LedgerStore) -> None:
    assert (await store.audit()).line() == "8 transactions, 11 entries, 1 assets, 0 breaks, chain intact"


def edit(collection: str, document_id: str, **fields: Any) -> Callable[[Database], Awaitable[Any]]:
    changed = {name.replace("__", "."): value for name, value in fields.items()}
    return lambda database: database[collection].update_one(
        {"_id": document_id}, {"$set": changed}, bypass_document_validation=True
    )


def delete(collection: str, document_id: str) -> Callable[[Database], Awaitable[Any]]:
    return lambda database: database[collection].delete_one({"_id": document_id})


def add(collection: str, **document: Any) -> Callable[[Database], Awaitable[Any]]:
    return lambda database: database[collection].insert_one(dict(document), bypass_document_validation=True)


ONE = Decimal128("1")
ENTRY = entry_id(ALICE.id, 2)
LAST_ENTRY = entry_id(ALICE.id, 4)

DAMAGE = {
    # what was done                      where it was done                                   what the audit must say
    "a balance edited": (edit("accounts", ALICE.id, balance=ONE), "account acc_alice: balance is 1,"),
    "a held amount edited": (edit("accounts", ALICE.id, held=ONE), "account acc_alice: held is 1,"),
    "a seq edited": (edit("accounts", ALICE.id, seq=9), "account acc_alice: seq is 9,"),
    "a last id edited": (edit("accounts", ALICE.id, last_transaction_id="x"), "acc_alice: last_transaction_id is x,"),
    "a balance no decimal": (edit("accounts", ALICE.id, balance=1.5), "account acc_alice is damaged"),
    "a balance a fraction": (edit("accounts", ALICE.id, balance=Decimal128("1.5")), "account acc_alice is damaged"),
    "an account's currency edited": (edit("accounts", ALICE.id, currency="BTC"), "does not sum to zero"),
    "a currency nobody knows": (edit("accounts", ALICE.id, currency="XXX"), "account acc_alice is damaged"),
    "an account deleted": (delete("accounts", BOB.id), "account acc_bob is missing"),
    "an entry's amount edited": (edit("ledger_entries", ENTRY, amount_snapshot=ONE), "acc_alice: its entries are not"),
    "an entry's balance edited": (
        edit("ledger_entries", ENTRY, balance_after=ONE),
        "entry 2 has a wrong balance_after",
    ),
    "an entry's side edited": (edit("ledger_entries", ENTRY, direction="CR"), "acc_alice: its entries are not"),
    "an entry's side nonsense": (edit("ledger_entries", ENTRY, direction="??"), "is damaged"),
    "an entry's amount no decimal": (edit("ledger_entries", ENTRY, amount_snapshot=1.5), "is damaged"),
    "an entry moved to another transaction": (
        edit("ledger_entries", ENTRY, transaction_id="default/txn_other"),
        "acc_alice: its entries are not",
    ),
    "an entry's seq edited": (edit("ledger_entries", ENTRY, seq=7), "acc_alice: entry 2 is missing or misnumbered"),
    "an entry deleted": (delete("ledger_entries", ENTRY), "acc_alice: entry 2 is missing or misnumbered"),
    "the last entry deleted": (delete("ledger_entries", LAST_ENTRY), "acc_alice: number of entries is 3,"),
    "a transaction's amount edited": (edit("transactions", txn("rent"), amount=ONE), "txn_rent: its headline differs"),
    "a transaction's amount no decimal": (edit("transactions", txn("rent"), amount=1.5), "txn_rent is damaged"),
    "a transaction's source edited": (
        edit("transactions", txn("rent"), source_account_id=BOB.id),
        "txn_rent: its headline differs",
    ),
    "one leg edited": (edit("transactions", txn("rent"), legs__0__amount=ONE), "txn_rent is damaged"),
    "both legs and the amount edited": (
        edit("transactions", txn("rent"), amount=ONE, legs__0__amount=ONE, legs__1__amount=ONE),
        "acc_alice: its entries are not",
    ),
    "a leg moved to another account": (
        edit("transactions", txn("rent"), dest_account_id=BANK.id, legs__1__account_id=BANK.id),
        "acc_bob: its entries are not",
    ),
    "a posted transaction made pending": (edit("transactions", txn("rent"), status="pending"), "acc_alice: balance is"),
    "metadata edited": (edit("transactions", txn("rent"), metadata__note="gift"), "txn_rent: its fingerprint"),
    "a kind edited": (edit("transactions", txn("rent"), kind="gift"), "txn_rent: its fingerprint"),
    "a transaction deleted": (delete("transactions", txn("rent")), "acc_alice: its entries are not"),
    "a transaction with a field missing": (
        lambda database: database["transactions"].update_one(
            {"_id": txn("rent")}, {"$unset": {"legs": ""}}, bypass_document_validation=True
        ),
        "txn_rent is damaged",
    ),
    "a hold edited": (edit("holds", txn("hold"), remaining=ONE), "hold txn_hold: 2000 should remain"),
    "a hold no decimal": (edit("holds", txn("hold"), remaining=1.5), "hold txn_hold is damaged"),
    "a hold moved to another account": (edit("holds", txn("hold"), account_id=BOB.id), "hold txn_hold"),
    "a hold deleted": (delete("holds", txn("hold")), "hold txn_hold: 2000 should remain"),
    "a hold of no transaction": (
        add("holds", _id=txn("x"), account_id=ALICE.id, remaining=ONE, version=1),
        "hold txn_x has no transaction",
    ),
    "a capture deleted": (delete("transactions", txn("part")), "hold txn_hold: 3000 should remain"),
}


@pytest.mark.parametrize(("damage", "sentence"), DAMAGE.values(), ids=DAMAGE)
async def test_damage_is_found_and_named(
    database: Database, store: LedgerStore, damage: Callable[[Database], Awaitable[Any]], sentence: str
) -> None:
    await damage(database)
    breaks = (await store.audit()).breaks
    assert any(sentence in each for each in breaks), breaks


async def test_books_out_of_step_with_each_other_do_not_hide_behind_a_sum_of_zero(
    database: Database, store: LedgerStore
) -> None:
    """Taking from one account what is given to another keeps every sum; only the transactions tell."""
    for account_id, minor in ((ALICE.id, 1), (BOB.id, -1)):
        account = await store.account(account_id)
        assert account is not None
        await edit("accounts", account_id, balance=Decimal128(str(account.balance + minor)))(database)
    breaks = (await store.audit()).breaks
    assert {each.partition(":")[0] for each in breaks} == {"account acc_alice", "account acc_bob"}


@pytest.mark.parametrize("name", ["transactions", "ledger_entries", "blocks"])
async def test_no_field_can_be_edited_unseen(store: LedgerStore, database: Database, name: str) -> None:
    """Every field that any document of the collection has, changed once, and put back."""
    unseen: dict[str, Any] = {}
    tried = {"token"}  # it names the attempt that wrote a block, and says nothing once the commit is answered
    for document in await database[name].find().to_list():
        for path, value in fields_of(document):
            if (kind := re.sub(r"[0-9]+", "#", path)) in tried:
                continue
            tried.add(kind)
            await edit(name, document["_id"], **{path: other_than(value)})(database)
            if (await store.audit()).line().endswith(" 0 breaks, chain intact"):
                unseen[kind] = value
            await edit(name, document["_id"], **{path: value})(database)
    assert (await store.audit()).line().endswith(" 0 breaks, chain intact")
    assert not unseen


def fields_of(document: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        path = f"{prefix}{name}"
        if isinstance(value, dict) and value:
            yield from fields_of(value, f"{path}.")
        elif isinstance(value, list) and value:
            yield from fields_of({str(index): each for index, each in enumerate(value)}, f"{path}.")
        elif path != "_id":
            yield path, value


def other_than(value: Any) -> Any:
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case str():
            return f"{value}x"
        case datetime():
            return value + timedelta(milliseconds=1)
        case Decimal128():
            return Decimal128(str(value.to_decimal() + 1))
        case _:
            return "x"
