"""Every adapter against every fault of the dial: the right one of three words, one effect, and nothing secret said."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
import structlog
from pydantic import SecretStr
from pymongo import AsyncMongoClient

from app.ids import new_id
from app.money import BTC, USD, Money
from app.providers.outcomes import Declined, OutcomeUnknown, ProviderOutcome, Unavailable
from tests.providers.test_against_sandbox import RECEIVER, World, _opened, coins, pull
from tests.sandbox.world import eventually

FAULTS = ["decline", "error", "rate_limit", "timeout_before", "timeout_after", "late", "slow"]
WORDS: dict[str, type[ProviderOutcome] | None] = {
    "decline": Declined,
    "error": OutcomeUnknown,
    "rate_limit": Unavailable,
    "timeout_before": OutcomeUnknown,
    "timeout_after": OutcomeUnknown,
    "late": OutcomeUnknown,
    "slow": None,
}
"""Of a call that changes something, once."""

DONE = {"timeout_after", "late", "slow"}
"""The faults that let it happen all the same."""

LATE_MS = 50


@dataclass(frozen=True, slots=True)
class Shop:
    """The vendors, with what was prepared before anything went wrong."""

    world: World
    bank_token: SecretStr
    access_token: SecretStr

    async def dial(self, vendor: str, operation: str, fault: str, times: int = 1) -> None:
        body = {"vendor": vendor, "operation": operation, "fault": fault, "times": times, "delay_ms": LATE_MS}
        (await self.world.desk.post("/control/faults", json=body)).raise_for_status()

    async def book(self, vendor: str, kind: str) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = (await self.world.desk.get(f"/control/{vendor}/book")).json()[kind]
        return listed


@pytest.fixture(scope="module")
async def shop(mongodb_uri: str) -> AsyncIterator[Shop]:
    name = new_id("faults")
    async with AsyncMongoClient[dict[str, Any]](mongodb_uri) as connected:
        async with _opened(mongodb_uri, name, pace_s=3_600) as world:
            token = await world.processor_token()
            made = await world.desk.post(
                "/plaid/sandbox/public_token/create",
                json={"institution_id": "ins_109508", "initial_products": ["auth"]},
                headers={"PLAID-CLIENT-ID": "any", "PLAID-SECRET": "any"},
            )
            item = await world.providers.banks.exchange(made.json()["public_token"])
            yield Shop(world, token, item.access_token)
        await connected.drop_database(name)


@dataclass(frozen=True, slots=True)
class Change:
    """A call that changes something: made under a reference of its own, and counted in the vendor's book."""

    vendor: str
    operation: str
    make: Callable[[Shop, str], Awaitable[Any]]
    count: Callable[[Shop, str], Awaitable[int]]
    repeats: bool = True


def amount_of(reference: str) -> int:
    """Sends carry no reference of ours, so their amount tells them apart."""
    return 10_000 + int.from_bytes(reference.encode()[-3:], "big")


async def payments(shop: Shop, reference: str) -> int:
    booked = await shop.book("unit", "payments")
    return sum(each["tags"].get("opId") == reference and each["status"] != "Rejected" for each in booked)


async def intents(shop: Shop, reference: str) -> int:
    return sum(reference in str(each["metadata"]) for each in await shop.book("stripe", "payment_intents"))


async def sends(shop: Shop, reference: str) -> int:
    queued = await shop.world.providers.coins.pending_sends("bitcoin")
    return sum((each.to, each.amount) == (RECEIVER, Money(amount_of(reference), BTC)) for each in queued)


async def applicants(shop: Shop, reference: str) -> int:
    return sum(reference in str(each) for each in await shop.book("sumsub", "applicants"))


