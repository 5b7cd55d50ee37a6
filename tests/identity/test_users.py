import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from app.clock import ManualClock
from app.errors import Missing
from app.identity.principals import Principal
from app.identity.store import COLLECTIONS, Users
from app.identity.users import stored_id_of
from app.ids import derived_id
from app.plumbing.collections import ensure_collections

NOW = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)


def person(subject: str, tenant: str = "default") -> Principal:
    issuer = "https://issuer.test/"
    return Principal(derived_id("usr", issuer, subject), tenant, issuer, subject, frozenset())


@pytest.fixture
async def users(database: AsyncDatabase[dict[str, Any]]) -> Users:
    await ensure_collections(database, COLLECTIONS)
    return Users(database, ManualClock(NOW))


async def test_twenty_first_requests_at_once_make_one_user(
    users: Users, database: AsyncDatabase[dict[str, Any]]
) -> None:
    made = await asyncio.gather(*(users.get_or_create(person("alice")) for _ in range(20)))

    assert len(set(made)) == 1
    assert await database["users"].count_documents({}) == 1
    assert (made[0].compliance_level, made[0].created_at, made[0].version) == ("none", NOW, 1)


async def test_a_user_is_found_in_their_tenant_only(users: Users) -> None:
    alice = await users.get_or_create(person("alice", "acme"))

    assert await users.get("acme", alice.user_id) == alice
    assert await users.get("globex", alice.user_id) is None


LEVELS = [
    # decided at (minutes), level, then what is known
    (10, "pending", "pending"),
    (30, "verified", "verified"),
    (20, "rejected", "verified"),
    (30, "verified", "verified"),
    (40, "rejected", "rejected"),
    (39, "verified", "rejected"),
]


async def test_an_older_decision_never_overwrites_a_newer_one(users: Users) -> None:
    alice = await users.get_or_create(person("alice"))
    for minutes, level, known in LEVELS:
        user = await users.set_level(alice.stored_id, level, NOW + timedelta(minutes=minutes))  # type: ignore[arg-type]
        assert user.compliance_level == known


async def test_starting_again_keeps_a_level_that_was_decided(users: Users) -> None:
    alice = await users.get_or_create(person("alice"))
    assert (await users.start_verification(alice.stored_id, "a-1")).compliance_level == "pending"
    await users.set_level(alice.stored_id, "verified", NOW)

    again = await users.start_verification(alice.stored_id, "a-1")

    assert (again.compliance_level, again.applicant_id) == ("verified", "a-1")
    assert await users.by_applicant("a-1") == again


async def test_an_applicant_belongs_to_one_user(users: Users) -> None:
    alice, bob = [await users.get_or_create(person(name)) for name in ("alice", "bob")]
    await users.start_verification(alice.stored_id, "$literal")

    with pytest.raises(DuplicateKeyError):
        await users.start_verification(bob.stored_id, "$literal")


async def test_nobody_is_made_up_by_a_level(users: Users) -> None:
    with pytest.raises(Missing):
        await users.set_level("default/usr_nobody", "verified", NOW)
    with pytest.raises(Missing):
        await users.start_verification("default/usr_nobody", "a-1")


async def test_a_reference_leads_back_to_the_user(users: Users) -> None:
    alice = await users.get_or_create(person("alice", "acme"))

    assert stored_id_of(alice.reference) == alice.stored_id


@pytest.mark.parametrize("reference", ["", "usr_a", "acme.", ".usr_a", "ACME.usr_a", "acme.acc_a", "a/b.usr_a"])
def test_what_is_no_reference_leads_nowhere(reference: str) -> None:
    assert stored_id_of(reference) is None
