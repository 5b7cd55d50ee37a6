"""Claims and answers that get lost on the way to Valkey, over HTTP and the books (ASVS 2.3.3, 15.4.2).

Whatever becomes of them, one key is one payment, and a repeat gets the first answer: replayed, told by the books, or
put off for as long as a claim lives that nobody holds.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from redis.asyncio import Redis

from app.ids import new_id, stored_id
from app.plumbing import embedded
from tests.databases import Databases
from tests.idempotency.lines import Befalls, Line, opened
from tests.ledger.proxy import Fate
from tests.world_fixtures import sandbox_book
from tests.worlds import BOOK, Customer, World, open_world

__all__ = ["sandbox_book"]

PATIENCE_S = 10.0

Told = tuple[int, str, bool]
"""An answer: its status, the transaction or the refusal's code, and whether it was replayed."""


@dataclass(frozen=True, slots=True)
class Bank:
    """A world whose claims go over a line, and somebody who pays."""

    world: World
    line: Line
    payer: Customer
    payee: Customer
    token: Mapping[str, str]

    async def pay(self, key: str) -> Told:
        body = {
            "source_account_id": self.payer.dollars_id,
            "destination_account_id": self.payee.dollars_id,
            "amount": "1.00",
            "currency": "USD",
        }
        answer = await self.world.api.post("/v1/transfers", json=body, headers={**self.token, "Idempotency-Key": key})
        return told(answer)

    async def paid(self) -> int:
        """How many payments the payer has made."""
        posted = self.world.runtime.database["transactions"]
        return await posted.count_documents({"source_account_id": stored_id(BOOK, self.payer.dollars_id)})

    def a_second_passes(self) -> None:
        """For as long Valkey is left alone after a failure."""
        self.world.clock.advance(1)


def told(answer: httpx2.Response) -> Told:
    content = answer.json()
    return answer.status_code, content.get("id") or content["code"], "Idempotent-Replayed" in answer.headers


def valkey_in(folder: Path) -> embedded.Server:
    return embedded.start_valkey(folder / "data", folder / "run", folder / "valkey.log")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return tmp_path_factory.mktemp("here"), tmp_path_factory.mktemp("there")


@pytest.fixture(scope="module")
def valkeys(folders: tuple[Path, Path]) -> Iterator[dict[str, embedded.Server]]:
    """The primary and the one that takes its place; a test may put another in either's."""
    servers = dict(zip(("here", "there"), map(valkey_in, folders), strict=True))
    yield servers
    for server in servers.values():
        embedded.stop(server)


@pytest.fixture(scope="module")
async def opened_bank(
    mongodb_uri: str, databases: Databases, sandbox_book: str, valkeys: dict[str, embedded.Server]
) -> AsyncIterator[Bank]:
    async with (
        databases.lend() as database,
        opened(Line(valkeys["here"])) as line,
        open_world(mongodb_uri, line.url, database.name, sandbox_book) as world,
    ):
        ada, bob = [await world.customer(each) for each in ("ada", "bob")]
        yield Bank(world, line, ada, bob, await world.signed_in("ada"))


@pytest.fixture
async def bank(opened_bank: Bank, valkeys: dict[str, embedded.Server]) -> Bank:
    """The bank with ten dollars of the payer's that only this test knows, and a line that leads to the primary."""
    opened_bank.line.leads_to(valkeys["here"])
    await opened_bank.world.api.get("/v1/me", headers=opened_bank.token)  # hears that its connections were cut
    opened_bank.a_second_passes()
    return replace(opened_bank, payer=await opened_bank.world.with_new_accounts(opened_bank.payer, "10.00"))


@pytest.fixture
async def valkey(valkeys: dict[str, embedded.Server]) -> AsyncIterator[Redis]:
    """The primary itself, without a line between."""
    async with Redis.from_url(valkeys["here"].url) as client:
        await client.flushall()
        yield client


def meets(fate: Fate) -> Befalls:
    async def befalls() -> Fate:
        return fate

    return befalls


class Late:
    """A command that arrives when its sender has given up waiting."""

    def __init__(self) -> None:
        self._released = asyncio.Event()

    async def befalls(self) -> Fate:
        await self._released.wait()
        return Fate.ARRIVES

    async def arrive(self, valkey: Redis) -> None:
        before = await kept(valkey)
        self._released.set()
        async with asyncio.timeout(PATIENCE_S):
            while await kept(valkey) == before:  # noqa: ASYNC110 - another server's
                await asyncio.sleep(0.005)


