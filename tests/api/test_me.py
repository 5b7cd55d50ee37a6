from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

import httpx2

from app.compliance.kyc import Reviews, apply_review
from app.identity.store import Users
from app.ids import derived_id
from app.providers.ports import Review, VerifiesPeople
from app.runtime import Runtime
from tests.issuer import ISSUER, TENANT_CLAIM, Issuer

ALICE = derived_id("usr", ISSUER, "auth0|alice")


async def test_a_caller_learns_who_they_are(client: httpx2.AsyncClient, issuer: Issuer) -> None:
    answer = await client.get("/v1/me", headers=issuer.authorization(**{TENANT_CLAIM: "acme"}))

    assert answer.status_code == 200
    assert answer.json() == {
        "user_id": ALICE,
        "tenant_id": "acme",
        "compliance_level": "none",
        "permissions": ["wallet:read", "wallet:transact"],
    }


async def test_a_kyc_session_is_started_once_and_resumed_ever_after(
    client: httpx2.AsyncClient, issuer: Issuer, runtime: Runtime
) -> None:
    headers = issuer.authorization(**{TENANT_CLAIM: "acme"})

    first = await client.post("/v1/kyc/sessions", headers=headers)
    second = await client.post("/v1/kyc/sessions", headers=headers)

    assert first.json() == {
        "applicant_id": "applicant-1",
        "sdk_token": f"sdk-acme.{ALICE}",
        "expires_at": "2026-11-20T05:10:00.000Z",
    }
    assert second.json()["applicant_id"] == "applicant-1"
    me = await client.get("/v1/me", headers=headers)
    assert me.json()["compliance_level"] == "pending"


async def test_a_review_decides_the_level_and_an_older_one_changes_nothing(
    client: httpx2.AsyncClient, issuer: Issuer, runtime: Runtime
) -> None:
    headers = issuer.authorization(**{TENANT_CLAIM: "acme"})
    await client.post("/v1/kyc/sessions", headers=headers)
    noon, morning = datetime(2026, 11, 20, 12, tzinfo=UTC), datetime(2026, 11, 20, 8, tzinfo=UTC)

    await apply_review(Review("applicant-1", f"acme.{ALICE}", "verified"), runtime.users, noon)
    await apply_review(Review("applicant-1", f"acme.{ALICE}", "rejected"), runtime.users, morning)

    me = await client.get("/v1/me", headers=headers)
    assert me.json()["compliance_level"] == "verified"


async def test_of_two_events_of_one_moment_the_verdict_stands_whichever_is_written_last(
    client: httpx2.AsyncClient, issuer: Issuer, runtime: Runtime
) -> None:
    headers = issuer.authorization(**{TENANT_CLAIM: "acme"})
    await client.post("/v1/kyc/sessions", headers=headers)
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)

    for level in ("verified", "pending"):  # read before the verdict, and written after it
        await apply_review(Review("applicant-1", f"acme.{ALICE}", level), runtime.users, noon)

    me = await client.get("/v1/me", headers=headers)
    assert me.json()["compliance_level"] == "verified"


async def test_a_review_that_is_opened_again_takes_the_permission_away(
    client: httpx2.AsyncClient, issuer: Issuer, runtime: Runtime
) -> None:
    headers = issuer.authorization(**{TENANT_CLAIM: "acme"})
    await client.post("/v1/kyc/sessions", headers=headers)
    noon, evening = datetime(2026, 11, 20, 12, tzinfo=UTC), datetime(2026, 11, 20, 18, tzinfo=UTC)

    await apply_review(Review("applicant-1", f"acme.{ALICE}", "verified"), runtime.users, noon)
    await apply_review(Review("applicant-1", f"acme.{ALICE}", "none"), runtime.users, evening)

    me = await client.get("/v1/me", headers=headers)
    assert me.json()["compliance_level"] == "pending"


class OvertakenPeople:
    """The vendor's answer is on its way while its own event of a verdict is read, noted, and done with."""

    def __init__(self, users: Users, at: datetime) -> None:
        self._users = users
        self._at = at

    async def review(self, applicant_id: str) -> Review:
        answer = Review(applicant_id, f"acme.{ALICE}", "pending")
        await apply_review(replace(answer, level="verified"), self._users, self._at)
        return answer


async def test_an_answer_that_a_verdict_has_overtaken_takes_nothing_back(
    client: httpx2.AsyncClient, issuer: Issuer, runtime: Runtime
) -> None:
    headers = issuer.authorization(**{TENANT_CLAIM: "acme"})
    await client.post("/v1/kyc/sessions", headers=headers)
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    await apply_review(Review("applicant-1", f"acme.{ALICE}", "pending"), runtime.users, noon)
    people = cast("VerifiesPeople", OvertakenPeople(runtime.users, noon))

    seen = await Reviews(people, runtime.users).fetch("applicant-1")

    assert seen is not None
    assert seen.level == "pending"
    me = await client.get("/v1/me", headers=headers)
    assert me.json()["compliance_level"] == "verified"


async def test_an_event_that_a_look_has_overtaken_is_looked_into_again(
    client: httpx2.AsyncClient, issuer: Issuer, runtime: Runtime
) -> None:
    """The look counts as of the last decision known, which is before the event; it has seen more all the same."""
    headers = issuer.authorization(**{TENANT_CLAIM: "acme"})
    await client.post("/v1/kyc/sessions", headers=headers)
    known, noon = await runtime.users.by_applicant("applicant-1"), datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert known is not None
    stale = Review("applicant-1", f"acme.{ALICE}", "pending")
    await runtime.users.set_level(known.stored_id, "verified", known.created_at, over=("pending",))

    assert await apply_review(stale, runtime.users, noon, known) is None

    me = await client.get("/v1/me", headers=headers)
    assert me.json()["compliance_level"] == "verified"


async def test_a_review_of_nobody_we_know_is_told_apart(runtime: Runtime) -> None:
    when = datetime(2026, 11, 20, 12, tzinfo=UTC)
    for reference in ("acme.usr_nobody", "no reference of ours", ""):
        assert await apply_review(Review("applicant-9", reference, "verified"), runtime.users, when) is None
