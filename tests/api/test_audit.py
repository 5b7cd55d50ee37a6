"""Reading the trail: by whom, what, on what and when; batches are in it too."""

import asyncio
from typing import Any

from app.clock import ManualClock
from app.compliance.trail import Deed, Trail
from app.ledger.acts import Answerable
from app.ledger.changes import Change
from tests.api.given import TENANT, Tenant

REASON = {"reason": "seen at the bank"}


async def entries(tenant: Tenant, query: str = "") -> list[dict[str, Any]]:
    answer = await tenant.call("GET", f"/v1/admin/audit?{query}", "audit:read")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def test_the_trail_is_read_by_act_person_and_time(tenant: Tenant, clock: ManualClock) -> None:
    path = f"/v1/admin/accounts/{tenant.accounts['ada']}"
    await tenant.call("POST", f"{path}/freeze", "compliance:act", by="officer", json=REASON)
    clock.advance(60)
    await tenant.call("POST", f"{path}/unfreeze", "compliance:act", by="chief", json=REASON)
    assert [each["act"] for each in await entries(tenant, "act=account.freeze")] == ["account.freeze"]
    by_chief = await entries(tenant, f"by={tenant.person('chief').user_id}")
    assert [each["act"] for each in by_chief] == ["account.unfreeze"]
    at = by_chief[0]["at"]
    assert [each["act"] for each in await entries(tenant, f"from={at}")] == ["account.unfreeze"]
    assert [each["act"] for each in await entries(tenant, f"to={at}")] == ["account.freeze"]
    malformed = await tenant.call("GET", "/v1/admin/audit?from=yesterday", "audit:read")
    assert malformed.status_code == 422


async def test_a_batch_is_in_the_trail_once_with_its_reason(tenant: Tenant) -> None:
    body = {"items": [tenant.order(amount="1.00"), tenant.order(amount="900.00")], "reason": "salaries"}
    for _ in range(2):
        answer = await tenant.call("POST", "/v1/admin/transfers/batch", "ops:act", by="operator", key="once", json=body)
        assert (answer.status_code, answer.json()["posted"], answer.json()["refused"]) == (200, 1, 1)
        await tenant.runtime.redis.flushdb()
    [entry] = await entries(tenant, "act=transfers.batch")
    assert (entry["by"], entry["reason"]) == (tenant.person("operator").user_id, "salaries")
    assert entry["after"] == {"items": 2, "atomic": False}
    assert await tenant.runtime.audit.breaks() == []


async def test_an_atomic_batch_that_is_refused_was_asked_for_all_the_same(tenant: Tenant) -> None:
    body = {"items": [tenant.order(amount="1.00"), tenant.order(amount="900.00")], "atomic": True}
    answer = await tenant.call("POST", "/v1/admin/transfers/batch", "ops:act", by="operator", json=body)
    assert answer.json()["code"] == "insufficient-funds"
    assert [each["after"]["atomic"] for each in await entries(tenant, "act=transfers.batch")] == [True]
    assert await tenant.balance("ada") == "100.00"


async def test_many_acts_at_once_wait_for_one_another_and_none_is_turned_away(tenant: Tenant) -> None:
    runtime = tenant.runtime
    trail = Trail(runtime.door, runtime.audit, runtime.clock)

    async def do(number: int) -> None:
        deed = Deed.of(Answerable("usr_officer", "all at once", f"key-{number}"), "test.act", f"tst_{number}")
        await trail.submit(Change(TENANT), deed)

    async with asyncio.TaskGroup() as group:
        for number in range(40):
            group.create_task(do(number))
    head = await runtime.audit.head(TENANT)
    assert head is not None
    assert head["seq"] == 40


async def test_acts_that_change_nothing_else_are_recorded_together_and_each_once(tenant: Tenant) -> None:
    runtime = tenant.runtime
    ours, theirs = (Trail(runtime.door, runtime.audit, runtime.clock) for _ in range(2))

    def deed(number: int) -> Deed:
        return Deed.of(Answerable("usr_operator", "all at once", f"key-{number}"), "test.batch", f"tst_{number}")

    blocks = await runtime.database["blocks"].count_documents({})
    async with asyncio.TaskGroup() as group:
        for number in range(100):
            group.create_task((ours, theirs)[number % 2].record(TENANT, deed(number // 2)))
    assert await runtime.database["blocks"].count_documents({}) - blocks < 20
    assert len(await entries(tenant, "act=test.batch&limit=100")) == 50
    assert await runtime.audit.breaks() == []
