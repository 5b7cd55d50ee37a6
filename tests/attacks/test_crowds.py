"""Many at once over HTTP (ASVS 2.3.4 and 15.4.2, API6:2023): one effect a key, and no cent spent twice.

With Valkey there, and with it killed in the middle: it makes repeats cheap, and decides nothing.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.ids import new_id
from app.plumbing import embedded
from app.plumbing.mongo import Database
from tests.attacks.house import House, open_house

REQUESTS, KEYS = 500, 50
SPENDS, AFFORDABLE = 200, 70


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[embedded.Server]:
    server = embedded.start_valkey(tmp_path / "valkey", tmp_path / "run", tmp_path / "valkey.log")
    yield server
    embedded.stop(server)


@pytest.fixture
async def crowded_house(
    mongodb_uri: str, database: Database, sandbox_book: str, valkey: embedded.Server
) -> AsyncIterator[House]:
    async with open_house(mongodb_uri, valkey.url, database.name, sandbox_book) as opened:
        yield opened


async def pay(house: House, key: str, amount: str) -> tuple[int, str]:
    body = {
        "source_account_id": house.ada.dollars_id,
        "destination_account_id": house.mallory.dollars_id,
        "amount": amount,
        "currency": "USD",
    }
    while True:
        answer = await house.ask("POST", "/v1/transfers", by="ada", json=body, headers={"Idempotency-Key": key})
        content = answer.json()
        if content.get("code") != "idempotency-in-progress":
            return answer.status_code, content.get("id") or content["code"]
        await asyncio.sleep(0.02)  # as its Retry-After says, only sooner


async def killing(valkey: embedded.Server, house: House, after: int) -> None:
    """Stop Valkey once so many payments have been posted."""
    posted = house.world.runtime.database["transactions"]
    before = await posted.count_documents({"kind": "transfer"})
    while await posted.count_documents({"kind": "transfer"}) < before + after:  # noqa: ASYNC110 - another server's
        await asyncio.sleep(0.005)
    await asyncio.to_thread(embedded.stop, valkey)


@pytest.mark.parametrize("dies", [False, True], ids=["with Valkey", "Valkey killed in the middle"])
async def test_five_hundred_requests_over_fifty_keys_are_fifty_payments(
    dies: bool,  # noqa: FBT001 - a column
    crowded_house: House,
    valkey: embedded.Server,
) -> None:
    house, keys = crowded_house, [new_id("key") for _ in range(KEYS)]
    before = await house.world.available(house.ada.dollars_id)
    await house.token("ada")
    async with asyncio.TaskGroup() as group:
        if dies:
            group.create_task(killing(valkey, house, KEYS // 2))
        asked = [group.create_task(pay(house, keys[number % KEYS], "1.00")) for number in range(REQUESTS)]
    answers = [each.result() for each in asked]

    assert {status for status, _ in answers} == {201}
    assert len({transaction for _, transaction in answers}) == KEYS
    assert float(before) - float(await house.world.available(house.ada.dollars_id)) == KEYS
    await house.world.audit()


@pytest.mark.parametrize("dies", [False, True], ids=["with Valkey", "Valkey killed in the middle"])
async def test_of_two_hundred_spends_exactly_those_that_are_affordable_succeed(
    dies: bool,  # noqa: FBT001 - a column
    crowded_house: House,
    valkey: embedded.Server,
) -> None:
    world = crowded_house.world
    crowded_house.ada = await world.with_new_accounts(crowded_house.ada, f"{AFFORDABLE}.99")
    await crowded_house.token("ada")
    async with asyncio.TaskGroup() as group:
        if dies:
            group.create_task(killing(valkey, crowded_house, AFFORDABLE // 2))
        asked = [group.create_task(pay(crowded_house, new_id("key"), "1.00")) for _ in range(SPENDS)]
    verdicts = Counter(status for status, _ in (each.result() for each in asked))

    assert verdicts == {201: AFFORDABLE, 409: SPENDS - AFFORDABLE}
    assert await world.available(crowded_house.ada.dollars_id) == "0.99"
    await world.audit()
