"""People who come while it storms: who deposits first, who is turned away, who is stopped, who is paid at once."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from itertools import count
from random import Random

from tests.chaos.customers import Crowd, Customer, TurnedAway
from tests.chaos.officers import Officer
from tests.chaos.orders import DEBIT_CARD, RETURNED_LATE, Maker, Order, Wish, card_payout, deposit
from tests.chaos.provocations import Provocation
from tests.chaos.records import Asked
from tests.chaos.stack import Stack
from tests.chaos.waiting import within

_LOOK_S = 0.2
_TOLD_WITHIN_S = 60.0
_FIRST_DEPOSIT = Wish(cents=RETURNED_LATE)
_FIRST_PAYOUT = Wish(cents="00", size="small", card=DEBIT_CARD)
_GIFT = "40.00"

Ask = Callable[[str, Customer, Order], Awaitable[Asked]]
"""Asks a route for something in a customer's name, and keeps record of it."""


class Newcomers:
    """``turned_away``: who should have got in, and what they were told."""

    def __init__(
        self, crowd: Crowd, officer: Officer, stack: Stack, makers: Mapping[str, tuple[int, Maker]], dice: Random
    ) -> None:
        self._crowd = crowd
        self._givers = list(crowd.people.values())
        self._officer = officer
        self._stack = stack
        self._makers = makers
        self._dice = dice
        self._numbers = count()
        self.turned_away: list[str] = []

    async def deposit_first(self, ask: Ask) -> None:
        """Somebody whose first deposit comes back after it had settled."""
        customer = await self._newcomer()
        if customer is not None:
            await ask("/v1/deposits", customer, await deposit(customer, (), _FIRST_DEPOSIT))

    async def come(self, provocation: Provocation, ask: Ask) -> None:
        """Whoever is to come, with what they come for."""
        if provocation.ssn or provocation.verdict != "GREEN":
            await self._be_turned_away(provocation)
        elif provocation.stops:
            await self._be_stopped(provocation, ask)
        else:
            await self._be_paid(ask)

    async def _newcomer(self) -> Customer | None:
        try:
            return await self._crowd.join(self._name())
        except TurnedAway as refusal:
            self.turned_away.append(str(refusal))
            return None

    def _name(self) -> str:
        return f"newcomer-{next(self._numbers)}"

    async def _be_turned_away(self, provocation: Provocation) -> None:
        """Somebody whom the verification vendor refuses, or the bank for their number."""
        try:
            applicant = await self._crowd.apply(self._name())
        except TurnedAway as refusal:
            self.turned_away.append(str(refusal))
            return
        if provocation.ssn:
            await self._tell("sumsub/person", {"applicant_id": applicant, "info": {"tin": provocation.ssn}})
        await self._tell("sumsub/review", {"applicant_id": applicant, "reviewAnswer": provocation.verdict})

    async def _tell(self, path: str, body: dict[str, object]) -> None:
        await within(_TOLD_WITHIN_S, partial(self._stack.control, "POST", path, body))

    async def _be_stopped(self, provocation: Provocation, ask: Ask) -> None:
        """Somebody whose bank takes its time, and who is stopped once it has been asked."""
        customer, path = await self._newcomer(), provocation.stops
        if customer is None:
            return
        order = await self._makers[path][1](customer, (), provocation.wish)
        if order is None:
            return
        asked = await ask(path, customer, order)
        await within(_TOLD_WITHIN_S, partial(is_waiting, customer, asked), _LOOK_S)
        await self._officer.stop(customer)

    async def _be_paid(self, ask: Ask) -> None:
        """Somebody gives them dollars, and they have them paid out to their card."""
        customer, giver = await self._newcomer(), self._dice.choice(self._givers)
        if customer is None:
            return
        given = {
            "source_account_id": giver.account("USD"),
            "destination_account_id": customer.account("USD"),
            "amount": _GIFT,
            "currency": "USD",
        }
        await ask("/v1/transfers", giver, given)
        await ask("/v1/card-payouts", customer, await card_payout(customer, (), _FIRST_PAYOUT))


async def is_waiting(customer: Customer, asked: Asked) -> bool:
    """Whether what they asked for waits for somebody outside."""
    saga = (await customer.send("GET", f"/v1/sagas/{asked.answered.get('saga_id', '')}")).json()
    return bool(saga.get("status") == "waiting")