CHANGES = {
    "unit": Change(
        "unit",
        "create_payment",
        lambda shop, ref: shop.world.providers.ach.create_payment(pull(shop.bank_token, ref), key=ref),
        payments,
    ),
    "stripe": Change(
        "stripe",
        "create_payment_intent",
        lambda shop, ref: shop.world.providers.card_payments.create_payment(Money(1_000, USD), reference=ref, key=ref),
        intents,
        repeats=False,  # a 500 is stored under the key, and said again
    ),
    "tatum": Change(
        "tatum",
        "send",
        lambda shop, ref: shop.world.providers.coins.send(coins(amount_of(ref))),
        sends,
        repeats=False,  # there is no key: a lost send is looked up, never made again
    ),
    "sumsub": Change(
        "sumsub", "create_applicant", lambda shop, ref: shop.world.providers.people.applicant_for(ref), applicants
    ),
}

READS: dict[str, tuple[str, str, Callable[[Shop], Awaitable[Any]]]] = {
    "a payment": ("unit", "get_payment", lambda shop: shop.world.providers.ach.payment("999")),
    "payments": ("unit", "list_payments", lambda shop: shop.world.providers.ach.find_payment("eff_none")),
    "a card payment": ("stripe", "get_payment_intent", lambda shop: shop.world.providers.card_payments.payment("pi_9")),
    "the queue": ("tatum", "kms_pending", lambda shop: shop.world.providers.coins.pending_sends("bitcoin")),
    "a rate": ("tatum", "rate", lambda shop: shop.world.providers.rates.rate(BTC, USD)),
    "a chain": (
        "tatum",
        "get_transaction",
        lambda shop: shop.world.providers.coins.transaction("bitcoin", "ab" * 32),
    ),
    "a review": ("sumsub", "get_applicant", lambda shop: shop.world.providers.people.review("0" * 24)),
    "accounts": ("plaid", "get_accounts", lambda shop: shop.world.providers.banks.accounts(shop.access_token)),
}


async def word_of(call: Awaitable[Any]) -> type[ProviderOutcome] | None:
    try:
        await call
    except ProviderOutcome as outcome:
        return type(outcome)
    return None


def secrets_of(shop: Shop) -> list[str]:
    settings = shop.world.settings
    kept = [value.get_secret_value() for name, value in settings if isinstance(value, SecretStr)]
    return [each for each in (*kept, shop.bank_token.get_secret_value(), "Ada Doe", RECEIVER) if each]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("vendor", CHANGES)
async def test_a_change_has_its_word_and_one_effect_at_most(
    shop: Shop, vendor: str, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    change, reference = CHANGES[vendor], new_id("eff")
    await shop.dial(vendor, change.operation, fault)
    with caplog.at_level(logging.DEBUG, logger="httpx2"), structlog.testing.capture_logs() as logged:
        assert await word_of(change.make(shop, reference)) is WORDS[fault]

    async def happened() -> bool:
        return await change.count(shop, reference) == 1

    if fault in DONE:
        await eventually(happened)
    else:
        assert await change.count(shop, reference) == 0
    if change.repeats and fault != "decline":  # a definite no is kept under its key, and said again
        assert await word_of(change.make(shop, reference)) is None
        assert await change.count(shop, reference) == 1
    told = repr(logged) + caplog.text
    assert "provider call" in told
    assert not [each for each in secrets_of(shop) if each in told]


@pytest.mark.parametrize("fault", [each for each in FAULTS if each not in {"decline", "slow"}])
@pytest.mark.parametrize("read", READS)
async def test_a_read_that_fails_for_good_is_unavailable_and_one_that_fails_once_is_not(
    shop: Shop, read: str, fault: str
) -> None:
    vendor, operation, ask = READS[read]
    await shop.dial(vendor, operation, fault, times=3)
    assert await word_of(ask(shop)) is Unavailable
    (await shop.world.desk.delete("/control/faults")).raise_for_status()
    assert await word_of(ask(shop)) is None


@pytest.mark.parametrize("read", READS)
async def test_a_slow_read_is_waited_for(shop: Shop, read: str) -> None:
    vendor, operation, ask = READS[read]
    await shop.dial(vendor, operation, "slow")
    assert await word_of(ask(shop)) is None
