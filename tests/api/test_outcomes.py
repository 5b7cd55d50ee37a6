"""How a saga ended is signed, can be checked with the public key alone, and only by its owner be fetched."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from app.ids import public_id
from app.stack.problem import GaveUp, Problem
from app.stack.proofs import checked_outcome
from tests.world_fixtures import ada, busy_world, calm_world, rich_ada, sandbox_book, timings
from tests.worlds import Customer, World

__all__ = ["ada", "busy_world", "calm_world", "rich_ada", "sandbox_book", "timings"]


async def outcome(world: World, saga_id: str, by: str = "ada") -> tuple[int, dict[str, Any]]:
    answer = await world.api.get(f"/v1/sagas/{public_id(saga_id)}/outcome", headers=await world.signed_in(by))
    return answer.status_code, answer.json()


async def public_key(world: World) -> str:
    return str((await world.api.get("/.well-known/wallet-receipt-key")).json()["public_key"])


async def test_anybody_checks_how_a_purchase_ended(calm_world: World, rich_ada: Customer, tmp_path: Path) -> None:
    saga_id = await calm_world.buy(rich_ada)
    status, told = await outcome(calm_world, saga_id)
    assert (status, told["code"]) == (409, "saga-unfinished")
    await calm_world.settle()
    status, given = await outcome(calm_world, saga_id)
    assert status == 200
    key = Ed25519PublicKey.from_public_bytes(b64decode(await public_key(calm_world)))
    key.verify(b64decode(given["signature"]), given["content"].encode())
    content = json.loads(given["content"])
    assert (content["saga"], content["type"], content["status"]) == (public_id(saga_id), "purchase", "completed")
    assert content["amounts"]["total"] == {"amount": "100.00", "currency": "USD"}
    assert len(content["transactions"]) == len(
        [each for each in await calm_world.runtime.ledger.transactions_of_saga(saga_id) if each["status"] == "posted"]
    )
    file = tmp_path / "outcome.json"
    file.write_text(json.dumps(given))
    assert "a purchase, ended completed" in checked_outcome(file, await public_key(calm_world))


async def test_every_transaction_of_an_outcome_has_its_receipt(calm_world: World, rich_ada: Customer) -> None:
    await calm_world.dial("tatum send", "decline")
    saga_id = await calm_world.buy(rich_ada)
    await calm_world.settle()
    _, given = await outcome(calm_world, saga_id)
    paths = [f"/v1/transactions/{each}/receipt" for each in json.loads(given["content"])["transactions"]]
    for by, status in (("ada", 200), ("mallory", 404)):
        headers = await calm_world.signed_in(by)
        assert {(await calm_world.api.get(path, headers=headers)).status_code for path in paths} == {status}


async def test_what_somebody_edited_proves_nothing(calm_world: World, rich_ada: Customer, tmp_path: Path) -> None:
    saga_id = await calm_world.deposit(rich_ada)
    await calm_world.settle()
    _, given = await outcome(calm_world, saga_id)
    key, file = await public_key(calm_world), tmp_path / "outcome.json"
    signer = calm_world.runtime.signer
    other = '{"heads":{}}'
    for edited, said in (
        ({**given, "content": given["content"].replace("100.00", "900.00")}, "not of this key"),
        ({**given, "signature": "AAAA"}, "not of this key"),
        ({**given, "content": other, "signature": signer.sign(other)}, "what is signed is not the outcome"),
        ({}, "it is not the outcome"),
    ):
        file.write_text(json.dumps(edited))
        with pytest.raises(GaveUp, match=said):
            checked_outcome(file, key)
    with pytest.raises(Problem, match="--public-key"):
        checked_outcome(file, "")


async def test_somebody_elses_outcome_is_not_there(calm_world: World, rich_ada: Customer) -> None:
    saga_id = await calm_world.deposit(rich_ada)
    await calm_world.settle()
    status, told = await outcome(calm_world, saga_id, by="mallory")
    assert (status, told["code"]) == (404, "not-found")
