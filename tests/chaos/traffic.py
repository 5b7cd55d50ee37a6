"""Keeps so many sagas in flight, whatever happens to those who drive them."""

import asyncio
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from functools import partial
from itertools import count
from random import Random
from typing import Any

from pymongo.errors import PyMongoError

from app.plumbing.mongo import Database
from tests.chaos.customers import Crowd, Customer, TurnedAway
from tests.chaos.officers import Officer
from tests.chaos.orders import ANYTHING, DEBIT_CARD, RETURNED_LATE, Maker, Order, Wish, card_payout, coins, deposit
from tests.chaos.provocations import COINS, NEWCOMER, Provocation
from tests.chaos.records import Asked, Records
from tests.chaos.stack import Stack
from tests.chaos.waiting import within

IN_FLIGHT = ["running", "waiting", "compensating"]
_LOOK_S = 0.2
_NEWCOMER_EACH_S = 5.0
_COINS_EACH_S = 1.0
FROM_OUTSIDE = "coins from outside"
_FIRST_DEPOSIT = Wish(cents=RETURNED_LATE)
_FIRST_PAYOUT = Wish(cents="00", size="small", card=DEBIT_CARD)
_GIFT = "40.00"
_COUNT_WITHIN_MS = 1_000
_TOLD_WITHIN_S = 60.0


