"""The ways a flow can go: what is ordered, what goes wrong outside, and what must be true in the end.

A flow that is registered needs at least one here; the harnesses run whatever they find.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from app.ids import new_id
from app.ledger.acts import Answerable
from app.orchestrator.progress import WORDING, order_status
from tests.orchestrator.late import recovery_of, returned_deposit
from tests.orchestrator.nonces import fill_next_nonce
from tests.worlds import Customer, World


@dataclass(frozen=True, slots=True)
class Scenario:
    """``pulls``, ``refunds`` (or other credits) and ``sends`` count what the bank and the chain have let happen,
    whatever became of it.

    ``amount`` is in dollars, a sale's in coins; an onboarding's is the number that decides how the bank takes it.
    ``dollars`` and ``coins`` are what the customer, who began with 500 dollars and a hundredth of a bitcoin, has
    available here.
    ``cards`` counts the payments by card that were made, and the payouts to cards, and ``to`` is a payout's card.
    ``fleeting``: the outside world moves on by itself, so the end depends on when the saga looks.
    ``version`` is the definition's; ``decision`` what an officer makes of the case that opens.
    """

    flow: str
    amount: str
    ends: str
    paying: str = "bank"
    to: str = "address"
    declined: str = ""
    pulls: int = 0
    refunds: int = 0
    sends: int = 0
    cards: tuple[int, int] = (0, 0)
    dollars: str = "500.00"
    coins: str = "0.01000000"
    fleeting: bool = False
    verdict: str = "GREEN"
    version: int = 1
    decision: str = ""

    async def run(self, world: World, customer: Customer, key: str, quote: str = "") -> str:
        """Order it under that key, and let everybody go on until nothing is left to do; the saga's stored id."""
        saga_id = await self.order(world, customer, key, quote)
        if self.decision:
            await _decide(world, saga_id, self.decision)
        await world.settle()
        return saga_id

    async def order(self, world: World, customer: Customer, key: str, quote: str = "") -> str:
        """Ask for it, under that key; the saga's stored id."""
        match self.flow:
            case (
                "deposit" | "withdrawal" | "crypto_withdrawal" | "crypto_deposit" | "card_topup" | "card_payout" as flow
            ):
                plain: dict[str, Callable[..., Awaitable[str]]] = {
                    "card_topup": world.top_up,
                    "card_payout": partial(world.pay_card, token=self.to),
                    "deposit": world.deposit,
                    "withdrawal": world.withdraw,
                    "crypto_withdrawal": world.send_coins,
                    "crypto_deposit": world.deposit_coins,
                }
                return await plain[flow](customer, self.amount, key=key)
            case "sale":
                return await world.sell(customer, self.amount, key=key, quote=quote)
            case "onboarding":
                return await world.onboard(key, ssn=self.amount, verdict=self.verdict)
            case "nonce_fill":
                return await fill_next_nonce(world, key)
            case "recovery":
                return await recovery_of(world, await returned_deposit(world, customer, self.amount, key=key))
            case _:
                return await world.buy(customer, self.amount, paying=self.paying, to=self.to, key=key, quote=quote)

    async def quote(self, world: World, customer: Customer) -> str:
        """The quote it needs, if it needs one."""
        match self.flow:
            case "purchase":
                return await world.quote(customer, self.amount, chain="bitcoin" if self.to == "address" else None)
            case "sale":
                return await world.quote_sale(customer, self.amount)
            case _:
                return ""

    async def set_up(self, world: World) -> None:
        """Let the outside world be as the scenario has it."""
        await world.calm_down()
        await world.forget_payees()
        if self.declined:
            await world.dial(self.declined, "decline", times=_AS_OFTEN_AS_ASKED)


async def _decide(world: World, saga_id: str, decision: str) -> None:
    """Once a case is open, an officer decides it; one that is decided stays so."""
    cases = world.runtime.database["cases"]
    while (case := await cases.find_one({"saga_id": saga_id})) is None:
        assert await world.pass_on(), "no case will ever open"
    if case["status"] != "decided":
        answerable = Answerable("usr_officer", "looked at", new_id("key"))
        await world.runtime.desk.deciding.decide(case["_id"], decision, answerable)


