"""Kill -9 while money is on its way: every purchase ends once, and the vendors' books agree with ours."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from app.ids import stored_id
from app.orchestrator.journal import effect_id
from app.orchestrator.saga import Way
from tests.e2e.stack import Customer, Stack

SLOW = {"unit": "create_payment", "tatum": "send"}
MOMENTS = {"unit": "Collect: the call to unit was recorded", "tatum": "Deliver: the call to tatum was recorded"}


async def sent_by(stack: Stack, purchase: dict[str, Any], direction: str) -> int:
    """How many payments of that direction the bank made for this purchase; rejected ones move nothing."""
    effects = effects_of(purchase)
    payments = await stack.book("unit", "payments")
    return sum(
        payment["direction"] == direction and payment["tags"].get("opId") in effects and payment["status"] != "Rejected"
        for payment in payments
    )


def effects_of(purchase: dict[str, Any]) -> set[str]:
    """The references under which the bank knows the purchase's payments."""
    saga_id = stored_id("default", purchase["saga_id"])
    return {effect_id(saga_id, "collect", way) for way in (Way.DO, Way.UNDO)}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("victims", [("worker",), ("api",), ("api", "worker")], ids=" and ".join)
async def test_a_purchase_survives_the_death_of_its_processes(stack: Stack, victims: tuple[str, ...]) -> None:
    delivered = len(await stack.book("tatum", "transactions"))
    async with stack.customer(f"survivor-{len(victims)}-{victims[0]}") as ada:
        for vendor, operation in SLOW.items():
            fault = {"vendor": vendor, "operation": operation, "fault": "slow", "times": 1, "delay_ms": 700}
            await stack.control("faults", fault)
        purchase = await ada.buy("-".join(victims))
        for vendor in SLOW:
            await ada.until_happens(purchase, MOMENTS[vendor])
            stack.kill(*victims)
        assert await ada.end_of(purchase, timeout_s=90) == "completed"
    assert await sent_by(stack, purchase, "Debit") == 1
    assert await sent_by(stack, purchase, "Credit") == 0
    assert len(await stack.book("tatum", "transactions")) == delivered + 1
    assert "0 breaks" in await stack.verify()


@pytest.mark.timeout(180)
async def test_a_refund_survives_the_death_of_the_worker(stack: Stack) -> None:
    delivered = len(await stack.book("tatum", "transactions"))
    async with stack.customer("refunded") as ada:
        await stack.control("faults", {"vendor": "tatum", "operation": "send", "fault": "decline", "times": 1})
        purchase = await ada.buy("refund")
        await ada.until_happens(purchase, "Convert: taken back")
        stack.kill("worker")
        assert await ada.end_of(purchase, timeout_s=90) == "refunded"
    assert await sent_by(stack, purchase, "Debit") == 1
    assert await sent_by(stack, purchase, "Credit") == 1
    assert len(await stack.book("tatum", "transactions")) == delivered
    assert "0 breaks" in await stack.verify()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("without_valkey", [False, True], ids=["with Valkey", "with Valkey killed"])
async def test_the_same_purchase_twenty_times_at_once_is_one_purchase(stack: Stack, *, without_valkey: bool) -> None:
    async with stack.customer(f"twenty-{without_valkey}") as ada:
        order = await ada.order()
        if without_valkey:
            stack.kill("valkey")
        answers = await asyncio.gather(*(send_once(ada, order) for _ in range(20)))
        statuses = Counter(status for status, _ in answers)
        assert statuses.keys() <= {202, 409}
        assert len({purchase for status, purchase in answers if status == 202}) == 1
        accepted = next(purchase for status, purchase in answers if status == 202)
        saga = (await ada.get(f"/v1/purchases/{accepted}"))["saga_id"]
        purchase = {"id": accepted, "saga_id": saga}
        assert await ada.end_of(purchase) == "completed"
    assert await sent_by(stack, purchase, "Debit") == 1


async def send_once(customer: Customer, order: dict[str, Any]) -> tuple[int, str]:
    answer = await customer.http.post("/v1/purchases", json=order, headers={"Idempotency-Key": "twenty"})
    if answer.status_code == 409:
        assert answer.headers["retry-after"]
        assert answer.json()["code"] == "idempotency-in-progress"
        return 409, ""
    return answer.status_code, str(answer.json().get("id"))