class Traffic:
    """Customers asking, so that ``target`` are in flight; ``in_flight`` is what was last counted, past every wire.

    ``turned_away``: newcomers who should have got in, and what they were told.
    """

    def __init__(
        self,
        crowd: Crowd,
        makers: Mapping[str, tuple[int, Maker]],
        records: Records,
        database: Database,
        stack: Stack,
        officer: Officer,
        seed: str,
    ) -> None:
        self._officer = officer
        self._stack = stack
        self._wanted: deque[Provocation] = deque()
        self._newcomers = count()
        self._crowd = crowd
        self._customers = list(crowd.people.values())
        self._makers = makers
        self._records = records
        self._database = database
        self._random = Random(f"{seed}/traffic")
        self._asking = 0
        self.target = 0
        self.in_flight = 0
        self.asked: Counter[str] = Counter()
        self.turned_away: list[str] = []

    def provoke(self, ways: Iterable[Provocation]) -> None:
        """Let somebody do this soon."""
        self._wanted.extend(ways)

    async def flow(self, target: int, group: asyncio.TaskGroup) -> None:
        """Ask for more whenever fewer than ``target`` are in flight; until cancelled."""
        self.target = target
        while True:
            self.in_flight = await self._count()
            while self._wanted:
                group.create_task(self._go(self._wanted.popleft()))
            for _ in range(target - self.in_flight - self._asking):
                self._asking += 1
                group.create_task(self._ask_for_something())
            await asyncio.sleep(_LOOK_S)

    async def grow(self, group: asyncio.TaskGroup) -> None:
        """Somebody new now and then, whose first deposit comes back after it had settled; until cancelled."""
        while True:
            group.create_task(self._join_and_deposit())
            await asyncio.sleep(_NEWCOMER_EACH_S)

    async def pay_in(self) -> None:
        """Coins from outside for somebody now and then; until cancelled. What the chain has of it is judged later."""
        while True:
            await self._let_coins_come()
            await asyncio.sleep(_COINS_EACH_S)

    async def _go(self, provocation: Provocation) -> None:
        if provocation.declines:
            vendor, operation = provocation.declines.split()
            dial: dict[str, object] = {"vendor": vendor, "operation": operation, "fault": "decline"}
            await self._stack.control("POST", "faults", dial)
        match provocation.way:
            case way if way == NEWCOMER and (provocation.ssn or provocation.verdict != "GREEN"):
                await self._come_and_be_turned_away(provocation)
            case way if way == NEWCOMER and provocation.stops:
                await self._join_and_be_stopped(provocation)
            case way if way == NEWCOMER:
                await self._join_and_be_paid()
            case way if way == COINS:
                await self._let_coins_come()
            case path if path in self._makers:
                await self._ask(path, self._random.choice(self._customers), provocation.wish)

    async def _let_coins_come(self) -> None:
        customer = self._random.choice(self._customers)
        sent: dict[str, object] = {
            "chain": "bitcoin",
            "address": customer.address,
            "amount": coins(customer),
            "currency": "BTC",
        }
        self.asked[FROM_OUTSIDE] += await self._stack.control("POST", "tatum/incoming", sent)

    def _name(self) -> str:
        return f"newcomer-{next(self._newcomers)}"

    async def _newcomer(self) -> Customer | None:
        try:
            return await self._crowd.join(self._name())
        except TurnedAway as refusal:
            self.turned_away.append(str(refusal))
            return None

    async def _join_and_deposit(self) -> None:
        customer = await self._newcomer()
        if customer is not None:
            await self._order("/v1/deposits", customer, await deposit(customer, (), _FIRST_DEPOSIT))

    async def _come_and_be_turned_away(self, provocation: Provocation) -> None:
        """Somebody whom the verification vendor refuses, or the bank for their number."""
        applicant = await self._crowd.apply(self._name())
        if provocation.ssn:
            await self._tell("sumsub/person", {"applicant_id": applicant, "info": {"tin": provocation.ssn}})
        await self._tell("sumsub/review", {"applicant_id": applicant, "reviewAnswer": provocation.verdict})

    async def _tell(self, path: str, body: dict[str, object]) -> None:
        await within(_TOLD_WITHIN_S, partial(self._stack.control, "POST", path, body))

    async def _join_and_be_stopped(self, provocation: Provocation) -> None:
        """Somebody whose bank takes its time, and who is stopped once it has been asked."""
        customer, path = await self._newcomer(), provocation.stops
        if customer is None:
            return
        order = await self._makers[path][1](customer, (), provocation.wish)
        if order is None:
            return
        asked = await self._order(path, customer, order)

        async def waits() -> bool:
            saga = (await customer.send("GET", f"/v1/sagas/{asked.answered.get('saga_id', '')}")).json()
            return bool(saga.get("status") == "waiting")

        await within(_TOLD_WITHIN_S, waits, _LOOK_S)
        await self._officer.stop(customer)

    async def _join_and_be_paid(self) -> None:
        """Somebody gives them dollars, and they have them paid out to their card."""
        customer, giver = await self._newcomer(), self._random.choice(self._customers)
        if customer is None:
            return
        given = {
            "source_account_id": giver.account("USD"),
            "destination_account_id": customer.account("USD"),
            "amount": _GIFT,
            "currency": "USD",
        }
        await self._order("/v1/transfers", giver, given)
        await self._order("/v1/card-payouts", customer, await card_payout(customer, (), _FIRST_PAYOUT))

    async def _count(self) -> int:
        query: dict[str, Any] = {"status": {"$in": IN_FLIGHT}}
        try:
            async with asyncio.timeout(_COUNT_WITHIN_MS / 1_000):
                return await self._database["sagas"].count_documents(query)
        except (PyMongoError, TimeoutError):
            return self.in_flight

    async def _ask_for_something(self) -> None:
        weights = [weight for weight, _ in self._makers.values()]
        path = self._random.choices(list(self._makers), weights)[0]
        try:
            await self._ask(path, self._random.choice(self._customers), ANYTHING)
        finally:
            self._asking -= 1

    async def _ask(self, path: str, customer: Customer, wish: Wish) -> None:
        order = await self._makers[path][1](customer, self._customers, wish)
        if order is not None:
            await self._order(path, customer, order)

    async def _order(self, path: str, customer: Customer, order: Order) -> Asked:
        self.asked[path] += 1
        return await customer.ask(self._records, path, order, f"{customer.name}-{len(self._records.all)}")
