"""From a started verification to an account at the bank: what it waits for, what ends it, and what it never keeps."""

import json
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from bson import json_util

from app.identity.users import User
from app.ids import new_id, stored_id
from app.orchestrator.progress import order_status
from tests.worlds import BOOK, Customer, World

APPROVED, REVIEWED, AWAITING = "912345678", "000000004", "000000002"


async def post(world: World, name: str, path: str, body: dict[str, Any] | None = None) -> httpx2.Response:
    return await world.api.post(path, json=body or {}, headers=await world.signed_in(name))


async def session(world: World, name: str) -> str:
    """Start or resume a verification over the API; the applicant."""
    answer = await post(world, name, "/v1/kyc/sessions")
    assert answer.status_code == 200, answer.text
    return str(answer.json()["applicant_id"])


async def decide(world: World, applicant_id: str, answer: str, **more: str) -> None:
    body = {"applicant_id": applicant_id, "reviewAnswer": answer, **more}
    (await world.desk.post("/control/sumsub/review", json=body)).raise_for_status()


async def user_of(world: World, applicant_id: str) -> User:
    user = await world.runtime.users.by_applicant(applicant_id)
    assert user is not None
    return user


async def onboardings(world: World, applicant_id: str) -> list[dict[str, Any]]:
    query = {"type": "onboarding", "params.applicant_id": applicant_id}
    return await world.runtime.database["sagas"].find(query).sort("created_at", 1).to_list()


async def applications(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await world.desk.get("/control/unit/book")).json()["applications"]
    return found


async def test_a_session_starts_one_onboarding_however_often_it_is_resumed(calm_world: World) -> None:
    applicant_id = await session(calm_world, "session-1")
    assert await session(calm_world, "session-1") == applicant_id
    (saga,) = await onboardings(calm_world, applicant_id)
    await calm_world.work()
    (saga,) = await onboardings(calm_world, applicant_id)
    assert saga["state"] == "do:verify"
    assert saga["waits"] == [f"sumsub:applicant:{applicant_id}"]


async def test_a_verdict_leads_to_an_account_that_the_user_is_told_of_by_its_mask(calm_world: World) -> None:
    applicant_id = await session(calm_world, "verdict-1")
    await calm_world.work()
    await decide(calm_world, applicant_id, "GREEN")
    await calm_world.settle()
    (saga,) = await onboardings(calm_world, applicant_id)
    assert saga["status"] == "completed"
    user = await user_of(calm_world, applicant_id)
    assert user.compliance_level == "verified"
    assert user.deposit_account_id == saga["results"]["open"]["deposit_account_id"]
    assert user.bank_customer_id == saga["results"]["apply"]["customer_id"]
    assert user.deposit_account_mask is not None
    assert len(user.deposit_account_mask) == 4


async def test_without_any_webhook_a_look_finds_the_verdict_and_grants_the_permission(calm_world: World) -> None:
    world = calm_world
    applicant_id = await session(world, "poll-1")
    await world.work()
    await world.desk.post("/control/webhooks", json={"vendor": "sumsub", "mode": "drop"})
    await decide(world, applicant_id, "GREEN")
    await world.settle()
    await world.desk.post("/control/webhooks", json={"vendor": "sumsub", "mode": "normal"})
    (saga,) = await onboardings(world, applicant_id)
    assert saga["status"] == "completed"
    assert (await user_of(world, applicant_id)).compliance_level == "verified"


async def test_a_retry_keeps_it_waiting_and_a_final_no_ends_it(calm_world: World) -> None:
    world = calm_world
    applicant_id = await session(world, "retry-1")
    await decide(world, applicant_id, "RED", reviewRejectType="RETRY")
    await world.act()
    (saga,) = await onboardings(world, applicant_id)
    assert saga["state"] == "do:verify"
    world.clock.advance(60)
    await decide(world, applicant_id, "RED", reviewRejectType="FINAL")
    await world.act()
    (saga,) = await onboardings(world, applicant_id)
    assert (saga["status"], saga["reason"]) == ("compensated", "rejected")
    assert (await user_of(world, applicant_id)).compliance_level == "rejected"
    await session(world, "retry-1")
    assert len(await onboardings(world, applicant_id)) == 1


async def test_a_verdict_that_is_taken_back_gives_another_chance(calm_world: World) -> None:
    world = calm_world
    applicant_id = await session(world, "second-1")
    await decide(world, applicant_id, "RED", reviewRejectType="FINAL")
    await world.act()
    world.clock.advance(60)
    await decide(world, applicant_id, "GREEN")
    await world.act()
    await session(world, "second-1")
    await world.settle()
    first, second = await onboardings(world, applicant_id)
    assert (first["status"], second["status"]) == ("compensated", "completed")


async def test_a_revocation_after_the_end_takes_the_permission_and_leaves_the_account(calm_world: World) -> None:
    world = calm_world
    applicant_id = await session(world, "revoked-1")
    await decide(world, applicant_id, "GREEN")
    await world.settle()
    world.clock.advance(60)
    await decide(world, applicant_id, "RED", reviewRejectType="FINAL")
    await world.act()
    user = await user_of(world, applicant_id)
    assert user.compliance_level == "rejected"
    assert user.deposit_account_id is not None


