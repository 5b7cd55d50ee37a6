"""What each account has at Stripe, and the balance transactions that made it so."""

from app.sandbox.simulation import Simulation
from app.sandbox.stripe.objects import Object, Objects
from app.sandbox.stripe.wire import account_of, refusal
from app.sandbox.vendor import Answer, Call

BALANCES = "stripe_balances"
OPENING_CENTS = 1_000_000_000_00
_OURS = "platform"


class Balances:
    """Ours, and those of connected accounts, in US cents."""

    def __init__(self, simulation: Simulation, objects: Objects) -> None:
        self._store = simulation.store
        self._objects = objects

    async def seed(self) -> None:
        """Our own balance is full."""
        if await self._store.get(BALANCES, _OURS) is None:
            await self._store.put(BALANCES, {"_id": _OURS, "available": OPENING_CENTS})

    async def available(self, account: str) -> int:
        found = await self._store.get(BALANCES, account or _OURS)
        return found["available"] if found else 0

    async def require(self, account: str, amount: int) -> None:
        """Raise Refusal unless that much is there."""
        if await self.available(account) < amount:
            raise refusal(400, "balance_insufficient", "You have insufficient available funds in your account.")

    async def move(self, kind: str, source: str, amount: int, *, fee: int = 0, account: str = "") -> Object:
        """Add so much, less the fee, to an account's balance; the balance transaction."""
        before = await self.available(account)
        await self._store.put(BALANCES, {"_id": account or _OURS, "available": before + amount - fee})
        fees = [{"amount": fee, "currency": "usd", "type": "stripe_fee", "description": None}] if fee else []
        fields = {
            "amount": amount,
            "fee": fee,
            "net": amount - fee,
            "currency": "usd",
            "fee_details": fees,
            "type": kind,
            "reporting_category": kind,
            "source": source,
            "status": "available",
            "available_on": self._objects.now(),
        }
        return await self._objects.make("balance_transaction", fields, account=account)

    async def get_balance(self, call: Call) -> Answer:
        amounts = [{"amount": await self.available(account_of(call)), "currency": "usd"}]
        nothing = [{"amount": 0, "currency": "usd"}]
        body = {"object": "balance", "livemode": False, "available": amounts, "pending": nothing}
        return Answer({**body, "instant_available": amounts})

    async def list_transactions(self, call: Call) -> Answer:
        filters = {"type": "shown.type", "source": "shown.source", "currency": "shown.currency"}
        return await self._objects.listed(call, "balance_transaction", filters=filters, account=account_of(call))

    async def get_transaction(self, call: Call) -> Answer:
        return Answer(await self._objects.get("balance_transaction", call.path("id"), account=account_of(call)))
