"""A compliance officer: decides what a check has found, and stops customers."""

import asyncio
from random import Random

from tests.chaos.customers import Customer

_LOOK_S = 1.0
_DECISIONS = ("release", "reject")
_OPEN_HITS = "/v1/admin/cases?status=open&kind=screening-hit"


class Officer:
    """``person`` is who they are to the API; what they decide is drawn."""

    def __init__(self, person: Customer, dice: Random) -> None:
        self._person = person
        self._dice = dice

    async def decide(self) -> None:
        """Decide whatever payment is held, until cancelled."""
        while True:
            for case in (await self._person.send("GET", _OPEN_HITS)).json()["items"]:
                decided = {"decision": self._dice.choice(_DECISIONS), "reason": "looked at"}
                await self._person.send("POST", f"/v1/admin/cases/{case['id']}/decisions", decided, case["id"])
            await asyncio.sleep(_LOOK_S)

    async def stop(self, customer: Customer) -> None:
        """Freeze a customer with every account."""
        user_id = (await customer.send("GET", "/v1/me")).json()["user_id"]
        await self._person.send("POST", f"/v1/admin/users/{user_id}/freeze", {"reason": "looked at"}, user_id)