_AS_OFTEN_AS_ASKED = 1_000
NO_SEND = "tatum send"
NO_PULL = NO_PUSH = "unit create_payment"
NO_CHARGE, NO_TRANSFER, NO_PAYOUT = (f"stripe create_{made}" for made in ("payment_intent", "transfer", "payout"))
DEBIT, SLOW = "tok_visa_debit", "tok_visa_debit_standard"
_OTHER_COINS = ("EUR", "GBP", "JPY", "ETH", "POL", "SOL", "TRX", "USDC", "USDT")

SETTINGS: Mapping[str, Any] = {
    "screening_above": "150.00",
    "reference_prices": {**dict.fromkeys(_OTHER_COINS, "1"), "BTC": "100000"},
}
"""What a world is told whose payments are checked where a scenario has it so."""

SCENARIOS: Mapping[str, Scenario] = {
    "from bank to chain": Scenario("purchase", "100.00", "completed", pulls=1, sends=1),
    "from bank to account": Scenario("purchase", "100.00", "completed", to="account", pulls=1, coins="0.01101546"),
    "from account to chain": Scenario("purchase", "100.00", "completed", paying="account", sends=1, dollars="400.00"),
    "from account to account": Scenario(
        "purchase", "100.00", "completed", paying="account", to="account", dollars="400.00", coins="0.01101546"
    ),
    "pull rejected at birth": Scenario("purchase", "100.13", "cancelled"),
    "pull declined": Scenario("purchase", "100.00", "cancelled", declined=NO_PULL),
    "pull returned before it was sent": Scenario("purchase", "100.19", "cancelled", pulls=1),
    "delivery declined, bank paid": Scenario("purchase", "100.00", "refunded", declined=NO_SEND, pulls=1, refunds=1),
    "delivery declined, account paid": Scenario("purchase", "100.00", "refunded", paying="account", declined=NO_SEND),
    "refund returned later": Scenario(
        "purchase", "100.31", "refunded", declined=NO_SEND, pulls=1, refunds=1, fleeting=True
    ),
    "refund rejected at birth": Scenario("purchase", "100.37", "parked", declined=NO_SEND, pulls=1),
    "deposit": Scenario("deposit", "100.00", "completed", pulls=1, dollars="600.00"),
    "deposit rejected at birth": Scenario("deposit", "100.13", "cancelled"),
    "deposit returned before it was sent": Scenario("deposit", "100.19", "cancelled", pulls=1),
    "sale": Scenario("sale", "0.001", "completed", dollars="595.54", coins="0.00900000"),
    "recovery": Scenario("recovery", "100.00", "completed", pulls=1),
    "onboarding": Scenario("onboarding", "912345678", "completed"),
    "onboarding, refused by the vendor": Scenario("onboarding", "912345678", "rejected", verdict="RED"),
    "onboarding, refused by the bank": Scenario("onboarding", "000000001", "rejected"),
    "a nonce that is filled": Scenario("nonce_fill", "0", "completed", sends=1),
    "coins from outside": Scenario("crypto_deposit", "0.001", "completed", sends=1, coins="0.01100000"),
    "coins to an address": Scenario("crypto_withdrawal", "0.001", "completed", sends=1, coins="0.00898328"),
    "coins to an address, declined": Scenario("crypto_withdrawal", "0.001", "cancelled", declined=NO_SEND),
    "card top-up": Scenario("card_topup", "100.00", "completed", cards=(1, 0), dollars="600.00"),
    "card top-up after authentication": Scenario("card_topup", "100.67", "completed", cards=(1, 0), dollars="600.67"),
    "card top-up that nobody pays": Scenario("card_topup", "100.47", "expired"),
    "card top-up with a card that is declined": Scenario("card_topup", "100.53", "expired"),
    "card top-up declined": Scenario("card_topup", "100.00", "cancelled", declined=NO_CHARGE),
    "card payout": Scenario("card_payout", "100.00", "completed", to=DEBIT, cards=(0, 1), dollars="400.00"),
    "card payout to a card that is refused": Scenario("card_payout", "100.00", "cancelled", to="tok_visa"),
    "card payout to a card that is too slow": Scenario("card_payout", "100.00", "cancelled", to=SLOW),
    "card payout, transfer declined": Scenario("card_payout", "100.00", "cancelled", to=DEBIT, declined=NO_TRANSFER),
    "card payout declined": Scenario("card_payout", "100.00", "cancelled", to=DEBIT, declined=NO_PAYOUT),
    "card payout that fails": Scenario("card_payout", "100.37", "failed", to=DEBIT),
    "withdrawal": Scenario("withdrawal", "100.00", "completed", refunds=1, dollars="400.00"),
    "withdrawal rejected at birth": Scenario("withdrawal", "100.37", "cancelled"),
    "withdrawal declined": Scenario("withdrawal", "100.00", "cancelled", declined=NO_PUSH),
    "a nonce that cannot be filled": Scenario("nonce_fill", "0", "compensated", declined=NO_SEND),
    "from bank to chain, checked": Scenario("purchase", "200.00", "completed", pulls=1, sends=1, version=2),
    "checked, delivery declined": Scenario(
        "purchase", "200.00", "refunded", declined=NO_SEND, pulls=1, refunds=1, version=2
    ),
    "card payout, checked": Scenario(
        "card_payout", "200.00", "completed", to=DEBIT, cards=(0, 1), dollars="300.00", version=2
    ),
    "withdrawal, checked": Scenario("withdrawal", "200.00", "completed", refunds=1, dollars="300.00", version=2),
    "coins to an address, checked": Scenario(
        "crypto_withdrawal", "0.002", "completed", sends=1, coins="0.00798328", version=2
    ),
    "coins to an address, rejected": Scenario(
        "crypto_withdrawal", "0.00666", "cancelled", version=2, decision="reject"
    ),
}


