"""Keeps so many sagas in flight, whatever happens to those who drive them, and leads to the moments still wanting."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from random import Random

from pymongo.errors import PyMongoError

from app.clock import SystemClock
from app.orchestrator.treasury import RETURNED_NONCES
from app.plumbing.mongo import Database
from tests.chaos.coverage import Coverage
from tests.chaos.customers import Customer
from tests.chaos.flights import in_flight
from tests.chaos.merchants import Merchants
from tests.chaos.newcomers import Newcomers, is_waiting
from tests.chaos.orders import ANYTHING, SENT_BY_NONCE, Maker, Order, Wish, coins
from tests.chaos.provocations import COINS, NEWCOMER, SALE, Provocation
from tests.chaos.records import Asked, Records
from tests.chaos.stack import Stack
from tests.chaos.waiting import within

FROM_OUTSIDE = "coins from outside"
_LOOK_S = 0.2
_NEWCOMER_EACH_S = 5.0
_COINS_EACH_S = 1.0
_PROVOKED_EACH_S = 0.6
_MANY = 1.5
"""With so many times what customers keep in flight nobody is provoked any more."""
_DECLINED_TIMES = 2
_COUNT_WITHIN_S = 1.0
_TOLD_WITHIN_S = 60.0


class Traffic:
    """Customers asking, so that ``target`` are in flight; ``in_flight`` is what was last counted, past every wire.

    Whatever goes on until the ``end`` looks by itself whether it has come: a busy driver may lose a cancellation.
    """

    def __init__(
        self,
        customers: Sequence[Customer],
        newcomers: Newcomers,
        merchants: Merchants,
        makers: Mapping[str, tuple[int, Maker]],
        records: Records,
        database: Database,
        stack: Stack,
        seed: str,
    ) -> None:
        self._newcomers = newcomers
        self._merchants = merchants
        self._stack = stack
        self._customers = customers
        self._makers = makers
        self._records = records
        self._database = database
        self._random = Random(f"{seed}/traffic")
        self._asking = 0
        self._over = False
        self.target = 0
        self.in_flight = 0
        self.asked: Counter[str] = Counter()

    def begin(self, target: int, coverage: Coverage, group: asyncio.TaskGroup) -> None:
        """Let everybody ask, each in their way, until the end."""
        self.target = target
        going_on = (self._flow(group), self._provoke(coverage, group), self._grow(group), self._pay_in())
        for each in (*going_on, self._merchants.sell(), self._merchants.settle()):
            group.create_task(each)

    def end(self) -> None:
        """Ask for nothing more; what was asked is still answered."""
        self._over = True
        self._merchants.close()

    async def _flow(self, group: asyncio.TaskGroup) -> None:
        """Ask for more whenever fewer than the target are in flight."""
        while not self._over:
            self.in_flight = await self._count()
            for _ in range(self.target - self.in_flight - self._asking):
                self._asking += 1
                group.create_task(self._ask_for_something())
            await asyncio.sleep(_LOOK_S)

    async def _provoke(self, coverage: Coverage, group: asyncio.TaskGroup) -> None:
        """Have somebody do what leads to moments that are wanting, again and again."""
        while not self._over:
            if self.in_flight <= _MANY * self.target:
                group.create_task(self._go(coverage.provocation()))
            await asyncio.sleep(_PROVOKED_EACH_S)

    async def _grow(self, group: asyncio.TaskGroup) -> None:
        """Somebody new now and then."""
        while not self._over:
            group.create_task(self._newcomers.deposit_first(self._order))
            await asyncio.sleep(_NEWCOMER_EACH_S)

    async def _pay_in(self) -> None:
        """Coins from outside for somebody now and then. What the chain has of it is judged later."""
        while not self._over:
            await self._let_coins_come()
            await asyncio.sleep(_COINS_EACH_S)

    async def fill_gap(self) -> None:
        """A nonce that was given back holds up those behind it until somebody sends with it."""
        if await self._database[RETURNED_NONCES].count_documents({"free": 1}):
            await self._ask("/v1/purchases", self._random.choice(self._customers), SENT_BY_NONCE)

    async def _go(self, provocation: Provocation) -> None:
        """A vendor declines whatever comes next, be it another's; so what comes there late is waited for."""
        if not provocation.waits:
            await self._have_declined(provocation)
        match provocation.way:
            case way if way == NEWCOMER:
                await self._newcomers.come(provocation, self._order)
            case way if way == COINS:
                await self._let_coins_come()
            case way if way == SALE:
                await self._merchants.ask()
            case path if path in self._makers:
                customer = self._random.choice(self._customers)
                asked = await self._ask(path, customer, provocation.wish)
                if asked is not None and provocation.waits:
                    await within(_TOLD_WITHIN_S, partial(is_waiting, customer, asked), _LOOK_S)
                    await self._have_declined(provocation)

    async def _have_declined(self, provocation: Provocation) -> None:
        if provocation.declines:
            vendor, operation = provocation.declines.split()
            dial: dict[str, object] = {"vendor": vendor, "operation": operation, "times": _DECLINED_TIMES}
            await self._stack.control("POST", "faults", {**dial, "fault": "decline"})

    async def _let_coins_come(self) -> None:
        customer = self._random.choice(self._customers)
        sent: dict[str, object] = {
            "chain": "bitcoin",
            "address": customer.address,
            "amount": coins(customer),
            "currency": "BTC",
        }
        self.asked[FROM_OUTSIDE] += await self._stack.control("POST", "tatum/incoming", sent)

    async def _count(self) -> int:
        try:
            async with asyncio.timeout(_COUNT_WITHIN_S):
                return await self._database["sagas"].count_documents(in_flight(SystemClock().now()))
        except (PyMongoError, TimeoutError):
            return self.in_flight

    async def _ask_for_something(self) -> None:
        weights = [weight for weight, _ in self._makers.values()]
        path = self._random.choices(list(self._makers), weights)[0]
        try:
            await self._ask(path, self._random.choice(self._customers), ANYTHING)
        finally:
            self._asking -= 1

    async def _ask(self, path: str, customer: Customer, wish: Wish) -> Asked | None:
        order = await self._makers[path][1](customer, self._customers, wish)
        return None if order is None else await self._order(path, customer, order)

    async def _order(self, path: str, customer: Customer, order: Order) -> Asked:
        self.asked[path] += 1
        return await customer.ask(self._records, path, order, f"{customer.name}-{len(self._records.all)}")
