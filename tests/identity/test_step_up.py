"""Large amounts and stale sign-ins (RFC 9470, ASVS 10.3.4), as a drawn table and over HTTP."""

from collections.abc import AsyncIterator
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import pytest

from app.clock import ManualClock
from app.errors import AuthenticationInsufficient
from app.identity.step_up import Authentication, StepUp
from app.ids import new_id
from app.money import BTC, USD, Money
from tests.attacks.house import House, open_house
from tests.databases import Databases
from tests.world_fixtures import sandbox_book

__all__ = ["sandbox_book"]

NOW = datetime(2026, 11, 20, 5, tzinfo=UTC)
NOW_S = int(NOW.timestamp())
FRESH, STALE = NOW_S - 300, NOW_S - 301

# amount, when they signed in, how: whether it moves
TABLE: tuple[tuple[str, int | None, str, bool], ...] = (
    ("99.99 USD", None, "", True),
    ("99.99 USD", STALE, "pwd", True),
    ("100.00 USD", None, "mfa", False),
    ("100.00 USD", STALE, "mfa", False),
    ("100.00 USD", FRESH, "pwd", False),
    ("100.00 USD", FRESH, "", False),
    ("100.00 USD", FRESH, "mfa", True),
    ("100.00 USD", NOW_S, "phr", True),
    ("5000.00 USD", FRESH, "mfa", True),
    ("1.00000000 BTC", None, "", True),
)


@pytest.mark.parametrize(("amount", "at_s", "acr", "moves"), TABLE)
def test_an_amount_moves_or_asks_for_a_sign_in(amount: str, at_s: int | None, acr: str, moves: bool) -> None:  # noqa: FBT001 - a column
    step_up = StepUp(ManualClock(NOW), {"USD": Money(100_00, USD)}, acr_values=("mfa", "phr"))
    digits, code = amount.split()
    money = Money.parse(digits, {"USD": USD, "BTC": BTC}[code])
    with nullcontext() if moves else pytest.raises(AuthenticationInsufficient, match="fresh sign-in"):
        step_up.require(Authentication(at_s, acr), [Money(1, BTC), money])


@pytest.fixture(scope="module")
async def strict_house(
    mongodb_uri: str, redis_url: str, databases: Databases, sandbox_book: str
) -> AsyncIterator[House]:
    asked = {"amounts": {"USD": "50.00", "BTC": "0.01"}, "acr_values": ["mfa"]}
    async with (
        databases.lend() as database,
        open_house(mongodb_uri, redis_url, database.name, sandbox_book, step_up=asked) as house,
    ):
        yield house


async def orders(house: House, dollars: str, coins: str) -> dict[str, dict[str, Any]]:
    """Every way to move that much of Ada's."""
    ada = house.ada
    quote = await house.world.quote(ada, dollars, chain=None)
    sale = await house.world.quote_sale(ada, coins)
    between = {"source_account_id": ada.dollars_id, "destination_account_id": house.mallory.dollars_id}
    bank = {"account_id": ada.dollars_id, "bank_link_id": ada.bank_link_id, "amount": dollars}
    inside = {"type": "account", "account_id": ada.coins_id}
    address = {"chain": "bitcoin", "address": "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7"}
    return {
        "transfers": {**between, "amount": dollars, "currency": "USD"},
        "deposits": bank,
        "withdrawals": bank,
        "purchases": {
            "quote_id": quote,
            "funding": {"type": "account", "account_id": ada.dollars_id},
            "destination": inside,
        },
        "sales": {
            "quote_id": sale,
            "source_account_id": ada.coins_id,
            "destination": {"type": "account", "account_id": ada.dollars_id},
        },
        "crypto-withdrawals": {"account_id": ada.coins_id, "amount": coins, **address},
    }


ROUTES = ("transfers", "deposits", "withdrawals", "purchases", "sales", "crypto-withdrawals")


@pytest.mark.parametrize("route", ROUTES)
async def test_every_order_of_a_large_amount_asks_for_a_fresh_sign_in(route: str, strict_house: House) -> None:
    house = strict_house
    body, key = (await orders(house, "60.00", "0.02"))[route], {"Idempotency-Key": new_id("key")}
    refused = await house.ask("POST", f"/v1/{route}", by="ada", json=body, headers=key)
    assert (refused.status_code, refused.json()["code"]) == (401, "insufficient-user-authentication")
    assert refused.headers["WWW-Authenticate"] == (
        'Bearer error="insufficient_user_authentication", max_age="300", acr_values="mfa"'
    )

    signed_in_now = {"auth_time": int(house.world.clock.now().timestamp()), "acr": "mfa"}
    fresh = {"Authorization": f"Bearer {await house.token('ada', claims=signed_in_now)}", **key}
    moved = await house.ask("POST", f"/v1/{route}", by="ada", json=body, headers=fresh)
    assert moved.is_success, moved.text


@pytest.mark.parametrize("route", ROUTES)
async def test_a_small_one_does_not(route: str, strict_house: House) -> None:
    body = (await orders(strict_house, "20.00", "0.0001"))[route]
    moved = await strict_house.ask("POST", f"/v1/{route}", by="ada", json=body)

    assert moved.is_success, moved.text


async def test_a_batch_counts_altogether(strict_house: House) -> None:
    house = strict_house
    between = {"source_account_id": house.ada.dollars_id, "destination_account_id": house.mallory.dollars_id}
    items = [{**between, "amount": "25.00", "currency": "USD"} for _ in range(2)]
    path, key = "/v1/admin/transfers/batch", {"Idempotency-Key": new_id("key")}
    refused = await house.ask("POST", path, json={"items": items}, headers=key)
    small = await house.ask("POST", path, json={"items": items[:1]})
    signed_in_now = {"auth_time": int(house.world.clock.now().timestamp()), "acr": "mfa"}
    fresh = {"Authorization": f"Bearer {await house.token('mallory', claims=signed_in_now)}", **key}
    moved = await house.ask("POST", path, json={"items": items}, headers=fresh)

    assert (refused.status_code, refused.json()["code"]) == (401, "insufficient-user-authentication")
    assert [answer.json()["posted"] for answer in (small, moved)] == [1, 2]


async def test_a_refund_of_much_asks_for_a_fresh_sign_in_too(strict_house: House) -> None:
    house = strict_house
    signed_in_now = {"auth_time": int(house.world.clock.now().timestamp()), "acr": "mfa"}
    fresh = {"Authorization": f"Bearer {await house.token('ada', claims=signed_in_now)}"}
    between = {"source_account_id": house.ada.dollars_id, "destination_account_id": house.mallory.dollars_id}
    paid = await house.ask(
        "POST", "/v1/transfers", json={**between, "amount": "60.00", "currency": "USD"}, headers=fresh
    )
    path, asked = f"/v1/admin/transactions/{paid.json()['id']}/refunds", {"currency": "USD", "reason": "asked for"}
    answers = [
        await house.ask("POST", path, json={**asked, "amount": amount}, headers=headers)
        for amount, headers in (("50.00", {}), ("10.00", {}), ("50.00", fresh))
    ]

    assert [answer.status_code for answer in answers] == [401, 201, 201]