STEADY = tuple(name for name, scenario in SCENARIOS.items() if not scenario.fleeting)
"""Those that go the same way whenever anybody looks."""


def the_usual() -> dict[tuple[str, int], str]:
    """For each definition that there is a scenario of, the name of the first: how it usually goes."""
    first: dict[tuple[str, int], str] = {}
    for name, scenario in SCENARIOS.items():
        first.setdefault((scenario.flow, scenario.version), name)
    return first


SHORT = frozenset(
    {
        "delivery declined, bank paid",
        "coins to an address, declined",
        "card payout that fails",
        *(name for (_, version), name in the_usual().items() if version == 1),
    }
)
"""Enough for a short run of what is the same in another version of a flow: each flow, and the ways that unwind most."""


@dataclass(frozen=True, slots=True)
class Outside:
    """What bank and chain had seen at some moment."""

    pulls: int
    refunds: int
    sends: int
    cards: tuple[int, int] = (0, 0)

    @classmethod
    async def of(cls, world: World) -> "Outside":
        payments = [each for each in await world.bank_payments() if each["status"] != "Rejected"]
        return cls(
            cards=await _over_cards(world),
            pulls=sum(each["direction"] == "Debit" for each in payments),
            refunds=sum(each["direction"] == "Credit" for each in payments),
            sends=len(await world.chain_transactions()),
        )

    def since(self, earlier: "Outside") -> "Outside":
        return Outside(
            self.pulls - earlier.pulls,
            self.refunds - earlier.refunds,
            self.sends - earlier.sends,
            (self.cards[0] - earlier.cards[0], self.cards[1] - earlier.cards[1]),
        )


async def _over_cards(world: World) -> tuple[int, int]:
    """How many payments by card and payouts to cards there are that moved money and were not undone."""
    held = await world.card_book()
    payments = [each for each in held["payment_intents"] if each["status"] == "succeeded"]
    return len(payments), sum(each["status"] == "paid" for each in held["payouts"])


async def require_end(world: World, scenario: Scenario, saga_id: str, before: Outside, customer: Customer) -> None:
    """The saga ended as it should, the outside world did each thing once, and the books are sound."""
    saga = await world.saga(saga_id)
    status = order_status(saga) if saga.type in WORDING else saga.status
    assert status == scenario.ends, (saga.state, saga.reason)
    seen = (await Outside.of(world)).since(before)
    assert seen == Outside(scenario.pulls, scenario.refunds, scenario.sends, scenario.cards)
    assert await world.available(customer.dollars_id) == scenario.dollars
    assert await world.available(customer.coins_id) == scenario.coins
    await world.audit()
