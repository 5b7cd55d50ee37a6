"""Registering where a tenant wants to be told."""

from typing import Any

import httpx2
import pytest

from app.ids import stored_id
from app.orchestrator.disabling import Disabling
from app.outbox.endpoints import ENDPOINTS_MAX
from tests.api.given import TENANT, Tenant

PATH = "/v1/admin/notification-endpoints"
HERE = "http://127.0.0.1:9/hooks"


async def register(tenant: Tenant, url: str = HERE, **more: Any) -> httpx2.Response:
    return await tenant.call("POST", PATH, "ops:act", json={"url": url, **more})


async def test_the_secret_is_shown_once_and_kept_sealed(tenant: Tenant) -> None:
    made = (await register(tenant, types=["purchase.*", "account.frozen"])).json()
    assert made["secret"].startswith("whsec_")
    assert made["types"] == ["purchase.*", "account.frozen"]

    listed = await tenant.call("GET", PATH, "ops:read")
    shown = await tenant.call("GET", f"{PATH}/{made['id']}", "ops:read")
    assert listed.json()["items"] == [shown.json()] == [{k: v for k, v in made.items() if k != "secret"}]
    stored = await tenant.runtime.database["notification_endpoints"].find_one({"_id": stored_id(TENANT, made["id"])})
    assert made["secret"] not in str(stored)
    assert made["secret"][6:] not in str(stored)


async def test_a_rotation_shows_another_secret(tenant: Tenant) -> None:
    made = (await register(tenant)).json()
    rotated = await tenant.call("POST", f"{PATH}/{made['id']}/secrets", "ops:act")
    assert rotated.status_code == 201
    assert rotated.json()["secret"] not in {"", made["secret"]}


