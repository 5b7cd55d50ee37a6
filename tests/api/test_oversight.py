"""What operators, officers and auditors see and do, who may not, and that a tenant's are a tenant's own."""

from datetime import timedelta
from typing import Any

import pytest

from app.ids import stored_id
from app.inbox.messages import finished
from app.ledger.changes import Change
from app.orchestrator.journal import Event, SagaRecord, birth
from app.providers.events import WebhookEvent
from tests.api.given import Tenant
from tests.issuer import TENANT_CLAIM

REASON = {"reason": "seen at the bank"}
RETRY = {"command": "retry", **REASON}
SAGA = "sag_aaaaaaaaaaaaaaaaaaaaaaaaaa"
CASE = "cas_aaaaaaaaaaaaaaaaaaaaaaaaaa"

# method, path, permission, body
ROUTES: tuple[tuple[str, str, str, Any], ...] = (
    ("GET", "/v1/admin/sagas", "ops:read", None),
    ("GET", f"/v1/admin/sagas/{SAGA}", "ops:read", None),
    ("POST", f"/v1/admin/sagas/{SAGA}/commands", "ops:act", RETRY),
    ("GET", "/v1/admin/cases", "compliance:read", None),
    ("GET", f"/v1/admin/cases/{CASE}", "compliance:read", None),
    ("POST", f"/v1/admin/cases/{CASE}/decisions", "compliance:act", {"decision": "resolved", **REASON}),
    ("GET", "/v1/admin/webhooks", "ops:read", None),
    ("POST", "/v1/admin/webhooks/unit:7/replay", "ops:act", REASON),
    ("GET", "/v1/admin/users", "compliance:read", None),
    ("GET", "/v1/admin/users/{bob}", "compliance:read", None),
    ("POST", "/v1/admin/users/{bob}/freeze", "compliance:act", REASON),
    ("GET", "/v1/admin/audit", "audit:read", None),
)


async def park(tenant: Tenant, number: int = 1, book: str = "acme", name: str = "bob") -> str:
    """A deposit of somebody's that has stopped before its call; its public id."""
    public = f"sag_{'a' * 25}{'abcdefghij'[number]}"
    now = tenant.runtime.clock.now() + timedelta(seconds=number)
    account = stored_id(book, tenant.accounts[name])
    saga = SagaRecord(
        id=stored_id(book, public),
        type="deposit",
        def_version=1,
        tenant=book,
        user_id=tenant.person(name).user_id,
        state="parked",
        params={"account_id": account, "bank_link_id": f"{book}/lnk_one", "amount": "10.00 USD"},
        fingerprint="f",
        correlation_id="c",
        created_at=now,
        updated_at=now,
        steps={"record": {"status": "done", "attempts": 1, "at": now}},
        parked_from="do:collect",
        reason="account-frozen",
    )
    events = (Event("accepted-request", "", {}), Event("parked", "collect", {"reason": "account-frozen"}))
    await tenant.runtime.door.submit(Change(book, companions=birth(saga, events)))
    return public


async def open_case(tenant: Tenant, number: int = 1, book: str = "acme") -> str:
    public = f"cas_{'a' * 25}{'abcdefghij'[number]}"
    case = {
        "_id": stored_id(book, public),
        "book": book,
        "kind": "ach-pull",
        "account_id": stored_id(book, tenant.accounts["bob"]),
        "status": "open",
        "opened_at": tenant.runtime.clock.now() + timedelta(seconds=number),
        "version": 1,
    }
    await tenant.runtime.database["cases"].insert_one(case)
    return public


async def receive(tenant: Tenant, number: int, ref: str) -> str:
    """An event that was applied to no avail; its id."""
    event = WebhookEvent("unit", str(number), "payment.sent", (ref,), {"type": "payment.sent"})
    await tenant.runtime.inbox.receive([event])
    inbox = tenant.runtime.database["inbox"]
    document = await inbox.find_one({"_id": f"unit:{number}"}) or {}
    await inbox.replace_one({"_id": f"unit:{number}"}, finished(document, tenant.runtime.clock.now()))
    return f"unit:{number}"


async def waits_for(tenant: Tenant, ref: str, book: str = "acme") -> None:
    """Somebody's saga waits for that object."""
    public = await park(tenant, 9, book)
    await tenant.runtime.database["sagas"].update_one({"_id": stored_id(book, public)}, {"$set": {"waits": [ref]}})


