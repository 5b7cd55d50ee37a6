"""Blocks chain every commit, receipts prove a transaction offline, and any edit is found, however thorough."""

import asyncio
from collections.abc import Awaitable, Callable
from copy import deepcopy
from typing import Any

import pytest
from bson.decimal128 import Decimal128
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from app.ledger import verbs
from app.ledger.blocks import GENESIS, leaf, merkle_path, merkle_root, root_along
from app.ledger.chain import _BLOCKS_AT_ONCE
from app.ledger.committer import Committer
from app.ledger.receipts import ReceiptInvalid, check, receipt
from app.ledger.store import LedgerStore
from app.plumbing.signing import Signer
from tests.ledger.given import ALICE, BANK, BOB, BOOK, Database, open_door, transfer, txn

SIGNER = Signer(SecretStr("b3duLXJlY2VpcHQta2V5LXNlZWQtMDEyMzQ1Njc4OWE="))
STRANGER = Signer(SecretStr("c2FuZGJveC1yZWNlaXB0LWtleS1zZWVkLTAxMjM0NTY="))


@given(st.lists(st.text(), min_size=1, max_size=40), st.data())
def test_every_leaf_leads_to_the_root_and_to_no_other(contents: list[str], data: st.DataObject) -> None:
    leaves = [leaf(content) for content in contents]
    index = data.draw(st.integers(0, len(leaves) - 1))
    path = merkle_path(leaves, index)
    assert root_along(leaves[index], path) == merkle_root(leaves)
    assert root_along(leaf(contents[index] + "x"), path) != merkle_root(leaves)


def test_no_transactions_have_a_root_of_their_own() -> None:
    assert merkle_root([]) not in {merkle_root([leaf("")]), GENESIS}


@pytest.fixture
async def five(store: LedgerStore, door: Committer) -> None:
    """Five transactions in three blocks."""
    await verbs.post(door, transfer("fund", BANK, ALICE, 100))
    await asyncio.gather(*(verbs.post(door, transfer(f"t{n}", ALICE, BOB, n)) for n in range(1, 4)))
    await verbs.post(door, transfer("last", BOB, ALICE, 1))


async def test_every_commit_is_one_block_that_follows_the_one_before(
    database: Database, store: LedgerStore, five: None
) -> None:
    blocks = await database["blocks"].find().sort("_id", 1).to_list()
    assert [(block["n"], len(block["transaction_ids"])) for block in blocks] == [(1, 1), (2, 3), (3, 1)]
    assert [block["prev_hash"] for block in blocks] == [GENESIS, *(block["hash"] for block in blocks[:-1])]
    assert (await store.audit()).line().endswith("0 breaks, chain intact")


async def given_receipt(store: LedgerStore, name: str) -> dict[str, Any]:
    transaction = await store.transaction(txn(name))
    assert transaction is not None
    found = await store.block_of(transaction)
    assert found is not None
    return receipt(*found, txn(name), SIGNER)


@pytest.mark.parametrize("name", ["fund", "t1", "t2", "t3", "last"])
async def test_a_receipt_proves_its_transaction_with_the_public_key_alone(
    store: LedgerStore, five: None, name: str
) -> None:
    assert txn(name) in check(await given_receipt(store, name), SIGNER.public_key)


FORGERIES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "another amount": lambda given: given.update(content=given["content"].replace('"2"', '"9"')),
    "another path": lambda given: given["path"].reverse() or given["path"].append(["left", GENESIS]),
    "another root": lambda given: given["block"].update(root=GENESIS),
    "another time": lambda given: given["block"].update(at="2020-01-01T00:00:00.000Z"),
    "another hash": lambda given: given["block"].update(hash=GENESIS),
    "another signature": lambda given: given.update(signature=STRANGER.sign(given["block"]["hash"])),
    "no signature": lambda given: given.pop("signature"),
    "a path that is no path": lambda given: given.update(path=[["left", "not hex"]]),
    "nothing": lambda given: given.clear(),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
async def test_a_forged_receipt_proves_nothing(
    store: LedgerStore, five: None, forge: Callable[[dict[str, Any]], Any]
) -> None:
    forged = deepcopy(await given_receipt(store, "t2"))
    forge(forged)
    with pytest.raises(ReceiptInvalid):
        check(forged, SIGNER.public_key)


