"""Keeps so many sagas in flight, whatever happens to those who drive them."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from itertools import count
from random import Random
from typing import Any

from pymongo.errors import PyMongoError

from app.plumbing.mongo import Database
from tests.chaos.customers import Crowd
from tests.chaos.orders import COMES_BACK_LATE, Maker, coins
from tests.chaos.records import Records
from tests.chaos.stack import Stack

IN_FLIGHT = ["running", "waiting", "compensating"]
_LOOK_S = 0.2
_NEWCOMER_EACH_S = 5.0
_COINS_EACH_S = 1.0
FROM_OUTSIDE = "coins from outside"
_COUNT_WITHIN_MS = 1_000


class Traffic:
    """Customers asking. ``in_flight`` is what was last counted in the database, past every wire."""

    def __init__(
        self,
        crowd: Crowd,
        makers: Mapping[str, tuple[int, Maker]],
        records: Records,
        database: Database,
        seed: str,
    ) -> None:
        self._crowd = crowd
        self._customers = list(crowd.people.values())
        self._makers = makers
        self._records = records
        self._database = database
        self._random = Random(f"{seed}/traffic")
        self._asking = 0
        self.in_flight = 0
        self.asked: Counter[str] = Counter()

    async def flow(self, target: int, group: asyncio.TaskGroup) -> None:
        """Ask for more whenever fewer than ``target`` are in flight; until cancelled."""
        while True:
            self.in_flight = await self._count()
            for _ in range(target - self.in_flight - self._asking):
                self._asking += 1
                group.create_task(self._ask_for_something())
            await asyncio.sleep(_LOOK_S)

    async def grow(self, group: asyncio.TaskGroup) -> None:
        """Somebody new now and then, whose first deposit comes back after it had settled; until cancelled."""
        for number in count():
            group.create_task(self._join_and_deposit(f"newcomer-{number}"))
            await asyncio.sleep(_NEWCOMER_EACH_S)

    async def pay_in(self, stack: Stack) -> None:
        """Coins from outside for somebody now and then; until cancelled. What the chain has of it is judged later."""
        while True:
            customer = self._random.choice(self._customers)
            sent: dict[str, object] = {
                "chain": "bitcoin",
                "address": customer.address,
                "amount": coins(customer),
                "currency": "BTC",
            }
            self.asked[FROM_OUTSIDE] += await stack.control("POST", "tatum/incoming", sent)
            await asyncio.sleep(_COINS_EACH_S)

    async def _join_and_deposit(self, name: str) -> None:
        customer = await self._crowd.join(name)
        order = {"account_id": customer.account("USD"), "bank_link_id": customer.link, "amount": COMES_BACK_LATE}
        self.asked["/v1/deposits"] += 1
        await customer.ask(self._records, "/v1/deposits", order, f"{name}-first")

    async def _count(self) -> int:
        query: dict[str, Any] = {"status": {"$in": IN_FLIGHT}}
        try:
            async with asyncio.timeout(_COUNT_WITHIN_MS / 1_000):
                return await self._database["sagas"].count_documents(query)
        except (PyMongoError, TimeoutError):
            return self.in_flight

    async def _ask_for_something(self) -> None:
        customer = self._random.choice(self._customers)
        weights = [weight for weight, _ in self._makers.values()]
        path = self._random.choices(list(self._makers), weights)[0]
        try:
            order = await self._makers[path][1](customer, self._customers)
            if order is not None:
                self.asked[path] += 1
                await customer.ask(self._records, path, order, f"{customer.name}-{len(self._records.all)}")
        finally:
            self._asking -= 1