@pytest.mark.parametrize(("method", "path", "permission", "body"), ROUTES)
async def test_a_customer_may_not(tenant: Tenant, method: str, path: str, permission: str, body: Any) -> None:
    path = path.format(bob=tenant.person("bob").user_id)
    answer = await tenant.call(method, path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (403, "permission-denied")
    assert answer.json()["permission"] == permission


async def test_sagas_are_listed_newest_first_by_status_type_and_user(tenant: Tenant) -> None:
    sagas = [await park(tenant, number) for number in range(3)]
    await park(tenant, 5, book="other")
    path = "/v1/admin/sagas?status=parked&type=deposit&limit=2"
    first = (await tenant.call("GET", path, "ops:read")).json()
    assert [each["id"] for each in first["items"]] == [sagas[2], sagas[1]]
    rest = (await tenant.call("GET", f"{path}&cursor={first['next_cursor']}", "ops:read")).json()
    assert ([each["id"] for each in rest["items"]], rest["next_cursor"]) == ([sagas[0]], None)
    for query in ("status=waiting", "type=purchase", f"user_id={tenant.person('ada').user_id}"):
        assert (await tenant.call("GET", f"/v1/admin/sagas?{query}", "ops:read")).json()["items"] == []


async def test_a_status_or_flow_that_there_is_not_is_refused(tenant: Tenant) -> None:
    for query in ("status=stuck", "type=purchases"):
        refused = await tenant.call("GET", f"/v1/admin/sagas?{query}", "ops:read")
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid-request")


async def test_a_saga_is_shown_with_its_evidence_and_what_fits_now(tenant: Tenant) -> None:
    saga_id = await park(tenant)
    shown = (await tenant.call("GET", f"/v1/admin/sagas/{saga_id}", "ops:read")).json()
    assert (shown["status"], shown["step"], shown["reason"]) == ("parked", "collect", "account-frozen")
    assert [each["type"] for each in shown["events"]] == ["accepted-request", "parked"]
    assert (shown["effects"], shown["transit"], shown["holds"]) == ([], [], [])
    assert shown["commands"] == ["retry", "compensate", "write_off", "cancel"]
    assert "params" not in shown


async def test_a_saga_of_another_release_is_still_its_owners_to_read(tenant: Tenant) -> None:
    saga_id = await park(tenant)
    sagas, events = tenant.runtime.database["sagas"], tenant.runtime.database["saga_events"]
    await sagas.update_one({"_id": stored_id("acme", saga_id)}, {"$set": {"def_version": 99}})
    await events.update_one({"told.type": "parked"}, {"$set": {"told.$.type": "done"}})
    shown, story = [
        (await tenant.call("GET", f"/v1/sagas/{saga_id}{path}", by="bob")).json() for path in ("", "/story")
    ]
    assert [(each["name"], each["status"]) for each in shown["steps"]] == [("record", "done")]
    assert [each["sentence"] for each in story["story"]] == ["The request was accepted.", "Collect: done."]
    await sagas.update_one({"_id": stored_id("acme", saga_id)}, {"$set": {"state": "cancelled", "status": "cancelled"}})
    outcome = await tenant.call("GET", f"/v1/sagas/{saga_id}/outcome", by="bob")
    assert '"amounts":{}' in outcome.json()["content"]
    followed = await tenant.call("GET", f"/v1/sagas/{saga_id}/events", by="bob")
    assert "Collect: done." in followed.text


async def test_an_operator_retries_once_and_it_is_in_the_trail(tenant: Tenant) -> None:
    path = f"/v1/admin/sagas/{await park(tenant)}/commands"
    first = await tenant.call("POST", path, "ops:act", by="operator", key="once", json=RETRY)
    assert (first.status_code, first.json()["status"]) == (200, "running")
    await tenant.runtime.redis.flushdb()
    again = await tenant.call("POST", path, "ops:act", by="operator", key="once", json=RETRY)
    assert (again.status_code, again.json()["status"]) == (200, "running")
    other = await tenant.call("POST", path, "ops:act", by="operator", json=RETRY)
    assert (other.status_code, other.json()["code"]) == (409, "saga-not-parked")
    [entry] = (await tenant.call("GET", "/v1/admin/audit", "audit:read")).json()["items"]
    assert (entry["act"], entry["by"]) == ("saga.retry", tenant.person("operator").user_id)
    assert (entry["reason"], entry["before"]["state"], entry["after"]["state"]) == (
        "seen at the bank",
        "parked",
        "do:collect",
    )


@pytest.mark.parametrize(
    "body",
    [
        {"command": "delete", **REASON},
        {"command": "retry"},
        {"command": "retry", "reason": ""},
        {"command": "confirm", "evidence": "", **REASON},
        {"command": "confirm", "evidence": {"$ne": 1}, **REASON},
        {"command": "retry", "note": "unknown field", **REASON},
    ],
)
async def test_a_command_that_cannot_be_read_is_refused(tenant: Tenant, body: Any) -> None:
    answer = await tenant.call("POST", f"/v1/admin/sagas/{await park(tenant)}/commands", "ops:act", json=body)
    assert answer.status_code == 422


async def test_a_command_needs_its_key_and_confirming_needs_evidence(tenant: Tenant) -> None:
    path = f"/v1/admin/sagas/{await park(tenant)}/commands"
    headers = tenant.issuer.authorization(sub="auth0|op", permissions=["ops:act"], **{TENANT_CLAIM: "acme"})
    answer = await tenant.client.post(path, headers=headers, json=RETRY)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency-key-missing")
    answer = await tenant.call("POST", path, "ops:act", json={"command": "confirm", **REASON})
    assert (answer.status_code, answer.json()["code"]) == (409, "effect-not-open")


async def test_another_tenants_are_not_there(tenant: Tenant) -> None:
    saga_id, case_id = await park(tenant, 5, book="other"), await open_case(tenant, 5, book="other")
    await waits_for(tenant, "unit:payment:70", book="other")
    event_id = await receive(tenant, 70, "unit:payment:70")
    stranger = stored_id("other", tenant.person("bob").user_id)
    await tenant.runtime.database["users"].update_one({"_id": stranger}, {"$set": {"tenant": "other"}})
    for method, path, body in (
        ("GET", f"sagas/{saga_id}", None),
        ("POST", f"sagas/{saga_id}/commands", RETRY),
        ("GET", f"cases/{case_id}", None),
        ("POST", f"cases/{case_id}/decisions", {"decision": "resolved", **REASON}),
        ("POST", f"webhooks/{event_id}/replay", REASON),
        ("GET", "users/usr_somebody-elses", None),
        ("POST", "users/usr_somebody-elses/freeze", REASON),
    ):
        permissions = ("ops:read", "ops:act", "compliance:read", "compliance:act")
        answer = await tenant.call(method, f"/v1/admin/{path}", *permissions, json=body)
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found"), path
    for path in ("sagas", "cases", "webhooks"):
        answer = await tenant.call("GET", f"/v1/admin/{path}", "ops:read", "compliance:read")
        assert answer.json()["items"] == [], path


async def test_a_case_is_decided_once_by_name(tenant: Tenant) -> None:
    older, newer = await open_case(tenant, 1), await open_case(tenant, 2)
    listed = (await tenant.call("GET", "/v1/admin/cases?status=open", "compliance:read")).json()["items"]
    assert [each["id"] for each in listed] == [newer, older]
    path, body = f"/v1/admin/cases/{older}/decisions", {"decision": "resolved", **REASON}
    decided = await tenant.call("POST", path, "compliance:act", by="officer", key="once", json=body)
    assert (decided.status_code, decided.json()["status"], decided.json()["decided_by"]) == (
        201,
        "decided",
        tenant.person("officer").user_id,
    )
    await tenant.runtime.redis.flushdb()
    again = await tenant.call("POST", path, "compliance:act", by="officer", key="once", json=body)
    assert again.json() == decided.json()
    for key, other, code in (
        ("twice", body, "case-decided"),
        ("once", {**body, "decision": "x"}, "idempotency-key-reused"),
    ):
        await tenant.runtime.redis.flushdb()
        answer = await tenant.call("POST", path, "compliance:act", by="officer", key=key, json=other)
        assert answer.json()["code"] == code
    shown = (await tenant.call("GET", f"/v1/admin/cases/{older}", "compliance:read")).json()
    assert (shown["decision"], shown["reason"]) == ("resolved", "seen at the bank")
    [entry] = (await tenant.call("GET", f"/v1/admin/audit?subject={older}", "audit:read")).json()["items"]
    assert (entry["act"], entry["after"]) == ("case.decide", {"status": "decided", "decision": "resolved"})


async def test_a_webhook_is_put_back(tenant: Tenant) -> None:
    await waits_for(tenant, "unit:payment:71")
    event_id = await receive(tenant, 71, "unit:payment:71")
    await receive(tenant, 72, "unit:payment:72")
    listed = (await tenant.call("GET", "/v1/admin/webhooks?status=done", "ops:read")).json()["items"]
    assert [each["id"] for each in listed] == [event_id]
    assert "payload" not in listed[0]
    path = f"/v1/admin/webhooks/{event_id}/replay"
    answer = await tenant.call("POST", path, "ops:act", key="once", json=REASON)
    assert (answer.status_code, answer.json()["status"], answer.json()["attempts"]) == (200, "received", 0)
    await tenant.runtime.redis.flushdb()
    version = (await tenant.runtime.database["inbox"].find_one({"_id": event_id}) or {})["version"]
    await tenant.call("POST", path, "ops:act", key="once", json=REASON)
    assert (await tenant.runtime.database["inbox"].find_one({"_id": event_id}) or {})["version"] == version


async def test_a_customer_is_frozen_with_every_account(tenant: Tenant) -> None:
    user_id = tenant.person("ada").user_id
    second = (await tenant.call("POST", "/v1/accounts", json={"currency": "EUR"})).json()["id"]
    path = f"/v1/admin/users/{user_id}"
    frozen = await tenant.call("POST", f"{path}/freeze", "compliance:act", by="officer", key="once", json=REASON)
    assert frozen.status_code == 200
    assert {each["id"]: each["status"] for each in frozen.json()["accounts"]} == {
        tenant.accounts["ada"]: "frozen",
        second: "frozen",
    }
    refused = await tenant.call("POST", "/v1/transfers", json=tenant.order())
    assert refused.json()["code"] == "account-frozen"
    unfrozen = await tenant.call("POST", f"{path}/unfreeze", "compliance:act", by="officer", json=REASON)
    assert {each["status"] for each in unfrozen.json()["accounts"]} == {"open"}
    await tenant.runtime.redis.flushdb()
    again = await tenant.call("POST", f"{path}/freeze", "compliance:act", by="officer", key="once", json=REASON)
    assert {each["status"] for each in again.json()["accounts"]} == {"open"}
    trail = (await tenant.call("GET", f"/v1/admin/audit?subject={user_id}", "audit:read")).json()["items"]
    assert [each["act"] for each in trail] == ["user.unfreeze", "user.freeze"]


async def test_customers_are_listed_page_by_page(tenant: Tenant) -> None:
    everybody = sorted(tenant.person(name).user_id for name in ("ada", "bob"))
    first = (await tenant.call("GET", "/v1/admin/users?limit=1", "compliance:read")).json()
    path = f"/v1/admin/users?limit=1&cursor={first['next_cursor']}"
    second = (await tenant.call("GET", path, "compliance:read")).json()
    assert [first["items"][0]["id"], second["items"][0]["id"]] == everybody
    assert second["next_cursor"] is None
    shown = (await tenant.call("GET", f"/v1/admin/users/{everybody[0]}", "compliance:read")).json()
    assert (shown["compliance_level"], len(shown["accounts"])) == ("verified", 1)
    assert "subject" not in shown


async def test_acts_on_accounts_and_transactions_are_in_the_trail_page_by_page(tenant: Tenant) -> None:
    paid = (await tenant.call("POST", "/v1/transfers", json=tenant.order())).json()["id"]
    await tenant.call("POST", f"/v1/admin/transactions/{paid}/reverse", "ops:act", by="operator", json=REASON)
    path = f"/v1/admin/accounts/{tenant.accounts['ada']}/freeze"
    await tenant.call("POST", path, "compliance:act", by="officer", json=REASON)
    first = (await tenant.call("GET", "/v1/admin/audit?limit=1", "audit:read")).json()
    rest = (await tenant.call("GET", f"/v1/admin/audit?cursor={first['next_cursor']}", "audit:read")).json()
    entries = [*first["items"], *rest["items"]]
    assert [(each["seq"], each["act"], each["subject"]) for each in entries] == [
        (2, "account.freeze", tenant.accounts["ada"]),
        (1, "transaction.reverse", paid),
    ]
    assert entries[0]["prev_hash"] == entries[1]["hash"]
    assert (entries[0]["before"], entries[0]["after"]) == ({"status": "open"}, {"status": "frozen"})


async def test_an_edited_trail_is_found(tenant: Tenant) -> None:
    path = f"/v1/admin/accounts/{tenant.accounts['ada']}"
    for act in ("freeze", "unfreeze", "freeze"):
        await tenant.call("POST", f"{path}/{act}", "compliance:act", json=REASON)
    assert await tenant.runtime.audit.breaks() == []
    audit = tenant.runtime.database["audit"]
    await audit.update_one({"seq": 2}, {"$set": {"reason": "because"}})
    assert await tenant.runtime.audit.breaks() == ["audit entry 2 of acme is not what was written"]
    await audit.delete_one({"seq": 2})
    assert await tenant.runtime.audit.breaks() == ["audit entry 3 of acme does not follow the one before it"]
    await audit.delete_one({"seq": 3})
    assert await tenant.runtime.audit.breaks() == ["the audit trail does not end where it should"]


@pytest.mark.parametrize("path", ["sagas", "cases", "webhooks", "users", "audit"])
async def test_a_made_up_cursor_is_refused(tenant: Tenant, path: str) -> None:
    permissions = ("ops:read", "compliance:read", "audit:read")
    answer = await tenant.call("GET", f"/v1/admin/{path}?cursor=%C3%A9", *permissions)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed-request")
