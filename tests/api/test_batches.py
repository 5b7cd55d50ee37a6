from typing import Any

import pytest

from tests.api.given import Tenant

BATCH = "/v1/admin/transfers/batch"


async def post(
    tenant: Tenant, *items: dict[str, Any], key: str | None = None, **more: Any
) -> tuple[int, dict[str, Any]]:
    body = {"items": list(items), **more}
    answer = await tenant.call("POST", BATCH, "ops:act", by="operator", key=key, json=body)
    return answer.status_code, answer.json()


def told(answer: dict[str, Any]) -> list[str]:
    return [item.get("code") or item["status"] for item in answer["items"]]


async def test_every_item_has_its_own_verdict_in_order(tenant: Tenant) -> None:
    await tenant.welcome("cyd", 5_00)
    status, answer = await post(
        tenant,
        tenant.order(amount="60.00"),
        tenant.order(amount="60.00"),
        tenant.order("bob", "cyd", "60.00"),
        tenant.order("cyd", "ada", "65.00"),
        tenant.order(amount="0.00"),
        tenant.order(amount="0.001"),
        tenant.order("ada", "ada"),
        {**tenant.order(), "source_account_id": "acc_nobody"},
        {**tenant.order(), "destination_account_id": "acc_nobody"},
        {**tenant.order(), "source_account_id": "acc_bank-USD"},
        {**tenant.order(), "destination_account_id": "acc_bank-USD"},
        {**tenant.order(), "currency": "EUR"},
    )
    assert status == 200
    assert told(answer) == [
        "posted",
        "insufficient-funds",
        "posted",
        "posted",
        "invalid-amount",
        "invalid-amount",
        "same-account",
        "account-not-found",
        "destination-not-found",
        "account-not-found",
        "destination-not-found",
        "currency-mismatch",
    ]
    assert (answer["posted"], answer["refused"]) == (3, 9)
    assert [await tenant.balance(name) for name in ("ada", "bob", "cyd")] == ["105.00", "0.00", "0.00"]
    assert (await tenant.runtime.ledger.audit()).breaks == []


async def test_the_same_batch_again_finds_the_same_transactions(tenant: Tenant) -> None:
    items = [tenant.order(amount="1.00", metadata={"n": n}) for n in range(5)]
    first = await post(tenant, *items, key="once")
    await tenant.runtime.redis.flushdb()
    assert await post(tenant, *items, key="once") == first
    assert await tenant.balance("bob") == "5.00"
    assert len({item["id"] for item in first[1]["items"]}) == 5


async def test_what_was_refused_may_pass_when_the_batch_is_sent_again_under_another_key(tenant: Tenant) -> None:
    big = tenant.order(amount="99.99")
    assert told((await post(tenant, big, big))[1]) == ["posted", "insufficient-funds"]


async def test_an_atomic_batch_is_posted_whole(tenant: Tenant) -> None:
    status, answer = await post(tenant, tenant.order(), tenant.order("bob", "ada"), atomic=True, key="once")
    assert (status, told(answer)) == (200, ["posted", "posted"])
    await tenant.runtime.redis.flushdb()
    again = await post(tenant, tenant.order(), tenant.order("bob", "ada"), atomic=True, key="once")
    assert again == (status, answer)
    assert await tenant.balance("ada") == "100.00"


@pytest.mark.parametrize(
    ("culprit", "code", "status"),
    [
        ({"amount": "40.01"}, "insufficient-funds", 409),
        ({"amount": "0"}, "invalid-amount", 422),
        ({"source_account_id": "acc_nobody"}, "account-not-found", 404),
        ({"destination_account_id": "acc_bank-USD"}, "destination-not-found", 404),
    ],
)
async def test_an_atomic_batch_is_refused_whole_and_names_the_item(
    tenant: Tenant, culprit: dict[str, str], code: str, status: int
) -> None:
    items = [tenant.order(), {**tenant.order(), **culprit}, tenant.order(amount="1.00")]
    refused, problem = await post(tenant, *items, atomic=True)
    assert (refused, problem["code"], problem["item"]) == (status, code, 1)
    assert await tenant.balance("ada") == "100.00"


async def test_an_atomic_batch_changed_under_its_key_is_refused_and_names_the_item(tenant: Tenant) -> None:
    await post(tenant, tenant.order(amount="1.00"), tenant.order(amount="2.00"), atomic=True, key="once")
    await tenant.runtime.redis.flushdb()
    items = [tenant.order(amount="1.00"), tenant.order(amount="3.00")]
    status, problem = await post(tenant, *items, atomic=True, key="once")
    assert (status, problem["code"], problem["item"]) == (422, "idempotency-key-reused", 1)


@pytest.mark.parametrize("atomic", [False, True])
async def test_a_thousand_fit_and_no_more(tenant: Tenant, atomic: bool) -> None:  # noqa: FBT001 - a column
    status, answer = await post(tenant, *(tenant.order(amount="0.01") for _ in range(1_000)), atomic=atomic)
    assert (status, answer["posted"]) == (200, 1_000)
    assert await tenant.balance("bob") == "10.00"
    assert (await post(tenant, *(tenant.order(amount="0.01") for _ in range(1_001))))[0] == 422
    assert (await post(tenant))[0] == 422


async def test_a_customer_may_not_send_batches(tenant: Tenant) -> None:
    answer = await tenant.call("POST", BATCH, json={"items": [tenant.order()]})
    assert (answer.status_code, answer.json()["code"]) == (403, "permission-denied")


async def test_another_tenants_account_cannot_be_named(tenant: Tenant) -> None:
    status, answer = await post(tenant, {**tenant.order(), "source_account_id": "acc_x/../other"})
    assert status == 422
    assert "items" not in answer
