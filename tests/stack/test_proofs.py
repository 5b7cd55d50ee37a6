"""Heads that were kept outside and receipts prove what they say, and nothing that somebody has edited."""

import json
from pathlib import Path
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from app.ledger.receipts import receipt
from app.ledger.store import LedgerStore
from app.plumbing.signing import Signer
from app.settings import Settings
from app.stack.books import verified
from app.stack.problem import GaveUp, Problem
from app.stack.proofs import checked, read_heads, signed_heads
from app.stack.treasury import funded

Database = AsyncDatabase[dict[str, Any]]


@pytest.fixture
async def settings(mongodb_uri: str, redis_url: str, database: Database) -> Settings:
    """Books with one transaction in them."""
    given = {"mongodb_uri": mongodb_uri, "mongodb_database": database.name, "redis_url": redis_url}
    settings = Settings.model_validate(given)
    await funded(settings, "default", "BTC", "1.5", "first")
    return settings


@pytest.fixture
async def heads(settings: Settings, tmp_path: Path) -> Path:
    """The heads, kept outside."""
    kept = tmp_path / "heads.json"
    kept.write_text(await signed_heads(settings))
    return kept


async def test_books_that_only_grew_fit_the_heads_that_were_kept(settings: Settings, heads: Path) -> None:
    await funded(settings, "default", "BTC", "2", "second")
    assert (await verified(settings, read_heads(heads))).breaks == []


async def test_books_that_were_written_anew_do_not(settings: Settings, heads: Path, database: Database) -> None:
    for collection in ("transactions", "ledger_entries", "accounts", "blocks", "streams"):
        await database[collection].delete_many({})
    await funded(settings, "default", "BTC", "9", "other")
    assert (await verified(settings)).breaks == []
    [found] = (await verified(settings, read_heads(heads))).breaks
    assert "is not the one that was anchored" in found


async def test_an_audit_trail_that_was_cut_off_is_a_break(settings: Settings, database: Database) -> None:
    await database["audit_heads"].insert_one({"_id": "default/audit", "seq": 1, "hash": "1" * 64, "version": 1})
    assert (await verified(settings)).breaks == ["the audit trail of default is gone"]


@pytest.mark.parametrize(
    ("text", "said"), [("{}", "holds no heads"), ("nonsense", "cannot be read"), ("[]", "holds no heads")]
)
def test_a_file_that_holds_no_heads_is_refused(tmp_path: Path, text: str, said: str) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text(text)
    with pytest.raises(Problem, match=said):
        read_heads(wrong)


def test_heads_that_somebody_edited_are_refused(heads: Path) -> None:
    edited = json.loads(heads.read_text())
    edited["heads"] = dict.fromkeys(edited["heads"], "0" * 64)
    heads.write_text(json.dumps(edited))
    with pytest.raises(Problem, match="do not have their signature"):
        read_heads(heads)


async def test_a_receipt_is_checked_offline_and_a_forged_one_proves_nothing(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    ledger, signer = LedgerStore(database.client, database), Signer(settings.receipt_key)
    transaction = await database["transactions"].find_one({}) or {}
    found = await ledger.block_of(transaction)
    assert found is not None
    given = receipt(*found, transaction["_id"], signer)
    file = tmp_path / "receipt.json"
    file.write_text(json.dumps(given))
    assert f"{transaction['_id']} is in the books" in checked(file, signer.public_key)

    file.write_text(json.dumps({**given, "content": given["content"].replace("150000000", "950000000")}))
    with pytest.raises(GaveUp, match="does not lead to the block's root"):
        checked(file, signer.public_key)
    with pytest.raises(Problem, match="--public-key"):
        checked(file, "")
