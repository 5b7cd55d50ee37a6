import asyncio

import pytest

from app.ledger.changes import Change
from app.orchestrator.journal import SagaRecord, birth
from tests.api.given import Tenant

REASON = {"reason": "asked by the court"}


async def act(tenant: Tenant, name: str, act: str) -> tuple[int, str]:
    path = f"/v1/admin/accounts/{tenant.accounts[name]}/{act}"
    answer = await tenant.call("POST", path, "compliance:act", by="officer", json=REASON)
    body = answer.json()
    return answer.status_code, body.get("code") or body["status"]


async def paid(tenant: Tenant, amount: str = "60.00") -> str:
    answer = await tenant.call("POST", "/v1/transfers", json=tenant.order(amount=amount))
    assert answer.status_code == 201
    return str(answer.json()["id"])


async def test_an_officer_freezes_and_unfreezes_an_account(tenant: Tenant) -> None:
    assert await act(tenant, "ada", "freeze") == (200, "frozen")
    answer = await tenant.call("POST", "/v1/transfers", json=tenant.order())
    assert (answer.status_code, answer.json()["code"]) == (409, "account-frozen")
    assert await act(tenant, "ada", "freeze") == (409, "account-frozen")
    assert await act(tenant, "ada", "unfreeze") == (200, "open")
    await paid(tenant)


async def test_only_an_empty_account_closes(tenant: Tenant) -> None:
    assert await act(tenant, "ada", "close") == (409, "account-not-empty")
    assert await act(tenant, "bob", "close") == (200, "closed")
    answer = await tenant.call("POST", "/v1/transfers", json=tenant.order())
    assert (answer.status_code, answer.json()["code"]) == (404, "destination-not-found")
    assert await act(tenant, "bob", "reopen") == (200, "open")
    await paid(tenant)


async def test_an_account_that_an_unfinished_flow_names_does_not_close(tenant: Tenant) -> None:
    saga = SagaRecord(
        id="acme/sag_one",
        type="deposit",
        def_version=1,
        tenant="acme",
        user_id=tenant.person("bob").user_id,
        state="await:collect",
        params={"account_id": f"acme/{tenant.accounts['bob']}"},
        fingerprint="f",
        correlation_id="c",
        created_at=tenant.runtime.clock.now(),
        updated_at=tenant.runtime.clock.now(),
    )
    await tenant.runtime.door.submit(Change("acme", companions=birth(saga, ())))
    assert await act(tenant, "bob", "close") == (409, "account-in-use")
    await tenant.runtime.database["sagas"].update_one({"_id": "acme/sag_one"}, {"$set": {"status": "completed"}})
    assert await act(tenant, "bob", "close") == (200, "closed")


async def test_no_single_account_of_a_frozen_customer_is_opened_again(tenant: Tenant) -> None:
    await act(tenant, "bob", "close")
    user = f"/v1/admin/users/{tenant.person('ada').user_id}"
    await tenant.call("POST", f"{user}/freeze", "compliance:act", json=REASON)
    await tenant.call("POST", f"/v1/admin/users/{tenant.person('bob').user_id}/freeze", "compliance:act", json=REASON)
    assert await act(tenant, "ada", "unfreeze") == (409, "user-frozen")
    assert await act(tenant, "bob", "reopen") == (409, "user-frozen")
    await tenant.call("POST", f"{user}/unfreeze", "compliance:act", json=REASON)
    answer = await tenant.call("POST", "/v1/transfers", json=tenant.order("ada", "ada"))
    assert answer.json()["code"] == "same-account"
    assert await act(tenant, "ada", "freeze") == (200, "frozen")
    assert await act(tenant, "ada", "unfreeze") == (200, "open")


async def test_of_an_unfreeze_and_a_freeze_of_the_customer_at_once_the_freeze_stays(tenant: Tenant) -> None:
    user = f"/v1/admin/users/{tenant.person('ada').user_id}/freeze"
    await act(tenant, "ada", "freeze")
    await asyncio.gather(act(tenant, "ada", "unfreeze"), tenant.call("POST", user, "compliance:act", json=REASON))
    answer = await tenant.call("POST", "/v1/transfers", json=tenant.order())
    assert (answer.status_code, answer.json()["code"]) == (409, "account-frozen")


async def test_there_is_no_other_act(tenant: Tenant) -> None:
    assert await act(tenant, "bob", "delete") == (404, "not-found")


async def test_an_operator_reverses_once_and_says_why(tenant: Tenant) -> None:
    transaction_id = await paid(tenant)
    path = f"/v1/admin/transactions/{transaction_id}/reverse"
    first = await tenant.call("POST", path, "ops:act", by="operator", key="once", json=REASON)
    assert (first.status_code, first.json()["kind"]) == (201, "reversal")
    await tenant.runtime.redis.flushdb()
    again = await tenant.call("POST", path, "ops:act", by="operator", key="once", json=REASON)
    assert (again.status_code, again.json()) == (201, first.json())
    second = await tenant.call("POST", path, "ops:act", by="operator", json=REASON)
    assert (second.status_code, second.json()["code"]) == (409, "already-reversed")
    assert await tenant.balance("ada") == "100.00"


async def test_an_operator_refunds_until_nothing_is_left(tenant: Tenant) -> None:
    path = f"/v1/admin/transactions/{await paid(tenant)}/refunds"
    for amount, status in (("20.00", 201), ("40.00", 201), ("0.01", 409)):
        body = {"amount": amount, "currency": "USD", **REASON}
        answer = await tenant.call("POST", path, "ops:act", by="operator", json=body)
        assert answer.status_code == status
    assert answer.json()["code"] == "refund-exceeds-remainder"
    assert answer.json()["remaining"] == "0.00"
    assert await tenant.balance("ada") == "100.00"


@pytest.mark.parametrize(
    "path",
    ["accounts/{account}/freeze", "transactions/{txn}/reverse", "transactions/{txn}/refunds"],
)
async def test_a_customer_may_not(tenant: Tenant, path: str) -> None:
    path = path.format(account=tenant.accounts["ada"], txn="txn_one")
    answer = await tenant.call("POST", f"/v1/admin/{path}", json=REASON)
    assert (answer.status_code, answer.json()["code"]) == (403, "permission-denied")


@pytest.mark.parametrize("reason", ["", "x" * 501, "two\nlines"])
async def test_a_reason_is_one_sentence(tenant: Tenant, reason: str) -> None:
    path = f"/v1/admin/accounts/{tenant.accounts['ada']}/freeze"
    answer = await tenant.call("POST", path, "compliance:act", json={"reason": reason})
    assert answer.status_code in {400, 422}
