"""Rules over the committed feed: what they find opens one case, and only a rule that says so freezes."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from app.compliance.monitor_store import MonitorStore
from app.compliance.monitoring import Monitoring
from app.compliance.rules import Movement, Rule
from app.wallets.configured import reference_of
from tests.api.conftest import NOW
from tests.api.given import Tenant

DAY = timedelta(days=1)
BELOW = Rule("below", "structuring", DAY, 10_00, count=3, share_pct=80)
THROUGH = Rule("through", "rapid-in-out", DAY, 50_00, share_pct=90)
DEVICE = Rule("device", "new-device", DAY, 20_00)
SPIKE = Rule("spike", "velocity-spike", DAY, 50_00, share_pct=500)


def moved(*values: int, hours: float = 1, device: str | None = None) -> list[Movement]:
    """One movement every so many hours, the last one at NOW."""
    last = len(values) - 1
    return [
        Movement(f"txn_{number}", "usr_ada", NOW - timedelta(hours=hours * (last - number)), value, device)
        for number, value in enumerate(values)
    ]


# rule, what moved, whether the last movement completes the pattern
PATTERNS: list[tuple[Rule, list[Movement], bool]] = [
    (BELOW, moved(-9_99, -8_00, -9_00), True),
    (BELOW, moved(-9_99, -9_00), False),
    (BELOW, moved(-9_99, -8_00, -7_99), False),
    (BELOW, moved(-9_99, -8_00, -10_00), False),
    (BELOW, moved(9_99, -8_00, -9_00), False),
    (BELOW, moved(-9_99, -8_00, -9_00, hours=13), False),
    (THROUGH, moved(50_00, -45_00), True),
    (THROUGH, moved(50_00, -20_00, -25_00), True),
    (THROUGH, moved(50_00, -44_99), False),
    (THROUGH, moved(49_99, -49_99), False),
    (THROUGH, moved(50_00, -45_00, hours=25), False),
    (THROUGH, moved(-45_00, 50_00), False),
    (DEVICE, moved(-20_00, device="phone"), True),
    (DEVICE, moved(-19_99, device="phone"), False),
    (DEVICE, moved(-20_00), False),
    (SPIKE, moved(-10_00, -50_00, hours=30), True),
    (SPIKE, moved(-10_00, -49_99, hours=30), False),
    (SPIKE, moved(-35_00, -35_00, -50_00, hours=30), True),
    (SPIKE, moved(-35_00, -36_00, -50_00, hours=30), False),
]


@pytest.mark.parametrize(("rule", "movements", "found"), PATTERNS)
def test_a_rule_finds_its_pattern_and_nothing_less(rule: Rule, movements: list[Movement], *, found: bool) -> None:
    *past, now = movements
    assert rule.finds(now, past, {}) is found


def test_a_device_is_new_for_its_window_only() -> None:
    [now] = moved(-20_00, device="phone")
    assert DEVICE.finds(now, [], {"phone": NOW - timedelta(hours=23)})
    assert not DEVICE.finds(now, [], {"phone": NOW - DAY})


def monitoring(tenant: Tenant, *rules: Rule) -> Monitoring:
    """One more worker with those rules."""
    runtime = tenant.runtime
    store, reference = MonitorStore(runtime.database), reference_of(runtime.settings)
    return Monitoring(store, runtime.door, runtime.desk.customers, runtime.clock, reference, rules, poll_s=1)


async def watch(*workers: Monitoring) -> None:
    for worker in workers:
        while await worker.follow():
            pass


async def pay(tenant: Tenant, *amounts: str, **metadata: Any) -> None:
    for amount in amounts:
        answer = await tenant.call("POST", "/v1/transfers", json=tenant.order(amount=amount, metadata=metadata))
        assert answer.status_code == 201, answer.text


async def cases(tenant: Tenant) -> Sequence[dict[str, Any]]:
    found: list[dict[str, Any]] = (
        await tenant.call("GET", "/v1/admin/cases?kind=monitoring", "compliance:read")
    ).json()["items"]
    return found


async def test_a_pattern_opens_one_case_however_often_the_feed_is_read(tenant: Tenant) -> None:
    worker = monitoring(tenant, BELOW)
    await pay(tenant, "9.00", "9.10")
    await watch(worker)
    assert await cases(tenant) == []
    await pay(tenant, "9.20", "9.30")
    await watch(worker, monitoring(tenant, BELOW))
    [case] = await cases(tenant)
    assert (case["user_id"], case["about"]["rule"], case["amount"]) == (tenant.person("ada").user_id, "below", "9.20")
    await tenant.runtime.database["monitor_cursors"].delete_many({})
    await tenant.runtime.database["movements"].delete_many({})
    await watch(monitoring(tenant, BELOW))
    assert len(await cases(tenant)) == 1
    await pay(tenant, "1.00")


async def test_two_workers_at_once_keep_each_movement_once(tenant: Tenant) -> None:

    await pay(tenant, "9.00", "9.10", "9.20")
    await asyncio.gather(watch(monitoring(tenant, BELOW)), watch(monitoring(tenant, BELOW)))
    ada = {"user_id": tenant.person("ada").user_id, "value": {"$lt": 0}}
    assert await tenant.runtime.database["movements"].count_documents(ada) == 3
    assert len(await cases(tenant)) == 1


async def test_a_large_payment_from_a_new_device_is_seen(tenant: Tenant) -> None:
    await pay(tenant, "25.00", device_id="phone-1")
    await watch(monitoring(tenant, DEVICE))
    assert [each["about"]["rule"] for each in await cases(tenant)] == ["device"]


async def test_only_a_rule_that_says_so_freezes(tenant: Tenant) -> None:
    strict = Rule("strict", "new-device", DAY, 20_00, freezes=True)
    await pay(tenant, "25.00", device_id="phone-1")
    await watch(monitoring(tenant, strict))
    refused = await tenant.call("POST", "/v1/transfers", json=tenant.order(amount="1.00"))
    assert refused.json()["code"] == "account-frozen"
    path = f"/v1/admin/audit?subject={tenant.person('ada').user_id}"
    [entry] = (await tenant.call("GET", path, "audit:read")).json()["items"]
    assert (entry["act"], entry["by"], entry["reason"]) == ("user.freeze", "monitoring", "rule strict")


async def test_without_rules_nothing_is_read_or_kept(tenant: Tenant) -> None:
    await pay(tenant, "9.00")
    assert await monitoring(tenant).follow() == 0
    assert await tenant.runtime.database["movements"].count_documents({}) == 0