async def test_whoever_asks_again_under_the_same_key_gets_the_same_endpoint_and_secret(tenant: Tenant) -> None:
    asked = {"url": HERE, "types": ["purchase.*"]}
    first, again = [await tenant.call("POST", PATH, "ops:act", key="once", json=asked) for _ in range(2)]
    assert (first.json(), first.headers["cache-control"]) == (again.json(), "no-store")
    await tenant.runtime.redis.flushdb()
    assert (await tenant.call("POST", PATH, "ops:act", key="once", json=asked)).json() == first.json()
    assert len((await tenant.call("GET", PATH, "ops:read")).json()["items"]) == 1

    secrets = f"{PATH}/{first.json()['id']}/secrets"
    second, same, third = [await tenant.call("POST", secrets, "ops:act", key=key) for key in ("r1", "r1", "r2")]
    assert second.json()["secret"] == same.json()["secret"] != third.json()["secret"]

    tests = []
    for _ in range(2):
        tests.append((await tenant.call("POST", secrets.replace("secrets", "test"), "ops:act", key="t")).json())
        await tenant.runtime.redis.flushdb()
    assert tests[0] == tests[1]

    other = await tenant.call("POST", PATH, "ops:act", key="once", json={**asked, "url": f"{HERE}/other"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")


@pytest.mark.parametrize(
    "url",
    ["https://10.0.0.1/", "https://169.254.169.254/latest/meta-data", "ftp://hooks.example/", "http://[::ffff:a00:1]/"],
)
async def test_a_url_that_leads_inside_is_refused(tenant: Tenant, url: str) -> None:
    refused = await register(tenant, url)
    assert (refused.status_code, refused.json()["code"]) == (422, "callback-refused")


@pytest.mark.parametrize("wanted", ["purchase.exploded", "nothing.*", "*", "purchase."])
async def test_a_type_that_is_never_sent_is_refused(tenant: Tenant, wanted: str) -> None:
    assert (await register(tenant, types=[wanted])).status_code == 422


async def test_a_tenant_has_a_bounded_number_of_them(tenant: Tenant) -> None:
    for _ in range(ENDPOINTS_MAX):
        assert (await register(tenant)).status_code == 201
    refused = await register(tenant)
    assert (refused.status_code, refused.json()["code"]) == (409, "too-many-endpoints")


async def test_a_test_notification_is_on_its_way_and_in_the_log(tenant: Tenant) -> None:
    made = (await register(tenant)).json()
    sent = await tenant.call("POST", f"{PATH}/{made['id']}/test", "ops:act")
    assert sent.status_code == 202
    await tenant.runtime.courier.deliver_due()

    (logged,) = (await tenant.call("GET", f"{PATH}/{made['id']}/deliveries", "ops:read")).json()["items"]
    assert logged["notification_id"] == sent.json()["notification_id"]
    assert (logged["type"], logged["status"]) == ("endpoint.test", "pending")
    assert logged["next_attempt_at"] > logged["created_at"]
    assert [(each["attempt"], each["status"], each["reason"]) for each in logged["attempts"]] == [
        (1, None, "unreachable")
    ]


async def test_a_disabled_one_is_not_tried_until_it_is_enabled(tenant: Tenant) -> None:
    made = (await register(tenant)).json()
    endpoint = await tenant.runtime.endpoints.get(stored_id(TENANT, made["id"]))
    await Disabling(tenant.runtime.door).disable(endpoint, "gone", tenant.runtime.clock.now())
    refused = await tenant.call("POST", f"{PATH}/{made['id']}/test", "ops:act")
    assert (refused.status_code, refused.json()["code"], refused.json()["reason"]) == (409, "endpoint-disabled", "gone")
    await tenant.call("POST", f"{PATH}/{made['id']}/enable", "ops:act")
    assert (await tenant.call("POST", f"{PATH}/{made['id']}/test", "ops:act")).status_code == 202


async def test_a_removed_one_is_gone(tenant: Tenant) -> None:
    made = (await register(tenant)).json()
    assert (await tenant.call("DELETE", f"{PATH}/{made['id']}", "ops:act")).status_code == 204
    for method, path, permission in (
        ("DELETE", "", "ops:act"),
        ("GET", "", "ops:read"),
        ("GET", "/deliveries", "ops:read"),
        ("POST", "/enable", "ops:act"),
        ("POST", "/secrets", "ops:act"),
        ("POST", "/test", "ops:act"),
    ):
        assert (await tenant.call(method, f"{PATH}/{made['id']}{path}", permission)).status_code == 404


async def test_an_enabled_one_stays_enabled(tenant: Tenant) -> None:
    made = (await register(tenant)).json()
    enabled = await tenant.call("POST", f"{PATH}/{made['id']}/enable", "ops:act")
    assert enabled.json()["status"] == "enabled"


async def test_another_tenants_endpoint_is_not_there(tenant: Tenant) -> None:
    made = await tenant.runtime.endpoints.register("elsewhere", "usr_1", HERE, ())
    path = f"{PATH}/{made.endpoint.id.partition('/')[2]}"
    assert (await tenant.call("GET", path, "ops:read")).status_code == 404
    assert (await tenant.call("GET", PATH, "ops:read")).json()["items"] == []


async def test_customers_have_no_business_here(tenant: Tenant) -> None:
    refused = await tenant.call("GET", PATH)
    assert refused.status_code == 403


async def test_every_act_is_in_the_audit_trail_without_the_secret(tenant: Tenant) -> None:
    made = (await register(tenant)).json()
    for act in ("secrets", "test"):
        await tenant.call("POST", f"{PATH}/{made['id']}/{act}", "ops:act")
    await tenant.call("DELETE", f"{PATH}/{made['id']}", "ops:act")

    told = (await tenant.call("GET", "/v1/admin/audit", "audit:read")).json()["items"]
    acts = ["endpoint.remove", "endpoint.test", "endpoint.rotate", "endpoint.register"]
    assert [(each["act"], each["subject"]) for each in told] == [(act, made["id"]) for act in acts]
    assert {each["by"] for each in told} == {tenant.person("ada").user_id}
    first = {"host": "127.0.0.1:9", "types": "everything", "status": "enabled", "reason": None, "secrets": 1}
    assert [(each["before"], each["after"]) for each in told if each["act"] != "endpoint.test"] == [
        ({**first, "secrets": 2}, {**first, "status": "removed", "secrets": 0}),
        (first, {**first, "secrets": 2}),
        ({}, first),
    ]
    assert "whsec" not in str(told)


async def test_a_removed_one_leaves_no_secret_behind(tenant: Tenant) -> None:
    made = (await register(tenant)).json()
    await tenant.call("DELETE", f"{PATH}/{made['id']}", "ops:act")
    stored = await tenant.runtime.database["notification_endpoints"].find_one({"_id": stored_id(TENANT, made["id"])})
    assert stored is not None
    assert (stored["secrets"], stored["status"]) == ([], "removed")
    assert (await tenant.call("GET", PATH, "ops:read")).json()["items"] == []
