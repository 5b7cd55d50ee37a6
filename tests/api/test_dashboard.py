"""The dashboard shows what answers; what is slow or broken is named, and holds up nothing else."""

from time import perf_counter
from typing import Any

import pytest

from app.money import BTC, Money
from tests.world_fixtures import busy_world, sandbox_book
from tests.worlds import Customer, World

__all__ = ["busy_world", "sandbox_book"]

BUDGET_S = 1.0
SLOW_S = 4.0
SOURCES = {"fiat", "crypto", "ledger", "history"}


@pytest.fixture(scope="module")
def timings() -> dict[str, float]:
    return {"dashboard_budget_s": BUDGET_S}


@pytest.fixture(scope="module")
async def ada(busy_world: World) -> Customer:
    """Of whom the bank knows enough to open an account."""
    headers = await busy_world.signed_in("ada")
    session = (await busy_world.api.post("/v1/kyc/sessions", json={}, headers=headers)).json()
    described = {"applicant_id": session["applicant_id"], "info": {"tin": "912345678"}}
    (await busy_world.desk.post("/control/sumsub/person", json=described)).raise_for_status()
    customer = await busy_world.customer("ada")
    await busy_world.settle()
    return customer


async def dashboard(world: World, customer: Customer) -> dict[str, Any]:
    answer = await world.api.get("/v1/dashboard", headers=await world.signed_in(customer.name))
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    assert shown.keys() == SOURCES
    return shown


def unavailable(shown: dict[str, Any]) -> set[str]:
    return {source for source, told in shown.items() if told == {"status": "unavailable"}}


@pytest.fixture(scope="module")
async def settled(busy_world: World, ada: Customer) -> Customer:
    """Ada with an account at the bank, an address, and a pull that has settled. The tests only look at it."""
    rich = await busy_world.with_new_accounts(ada, "500.00")
    await busy_world.deposit(rich, "25.00")
    await busy_world.settle()
    account_id = await busy_world.with_coins(rich, Money(1_000, BTC))
    await busy_world.receiving_address(account_id, "bitcoin")
    return rich


@pytest.fixture
async def quiet_world(busy_world: World) -> World:
    """The world with nothing going wrong yet. Nobody waits for a third party that is still slow: it is only read."""
    (await busy_world.desk.delete("/control/faults")).raise_for_status()
    busy_world.clock.advance(60)  # whoever was silent in the test before is asked again
    return busy_world


async def test_every_source_is_shown(quiet_world: World, settled: Customer) -> None:
    shown = await dashboard(quiet_world, settled)
    assert unavailable(shown) == set()
    [account] = shown["fiat"]["items"]
    assert account.keys() == {"mask", "status", "currency", "available"}
    assert (account["status"], account["currency"], account["available"]) == ("open", "USD", "0.00")
    assert {(each["chain"], each["currency"]) for each in shown["crypto"]["items"]} == {("bitcoin", "BTC")}
    assert {each["currency"] for each in shown["ledger"]["items"]} >= {"USD", "BTC"}
    assert 0 < len(shown["history"]["items"]) <= 10


@pytest.mark.parametrize(("call", "source"), [("unit get_account", "fiat"), ("tatum balance", "crypto")])
@pytest.mark.parametrize("fault", ["error", "rate_limit", "timeout_before", "timeout_after", "late", "slow"])
async def test_a_broken_source_is_named_and_the_rest_is_served(
    quiet_world: World, settled: Customer, call: str, source: str, fault: str
) -> None:
    await quiet_world.dial(call, fault, times=20, delay_ms=int(SLOW_S * 1_000))
    began = perf_counter()
    shown = await dashboard(quiet_world, settled)
    assert perf_counter() - began < SLOW_S - 1.0
    assert unavailable(shown) == {source}
    assert shown["ledger"]["items"]


async def test_a_customer_of_nothing_yet_sees_four_empty_sources(quiet_world: World) -> None:
    stranger = await quiet_world.signed_in("dashboard-stranger")
    shown = (await quiet_world.api.get("/v1/dashboard", headers=stranger)).json()
    assert shown == {source: {"status": "ok", "items": []} for source in SOURCES}


async def test_others_see_nothing_of_it(quiet_world: World, settled: Customer) -> None:
    own = await dashboard(quiet_world, settled)
    stranger = await quiet_world.signed_in("dashboard-stranger")
    shown = (await quiet_world.api.get("/v1/dashboard", headers=stranger)).text
    assert not any(each["id"] in shown for each in own["ledger"]["items"])