async def kept(valkey: Redis) -> list[Any]:
    """What Valkey has about idempotency keys."""
    return [await valkey.get(each) for each in await valkey.keys("idem:*")]


TOLD_BY_THE_BOOKS, REPLAYED = (201, "same", False), (201, "same", True)
PUT_OFF = (409, "idempotency-in-progress", False)

# what it is that something happens to (the claim, or keeping the answer), what, and what a repeat is told afterwards
TABLE: dict[str, tuple[str, Fate | None, Told]] = {
    "the claim is lost": ("SET", Fate.IS_LOST, TOLD_BY_THE_BOOKS),
    "the claim is made, and nobody told": ("SET", Fate.GOES_UNANSWERED, PUT_OFF),
    "the claim is made too late": ("SET", None, PUT_OFF),
    "the answer is lost": ("EVAL", Fate.IS_LOST, PUT_OFF),
    "the answer is kept, and nobody told": ("EVAL", Fate.GOES_UNANSWERED, REPLAYED),
    "the answer is kept too late": ("EVAL", None, REPLAYED),
}


@pytest.mark.parametrize("name", TABLE)
async def test_one_key_is_one_payment_whatever_valkey_hears_of_it(name: str, bank: Bank, valkey: Redis) -> None:
    command, fate, (status, what, is_replayed) = TABLE[name]
    key, late = new_id("key"), Late()
    bank.line.next(command, late.befalls if fate is None else meets(fate))
    first = await bank.pay(key)
    left_alone = await bank.pay(key)
    if fate is None:
        await late.arrive(valkey)
    bank.a_second_passes()
    again = await bank.pay(key)
    if again == PUT_OFF:
        [claim] = await valkey.keys("idem:*")
        assert 0 < await valkey.ttl(claim) <= 30
        await valkey.delete(claim)  # as its lifetime does
        assert await bank.pay(key) == (201, first[1], False)

    assert (first[0], first[2]) == (201, False)
    assert left_alone == first
    assert again == (status, first[1] if what == "same" else what, is_replayed)
    assert await bank.pay(key) == (201, first[1], True)
    assert await bank.paid() == 1


async def test_what_is_flushed_while_a_request_runs_is_told_by_the_books(bank: Bank, valkey: Redis) -> None:
    async def flush() -> Fate:
        await valkey.flushall()
        return Fate.ARRIVES

    key = new_id("key")
    bank.line.next("EVAL", flush)
    first = await bank.pay(key)
    kept = await valkey.keys("idem:*")
    again, third = await bank.pay(key), await bank.pay(key)

    assert kept == []  # the claim was not the owner's any more
    assert (first[0], again, third) == (201, (201, first[1], False), (201, first[1], True))
    assert await bank.paid() == 1


async def test_a_restart_forgets_no_answer(
    bank: Bank, valkey: Redis, valkeys: dict[str, embedded.Server], folders: tuple[Path, Path]
) -> None:
    key = new_id("key")
    first = await bank.pay(key)
    await asyncio.to_thread(embedded.stop, valkeys["here"])
    meanwhile = [await bank.pay(each) for each in (key, new_id("key"))]
    valkeys["here"] = await asyncio.to_thread(valkey_in, folders[0])
    bank.a_second_passes()
    again = await bank.pay(key)

    assert [each[0] for each in meanwhile] == [201, 201]
    assert (meanwhile[0][1], again) == (first[1], (201, first[1], True))
    assert await bank.paid() == 2


async def test_after_a_failover_the_new_primary_is_found(
    bank: Bank, valkey: Redis, valkeys: dict[str, embedded.Server]
) -> None:
    """A demoted server keeps its connections, and answers READONLY; whoever hears that first has all dial again."""
    keys = [new_id("key") for _ in range(2)]
    before = await bank.pay(keys[0])
    await valkey.replicaof("127.0.0.1", "1")
    bank.line.leads_to(valkeys["there"], cut=False)
    during = await bank.pay(keys[1])
    bank.a_second_passes()
    again = [[await bank.pay(each) for each in keys] for _ in range(2)]
    await valkey.replicaof("NO", "ONE")

    assert (during[0], during[2]) == (201, False)
    assert again[0] == [(201, before[1], False), (201, during[1], True)]
    assert again[1] == [(201, before[1], True), (201, during[1], True)]
    assert await bank.paid() == 2