async def test_an_older_event_that_comes_late_changes_nothing(calm_world: World) -> None:
    world = calm_world
    applicant_id = await session(world, "monotone-1")
    await decide(world, applicant_id, "GREEN")
    await world.settle()
    user = await user_of(world, applicant_id)
    assert user.level_at is not None
    late = await world.runtime.users.set_level(user.stored_id, "pending", user.level_at - timedelta(seconds=1))
    assert late.compliance_level == "verified"


@pytest.mark.parametrize("ssn", [REVIEWED, AWAITING])
async def test_it_waits_as_long_as_the_bank_reviews(calm_world: World, ssn: str) -> None:
    world = calm_world
    saga_id = await world.onboard(new_id("key"), ssn=ssn)
    await world.act()
    saga = await world.saga(saga_id)
    assert (saga.state, saga.status) == ("await:apply", "waiting")
    application_id = saga.results["apply"]["application_id"]
    path = f"/unit/sandbox/applications/{application_id}/approve"
    (await world.desk.post(path, headers={"Authorization": "Bearer any"})).raise_for_status()
    await world.settle()
    assert order_status(await world.saga(saga_id)) == "completed"


@pytest.mark.parametrize("operation", ["create_application", "create_account"])
@pytest.mark.parametrize("fault", ["timeout_after", "timeout_before", "error", "rate_limit"])
async def test_a_lost_answer_makes_no_second_customer_and_no_second_account(
    calm_world: World, operation: str, fault: str
) -> None:
    world = calm_world
    before = len(await applications(world))
    await world.dial(f"unit {operation}", fault)
    saga_id = await world.onboard(new_id("key"), ssn=APPROVED)
    await world.settle()
    assert order_status(await world.saga(saga_id)) == "completed"
    assert len(await applications(world)) == before + 1
    customer_id = (await world.saga(saga_id)).results["apply"]["customer_id"]
    listed = await world.desk.get(
        "/unit/accounts", params={"filter[customerId]": customer_id}, headers={"Authorization": "Bearer any"}
    )
    assert len(listed.json()["data"]) == 1


async def test_a_person_who_is_not_complete_ends_it_by_name(calm_world: World) -> None:
    saga_id = await calm_world.onboard(new_id("key"), ssn="")
    await calm_world.settle()
    saga = await calm_world.saga(saga_id)
    assert (order_status(saga), saga.reason) == ("rejected", "person-incomplete")


async def test_nothing_of_the_person_is_kept_or_logged(calm_world: World, capfd: pytest.CaptureFixture[str]) -> None:
    world = calm_world
    applicant_id = await session(world, "canary-1")
    canary = {"firstName": "Canaria", "lastName": "Zwitschernd", "tin": "987654329", "dob": "1977-07-17"}
    described = {"applicant_id": applicant_id, "info": canary}
    (await world.desk.post("/control/sumsub/person", json=described)).raise_for_status()
    await world.dial("unit create_application", "error")
    await decide(world, applicant_id, "GREEN")
    await world.settle()
    (saga,) = await onboardings(world, applicant_id)
    assert saga["status"] == "completed"
    handed_on = (await world.desk.get("/unit/customers", headers={"Authorization": "Bearer any"})).text
    assert "Zwitschernd" in handed_on
    kept = [
        json.dumps(document, default=json_util.default)
        for name in await world.runtime.database.list_collection_names()
        async for document in world.runtime.database[name].find({})
    ]
    said = capfd.readouterr()
    for secret in canary.values():
        assert not [each for each in kept if secret in each]
        assert secret not in said.out + said.err


async def test_a_shared_verification_counts_once_the_vendor_says_so(calm_world: World) -> None:
    world = calm_world
    body = {"external_user_id": "elsewhere-2"}
    token = (await world.desk.post("/control/sumsub/share-token", json=body)).json()["share_token"]
    answer = await post(world, "reuse-1", "/v1/kyc/share-tokens", {"share_token": token})
    assert answer.status_code == 200, answer.text
    assert answer.json()["compliance_level"] == "pending"
    await world.settle()
    user = await user_of(world, answer.json()["applicant_id"])
    assert user.compliance_level == "verified"
    assert user.deposit_account_id is not None
    refused = await post(world, "reuse-2", "/v1/kyc/share-tokens", {"share_token": token})
    assert (refused.status_code, refused.json()["code"]) == (422, "share-token-refused")
    assert token not in refused.text


async def test_money_moves_for_the_verified_whether_or_not_the_bank_has_an_account(
    calm_world: World, rich_ada: Customer
) -> None:
    await calm_world.runtime.database["users"].update_one(
        {"_id": stored_id(BOOK, rich_ada.user_id)}, {"$unset": {"deposit_account_id": "", "bank_customer_id": ""}}
    )
    saga_id = await calm_world.deposit(rich_ada)
    await calm_world.settle()
    assert order_status(await calm_world.saga(saga_id)) == "completed"
