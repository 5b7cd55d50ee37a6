"""Outputs of the treasury are read once for many sends, and none is given to two of them."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from app.money import BTC, Money
from app.orchestrator.progress import order_status
from app.orchestrator.treasury import FreeInput
from app.orchestrator.treasury_purse import FRESH, Purse
from app.providers.chain_ports import Input
from tests.worlds import Customer, World

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
COIN = Money(5, BTC)


class Chain:
    """What is free there, by name, and what every reading was told to leave out."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.left_out: list[list[str]] = []

    async def read(self, lent: Sequence[Input]) -> list[FreeInput]:
        self.left_out.append([each.tx_id for each in lent])
        await asyncio.sleep(0)
        return [FreeInput(Input(name, 0, COIN), given_back=False) for name in self.names]


async def given(purse: Purse, chain: Chain, at: datetime = NOON) -> str | None:
    """The output that the next send is given."""
    found = await purse.give("bitcoin", COIN, at, chain.read)
    return None if found is None else found[0].input.tx_id


async def test_sends_of_one_moment_are_given_different_outputs_of_one_reading() -> None:
    purse, chain = Purse(), Chain("a", "b", "c")
    assert await asyncio.gather(*(given(purse, chain) for _ in range(3))) == ["a", "b", "c"]
    assert chain.left_out == [[]]


async def test_where_too_little_is_left_it_is_read_again_but_for_what_was_just_given() -> None:
    purse, chain = Purse(), Chain("a")
    assert await given(purse, chain) == "a"
    chain.names = ("b",)
    assert await given(purse, chain) == "b"
    chain.names = ()
    assert await given(purse, chain, NOON + FRESH) is None
    assert chain.left_out == [[], ["a"], []]


async def test_a_reading_gets_old_also_where_the_clock_is_set_back() -> None:
    purse, chain = Purse(), Chain("a", "b", "c")
    at = (NOON, NOON + FRESH - timedelta(seconds=1), NOON + FRESH, NOON)
    assert [await given(purse, chain, each) for each in at] == ["a", "b", "a", "a"]


async def test_a_send_whose_output_another_process_took_is_given_another(calm_world: World, rich_ada: Customer) -> None:
    world = calm_world
    first = await world.buy(rich_ada, paying="account")
    await world.work()
    (sent,) = await world.runtime.sagas.effects_of(first)
    known = Input(sent.request["inputs"][0]["tx_id"], sent.request["inputs"][0]["place"], Money(10**11, BTC))
    engine = world.engine(world.runtime.door)
    purse = engine._driver._outside.purse

    async def read_before(_lent: Sequence[Input]) -> list[FreeInput]:
        return [FreeInput(known, given_back=False)] * 2

    await purse.give("bitcoin", COIN, world.clock.now(), read_before)
    second = await world.buy(rich_ada, paying="account")
    while await engine.claim_and_drive():
        pass
    (other,) = await world.runtime.sagas.effects_of(second)
    assert other.request["inputs"] != sent.request["inputs"]
    await world.settle()
    assert [order_status(await world.saga(saga)) for saga in (first, second)] == ["completed", "completed"]
    await world.audit()
