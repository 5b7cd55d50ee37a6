"""Who is verified is remembered for some seconds; who is not is asked for again every time."""

from datetime import UTC, datetime
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from app.clock import ManualClock
from app.identity.principals import DEFAULT_TENANT, Principal
from app.identity.store import Users

NOW = datetime(2026, 11, 20, 5, tzinfo=UTC)
ADA = Principal("usr_ada", DEFAULT_TENANT, "https://issuer.test/", "auth0|ada", frozenset())


async def test_a_verification_takes_effect_at_once_and_its_end_within_seconds(
    database: AsyncDatabase[dict[str, Any]],
) -> None:
    clock = ManualClock(NOW)
    here, elsewhere = Users(database, clock), Users(database, clock)
    assert (await here.caller(ADA)).compliance_level == "none"
    await elsewhere.set_level(ADA.stored_user_id, "verified", NOW)
    assert (await here.caller(ADA)).compliance_level == "verified"

    clock.advance(1)
    await elsewhere.set_level(ADA.stored_user_id, "rejected", clock.now())
    assert (await here.caller(ADA)).compliance_level == "verified"
    clock.advance(10)
    assert (await here.caller(ADA)).compliance_level == "rejected"


async def test_what_this_process_decided_it_knows_at_once(database: AsyncDatabase[dict[str, Any]]) -> None:
    clock = ManualClock(NOW)
    users = Users(database, clock)
    await users.caller(ADA)
    for level in ("verified", "rejected"):
        clock.advance(0.001)
        await users.set_level(ADA.stored_user_id, level, clock.now())
        found = await users.recent(ADA.tenant, ADA.user_id)
        assert found is not None
        assert found.compliance_level == level
