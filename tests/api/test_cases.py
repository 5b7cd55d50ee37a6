"""The queue of cases: who works on one, what is noted, who decides, and who must agree."""

from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI

from app.compliance.case_rules import FourEyes
from app.compliance.cases import Cases
from app.compliance.trail import Trail
from app.ids import derived_id, stored_id
from app.plumbing.decimals import to_decimal128
from app.wallets.configured import threshold_of
from tests.api.given import TENANT, Tenant


async def open_case(tenant: Tenant, name: str = "one", **more: Any) -> str:
    public = derived_id("cas", name)
    case = {
        "_id": stored_id(TENANT, public),
        "book": TENANT,
        "kind": "ach-pull",
        "user_id": tenant.person("bob").user_id,
        "status": "open",
        "opened_at": tenant.runtime.clock.now(),
        "version": 1,
        **more,
    }
    await tenant.runtime.database["cases"].insert_one(case)
    return public


async def act(
    tenant: Tenant, case_id: str, verb: str, *, by: str = "officer", key: str | None = None, **body: Any
) -> Any:
    """What an officer does, and the answer: the case, or the code of the refusal."""
    path = f"/v1/admin/cases/{case_id}/{verb}"
    answer = await tenant.call("POST", path, "compliance:act", by=by, key=key, json=body)
    await tenant.runtime.redis.flushdb()
    return answer.json() if answer.is_success else answer.json()["code"]


async def listed(tenant: Tenant, query: str) -> list[str]:
    answer = await tenant.call("GET", f"/v1/admin/cases?{query}", "compliance:read")
    return [each["id"] for each in answer.json()["items"]]


async def acts(tenant: Tenant, case_id: str) -> list[str]:
    trail = await tenant.call("GET", f"/v1/admin/audit?subject={case_id}", "audit:read")
    return [each["act"] for each in trail.json()["items"]][::-1]


def where_two_decide(app: FastAPI, tenant: Tenant) -> None:
    """Cases about more than 1,000 dollars need two officers from now on."""
    runtime = tenant.runtime
    four_eyes = FourEyes(threshold_of(runtime.settings, "1000.00"))

    async def tell(_refs: Any) -> None: ...

    trail = Trail(runtime.door, runtime.audit, runtime.clock)
    deciding = Cases(runtime.desk.cases, trail, runtime.audit, runtime.clock, four_eyes, tell)
    tenant.runtime = replace(runtime, desk=replace(runtime.desk, deciding=deciding))
    app.state.runtime = tenant.runtime


async def test_cases_are_found_by_kind_assignee_and_customer(tenant: Tenant) -> None:
    one, other = await open_case(tenant), await open_case(tenant, "other", kind="diverted-leg", user_id=None)
    officer = tenant.person("officer").user_id
    assert (await act(tenant, one, "assignment", assignee=officer, reason="my turn"))["assignee"] == officer
    assert await listed(tenant, "kind=diverted-leg") == [other]
    assert await listed(tenant, f"assignee={officer}") == [one]
    assert await listed(tenant, f"user_id={tenant.person('bob').user_id}&status=open") == [one]
    assert (await act(tenant, one, "assignment", assignee=None, reason="on leave"))["assignee"] is None
    assert await listed(tenant, f"assignee={officer}") == []


async def test_a_note_is_written_once_by_name_and_is_in_the_trail(tenant: Tenant) -> None:
    case_id = await open_case(tenant)
    for _ in range(2):
        noted = await act(tenant, case_id, "notes", key="once", text="the customer was called")
    assert [(each["text"], each["by"]) for each in noted["notes"]] == [
        ("the customer was called", tenant.person("officer").user_id)
    ]
    assert await act(tenant, case_id, "notes", key="once", text="another") == "idempotency-key-reused"
    assert await acts(tenant, case_id) == ["case.note"]


