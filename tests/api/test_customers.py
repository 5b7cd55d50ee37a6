"""What officers decide about a customer as a whole, and what that stops."""

import asyncio
from typing import Any

from app.ids import stored_id
from app.ledger.accounts import customer_account, main_account, system_account
from app.ledger.changes import Change
from app.ledger.transactions import Transaction, credit, debit
from app.money import BTC, USD, Money
from app.wallets.opening import ACCOUNTS_MAX
from tests.api.given import TENANT, Tenant

REASON = {"reason": "a court order"}


async def act(tenant: Tenant, path: str, key: str | None = None, **body: Any) -> dict[str, Any]:
    """An officer's act on Ada."""
    path = f"/v1/admin/users/{tenant.person('ada').user_id}/{path}"
    answer = await tenant.call("POST", path, "compliance:act", by="officer", key=key, json={**REASON, **body})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def test_no_account_is_opened_for_a_frozen_customer(tenant: Tenant) -> None:
    assert (await act(tenant, "freeze"))["frozen"]
    for _ in range(2):
        refused = await tenant.call("POST", "/v1/accounts", json={"currency": "EUR"})
        assert (refused.status_code, refused.json()["code"]) == (409, "user-frozen")
    assert not (await act(tenant, "unfreeze"))["frozen"]
    assert (await tenant.call("POST", "/v1/accounts", json={"currency": "EUR"})).status_code == 201


async def test_nobody_has_more_accounts_than_one_freeze_can_take(tenant: Tenant) -> None:
    user_id = tenant.person("ada").user_id
    last = await tenant.call("POST", "/v1/accounts", key="last", json={"currency": "EUR"})
    ids = [stored_id(TENANT, f"acc_another{number}") for number in range(ACCOUNTS_MAX - 2)]
    openings = tuple(customer_account(each, USD, user_id) for each in ids)
    await tenant.runtime.door.submit(Change(TENANT, openings=openings))
    refused = await tenant.call("POST", "/v1/accounts", json={"currency": "EUR"})
    assert (refused.status_code, refused.json()["code"]) == (409, "too-many-accounts")
    await tenant.runtime.redis.flushdb()
    again = await tenant.call("POST", "/v1/accounts", key="last", json={"currency": "EUR"})
    assert (again.status_code, again.json()["id"]) == (201, last.json()["id"])
    frozen = await act(tenant, "freeze")
    assert {each["status"] for each in frozen["accounts"]} == {"frozen"}
    assert len(frozen["accounts"]) == ACCOUNTS_MAX


async def test_somebody_elses_freeze_concerns_nobody_else(tenant: Tenant) -> None:
    await act(tenant, "freeze")
    opened = await tenant.call("POST", "/v1/accounts", by="bob", json={"currency": "EUR"})
    assert opened.status_code == 201


async def test_lifting_a_freeze_leaves_frozen_what_was_frozen_by_itself(tenant: Tenant) -> None:
    second = (await tenant.call("POST", "/v1/accounts", json={"currency": "EUR"})).json()["id"]
    await tenant.call("POST", f"/v1/admin/accounts/{second}/freeze", "compliance:act", json=REASON)
    await act(tenant, "freeze")
    accounts = (await act(tenant, "unfreeze"))["accounts"]
    assert {each["id"]: each["status"] for each in accounts} == {tenant.accounts["ada"]: "open", second: "frozen"}


async def test_money_that_arrives_for_a_frozen_customer_is_booked_and_stays(tenant: Tenant) -> None:
    await act(tenant, "freeze")
    account_id = stored_id(TENANT, tenant.accounts["ada"])
    legs = (debit(system_account(TENANT, "bank", USD), Money(5_00, USD)), credit(account_id, Money(5_00, USD)))
    arrived = Transaction(stored_id(TENANT, "txn_arrived"), "deposit", legs)
    await tenant.runtime.door.submit(Change(TENANT, (arrived,), fact=True))
    assert await tenant.balance("ada") == "105.00"
    refused = await tenant.call("POST", "/v1/transfers", json=tenant.order())
    assert refused.json()["code"] == "account-frozen"


async def test_an_account_that_a_fact_opens_for_a_frozen_customer_is_frozen_until_they_are_not(tenant: Tenant) -> None:
    await act(tenant, "freeze")
    coins = main_account(TENANT, tenant.person("ada").user_id, BTC)
    await tenant.runtime.door.submit(Change(TENANT, openings=(coins,), fact=True))
    legs = (debit(system_account(TENANT, "custody", BTC), Money(5, BTC)), credit(coins.id, Money(5, BTC)))
    arrived = Transaction(stored_id(TENANT, "txn_coins"), "deposit", legs)
    await tenant.runtime.door.submit(Change(TENANT, (arrived,), fact=True))
    shown = await tenant.runtime.ledger.account(coins.id)
    assert shown is not None
    assert (shown.status.value, shown.balance) == ("frozen", 5)
    assert {each["status"] for each in (await act(tenant, "unfreeze"))["accounts"]} == {"open"}


async def test_a_level_is_given_once_by_name_and_is_in_the_trail(tenant: Tenant) -> None:
    path = f"/v1/admin/users/{tenant.person('ada').user_id}"
    shown = (await tenant.call("GET", path, "compliance:read")).json()
    assert (shown["limit_level"], shown["frozen"]) == ("standard", False)
    unknown = await tenant.call("POST", f"{path}/level", "compliance:act", json={"level": "boundless", **REASON})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown-level")
    assert (await act(tenant, "level", key="once", level="standard"))["limit_level"] == "standard"
    await tenant.runtime.redis.flushdb()
    await act(tenant, "level", key="once", level="standard")
    query = f"subject={tenant.person('ada').user_id}"
    [entry] = (await tenant.call("GET", f"/v1/admin/audit?{query}", "audit:read")).json()["items"]
    assert (entry["act"], entry["before"], entry["after"]) == (
        "user.level",
        {"level": "standard"},
        {"level": "standard"},
    )


async def test_of_a_freeze_and_an_opening_at_once_no_open_account_is_left(tenant: Tenant) -> None:

    opened = [tenant.call("POST", "/v1/accounts", json={"currency": "EUR"}) for _ in range(5)]
    await asyncio.gather(act(tenant, "freeze"), *opened)
    path = f"/v1/admin/users/{tenant.person('ada').user_id}"
    shown = (await tenant.call("GET", path, "compliance:read")).json()
    assert {each["status"] for each in shown["accounts"]} == {"frozen"}