async def test_a_receipt_of_one_key_proves_nothing_to_the_owner_of_another(store: LedgerStore, five: None) -> None:
    with pytest.raises(ReceiptInvalid, match="not of this key"):
        check(await given_receipt(store, "t1"), STRANGER.public_key)


def block(number: int) -> str:
    return f"{BOOK}/str_0#{number:012d}"


def edit(collection: str, document_id: str, **fields: Any) -> Callable[[Database], Awaitable[Any]]:
    return lambda database: database[collection].update_one(
        {"_id": document_id}, {"$set": fields}, bypass_document_validation=True
    )


def delete(collection: str, document_id: str) -> Callable[[Database], Awaitable[Any]]:
    return lambda database: database[collection].delete_one({"_id": document_id})


DAMAGE = [
    # what somebody does to the database                                what the audit says of the chain
    (edit("transactions", txn("t2"), **{"legs.0.amount": Decimal128("9")}), "a transaction in it has been edited"),
    (edit("transactions", txn("t2"), metadata={"note": "x"}), "a transaction in it has been edited"),
    (edit("transactions", txn("t2"), saga_id="default/sag_x"), "a transaction in it has been edited"),
    (edit("transactions", txn("t2"), **{"position.i": 7}), "a transaction in it has been edited"),
    (edit("transactions", txn("t2"), legs=None), "a transaction in it has been edited"),
    (delete("transactions", txn("t2")), "transaction txn_t2 of block"),
    (edit("blocks", block(2), root=GENESIS), "has been edited"),
    (edit("blocks", block(2), hash=GENESIS), "has been edited"),
    (edit("blocks", block(2), prev_hash=GENESIS), "does not follow"),
    (edit("blocks", block(2), transaction_ids=[]), "the blocks hold 2"),
    (delete("blocks", block(2)), "number 2 should stand here"),
    (delete("blocks", block(3)), "the blocks hold 4"),
    (edit("streams", f"{BOOK}/str_0", n=2, hash=GENESIS), "had reached block 2"),
    (delete("streams", f"{BOOK}/str_0"), "has blocks and no head"),
]


@pytest.mark.parametrize(("damage", "said"), DAMAGE)
async def test_any_edit_of_what_is_chained_is_named(
    database: Database,
    store: LedgerStore,
    five: None,
    damage: Callable[[Database], Awaitable[Any]],
    said: str,
) -> None:
    await damage(database)
    audit = await store.audit()
    assert any(said in each for each in audit.chain.breaks), audit.chain.breaks
    assert audit.line().endswith("chain broken")


async def test_a_chain_that_is_not_read_at_once_is_followed_to_its_end(
    database: Database, store: LedgerStore, door: Committer
) -> None:
    for n in range(2 * _BLOCKS_AT_ONCE + 1):
        await verbs.post(door, transfer(f"t{n}", BANK, ALICE, 1))
    assert (await store.audit()).line().endswith("0 breaks, chain intact")
    await edit("transactions", txn(f"t{2 * _BLOCKS_AT_ONCE}"), kind="other")(database)
    said = f"block {block(2 * _BLOCKS_AT_ONCE + 1)}: a transaction in it has been edited"
    assert (await store.audit()).chain.breaks == [said]


async def test_a_stream_cut_short_is_found_by_what_its_owner_noted(
    database: Database, store: LedgerStore, five: None
) -> None:
    """Its last block and everything in it are gone, and the accounts are made to fit."""
    noted = (await database["blocks"].find_one({"_id": block(3)})) or {}
    await edit("streams", f"{BOOK}/str_0", n=3, hash=noted["hash"])(database)
    await delete("blocks", block(3))(database)
    assert f"stream {BOOK}/str_0 had reached block 3, which is not there any more" in (await store.audit()).breaks


async def test_a_rewrite_of_everything_is_found_by_a_head_that_was_kept_outside(
    database: Database, store: LedgerStore, five: None
) -> None:
    kept = await store.heads()
    for collection in ("transactions", "ledger_entries", "accounts", "blocks", "streams"):
        await database[collection].delete_many({})
    async with open_door(store) as rewriting:
        for n in range(3):
            await verbs.post(rewriting, transfer(f"other{n}", BANK, ALICE, 1))
    assert (await store.audit()).breaks == []
    assert (await store.audit(kept)).breaks == [f"block {block(3)} is not the one that was anchored"]
