"""Merchants who take virtual cards: they ask for an amount, and take it later, give it up, or do neither."""

import asyncio
from collections.abc import Sequence
from functools import partial
from random import Random
from typing import Any

from app.plumbing.mongo import Database
from tests.chaos.customers import Customer
from tests.chaos.desk import at_desk
from tests.chaos.waiting import within

_EACH_S = 1.0
_LOOK_EACH_S = 4.0
_ISSUED_WITHIN_S = 60.0
_ISSUED_LOOK_S = 0.5
_ANSWER_S = 5
"""How long the bank waits where it asks by an event."""
_BY_EVENT = 0.3
_FATES = {"taken": 5, "taken in part": 1, "taken and given back": 1, "given up": 3, "left": 1}


class Merchants:
    """They sell to those who have a card: ``shoppers``, who get theirs before anything goes wrong."""

    def __init__(self, sandbox_url: str, database: Database, shoppers: Sequence[Customer], dice: Random) -> None:
        self._sandbox_url = sandbox_url
        self._database = database
        self._shoppers = shoppers
        self._dice = dice
        self._cards: list[str] = []
        self._settled: set[str] = set()
        self._over = False

    async def open(self) -> None:
        """Everybody has a card. What the bank calls it is known to merchants only."""
        wait = (within(_ISSUED_WITHIN_S, partial(_has_card, each), _ISSUED_LOOK_S) for each in self._shoppers)
        await asyncio.gather(*wait)
        self._cards = [str(each["vendor_id"]) async for each in self._database["cards"].find({"standing": "active"})]

    def close(self) -> None:
        """Sell nothing more."""
        self._over = True

    async def sell(self) -> None:
        """Somebody pays by card now and then."""
        while not self._over:
            await self.ask()
            await asyncio.sleep(_EACH_S)

    async def ask(self) -> None:
        """Have the bank ask whether somebody's card may take an amount."""
        asking = {"card_id": self._dice.choice(self._cards), "amount": self._dice.randrange(200, 3_000)}
        by_event = self._dice.random() < _BY_EVENT
        await self._tell("card-request", {**asking, "by_event": by_event, "answer_s": _ANSWER_S})

    async def settle(self) -> None:
        """What was authorized comes to its end some time later."""
        while not self._over:
            await asyncio.sleep(_LOOK_EACH_S)
            book = await at_desk(self._sandbox_url, "GET", "unit/book")
            for each in book["card_requests"] if book is not None else ():
                if each["authorization_id"] is not None and each["id"] not in self._settled:
                    self._settled.add(each["id"])
                    await self._end(each)

    async def _end(self, asked: dict[str, Any]) -> None:
        fate = self._dice.choices(list(_FATES), list(_FATES.values()))[0]
        authorization = {"authorization_id": asked["authorization_id"]}
        if fate == "given up":
            await self._tell("card-cancel", authorization)
        elif fate != "left":
            taken = asked["amount"] // 2 if fate == "taken in part" else asked["amount"]
            clearing = {"card_id": asked["card_id"], "amount": taken}
            await self._tell("card-clearing", {**clearing, **authorization})
            if fate == "taken and given back":
                await self._tell("card-clearing", {**clearing, "direction": "Credit"})

    async def _tell(self, path: str, body: dict[str, object]) -> None:
        await at_desk(self._sandbox_url, "POST", f"unit/{path}", body)


async def _has_card(customer: Customer) -> bool:
    asked = {"account_id": customer.account("USD")}
    return (await customer.send("POST", "/v1/cards", asked, f"{customer.name}-card")).is_success