async def test_only_a_decision_that_fits_the_kind_is_taken(tenant: Tenant) -> None:
    case_id = await open_case(tenant, kind="screening-hit")
    shown = (await tenant.call("GET", f"/v1/admin/cases/{case_id}", "compliance:read")).json()
    assert shown["decisions"] == ["release", "reject"]
    assert await act(tenant, case_id, "decisions", decision="resolved", reason="x") == "decision-unfit"
    assert (await act(tenant, case_id, "decisions", decision="reject", reason="x"))["status"] == "decided"


async def test_a_decided_case_is_opened_again_and_decided_anew(tenant: Tenant) -> None:
    case_id = await open_case(tenant)
    assert await act(tenant, case_id, "reopening", reason="x") == "case-undecided"
    await act(tenant, case_id, "decisions", decision="dismissed", reason="nothing")
    assert await act(tenant, case_id, "assignment", assignee=None, reason="x") == "case-decided"
    for _ in range(2):
        opened = await act(tenant, case_id, "reopening", key="again", reason="there is news")
        assert (opened["status"], opened["decision"]) == ("open", None)
    assert (await act(tenant, case_id, "decisions", decision="resolved", reason="paid"))["decision"] == "resolved"
    assert await acts(tenant, case_id) == ["case.decide", "case.reopen", "case.decide"]


async def test_above_the_limit_two_officers_agree(app: FastAPI, tenant: Tenant) -> None:
    where_two_decide(app, tenant)
    case_id = await open_case(tenant, amount=to_decimal128(1_000_01), currency="USD")
    for _ in range(2):
        first = await act(tenant, case_id, "decisions", key="first", decision="resolved", reason="paid")
        assert (first["status"], first["proposal"]["decision"], first["decision"]) == ("proposed", "resolved", None)
    assert await act(tenant, case_id, "decisions", decision="resolved", reason="paid") == "second-officer-needed"
    other = await act(tenant, case_id, "decisions", by="chief", decision="dismissed", reason="no")
    assert (other["status"], other["proposal"]["by"]) == ("proposed", tenant.person("chief").user_id)
    decided = await act(tenant, case_id, "decisions", decision="dismissed", reason="agreed")
    assert (decided["status"], decided["decided_by"]) == ("decided", tenant.person("officer").user_id)
    assert await acts(tenant, case_id) == ["case.propose", "case.propose", "case.decide"]


async def test_up_to_the_limit_one_officer_decides(app: FastAPI, tenant: Tenant) -> None:
    where_two_decide(app, tenant)
    case_id = await open_case(tenant, amount=to_decimal128(1_000_00), currency="USD")
    assert (await act(tenant, case_id, "decisions", decision="resolved", reason="paid"))["status"] == "decided"
    coins = await open_case(tenant, "coins", amount=to_decimal128(10**8), currency="BTC")
    assert (await act(tenant, coins, "decisions", decision="resolved", reason="paid"))["status"] == "proposed"


@pytest.mark.parametrize(
    ("kept", "about"),
    [
        (
            {"saga_id": "acme/sag_1", "concerns": "acme/sag_2", "ref": "unit:payment:50", "happened": "returned"},
            {"saga_id": "sag_1", "concerns": "sag_2", "ref": "unit:payment:50", "happened": "returned"},
        ),
        (
            {"endpoint_id": "acme/nep_1", "reason": "sustained-failure"},
            {"endpoint_id": "nep_1", "reason": "sustained-failure"},
        ),
        (
            {"chain": "bitcoin", "ref": "tatum:tx:af3", "asset": None},
            {"chain": "bitcoin", "ref": "tatum:tx:af3"},
        ),
    ],
)
async def test_a_case_says_what_it_concerns(tenant: Tenant, kept: dict[str, Any], about: dict[str, str]) -> None:
    case_id = await open_case(tenant, **kept)
    shown = (await tenant.call("GET", f"/v1/admin/cases/{case_id}", "compliance:read")).json()
    assert shown["about"] == about
    assert shown["reason"] is None
