"""Balances, statements and the trial balance at past instants, as a client asks for them."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from app.clock import ManualClock, rfc3339
from app.ids import derived_id, stored_id
from app.ledger import verbs
from app.ledger.accounts import system_account
from app.ledger.transactions import Transaction, credit, debit
from app.money import USD, Money
from app.runtime import Runtime
from app.wallets.opening import open_account
from tests.api.conftest import NOW
from tests.issuer import ISSUER, TENANT_CLAIM, Issuer

BOOK = "acme"
ALICE = derived_id("usr", ISSUER, "auth0|alice")
STEP = timedelta(minutes=5)


@pytest.fixture
def headers(issuer: Issuer) -> dict[str, str]:
    return issuer.authorization(**{TENANT_CLAIM: BOOK})


@pytest.fixture
def auditor(issuer: Issuer) -> dict[str, str]:
    return issuer.authorization(**{TENANT_CLAIM: BOOK}, permissions=["audit:read"])


@pytest.fixture
async def account_id(runtime: Runtime, clock: ManualClock) -> str:
    """An account that received 1.00, 2.00 and so on, five times, every five minutes; the last was five minutes ago."""
    account = await open_account(runtime.door, BOOK, ALICE, USD)
    bank = system_account(BOOK, "bank", USD)
    for number in range(1, 6):
        amount = Money(number * 100, USD)
        legs = (debit(bank, amount), credit(account, amount))
        await verbs.post(runtime.door, Transaction(stored_id(BOOK, f"txn_{number}"), "opening", legs))
        clock.advance(STEP.total_seconds())
    return account.id.partition("/")[2]


async def got(client: httpx2.AsyncClient, path: str, headers: Mapping[str, str], **asked: Any) -> dict[str, Any]:
    answer = await client.get(path, params=asked, headers=dict(headers))
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def test_a_statement_is_framed_by_its_balances(
    client: httpx2.AsyncClient, headers: dict[str, str], account_id: str
) -> None:
    period = {"from": rfc3339(NOW + STEP), "to": rfc3339(NOW + 3 * STEP)}
    told = await got(client, f"/v1/accounts/{account_id}/statement", headers, **period)
    assert (told["from"], told["to"]) == (period["from"], period["to"])
    assert (told["opening_balance"], told["closing_balance"], told["settled"]) == ("1.00", "6.00", True)
    assert [each["amount"] for each in told["items"]] == ["3.00", "2.00"]
    assert told["next_cursor"] is None


async def test_a_statement_without_a_period_is_of_everything_page_by_page(
    client: httpx2.AsyncClient, headers: dict[str, str], account_id: str
) -> None:
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        told = await got(client, f"/v1/accounts/{account_id}/statement", headers, limit=2, **cursor)
        assert (told["opening_balance"], told["closing_balance"], told["settled"]) == ("0.00", "15.00", False)
        seen.extend(each["balance_after"] for each in told["items"])
        if told["next_cursor"] is None:
            break
        cursor = {"cursor": told["next_cursor"]}
    assert seen == ["15.00", "10.00", "6.00", "3.00", "1.00"]


async def test_a_past_balance_is_told_with_whether_it_is_settled(
    client: httpx2.AsyncClient, headers: dict[str, str], account_id: str
) -> None:
    path = f"/v1/accounts/{account_id}/balance"
    past = await got(client, path, headers, at=rfc3339(NOW + 2 * STEP))
    assert (past["balance"], past["settled"]) == ("6.00", True)
    just_now = await got(client, path, headers, at=rfc3339(NOW + 5 * STEP))
    assert (just_now["balance"], just_now["settled"]) == ("15.00", False)


async def test_a_trial_balance_of_the_past_is_even(
    client: httpx2.AsyncClient, auditor: dict[str, str], account_id: str
) -> None:
    past = await got(client, "/v1/admin/ledger/trial-balance", auditor, at=rfc3339(NOW + STEP))
    (dollars,) = past["items"]
    assert dollars == {"currency": "USD", "accounts": 2, "debits": "3.00", "credits": "3.00", "balanced": True}
    assert past["settled"]
    now = await got(client, "/v1/admin/ledger/trial-balance", auditor)
    assert (now["items"][0]["debits"], now["settled"]) == ("15.00", False)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"from": rfc3339(NOW + STEP), "to": rfc3339(NOW)}, "invalid-request"),
        ({"from": "yesterday"}, "invalid-request"),
        ({"to": "2026-11-20T05:00:00"}, "invalid-request"),  # in whose zone?
        ({"to": "0001-01-01T00:00:00+05:00"}, "invalid-request"),  # before the first year in UTC
        ({"since": rfc3339(NOW)}, "invalid-request"),
        ({"cursor": "ZGVmYXVsdC9hY2Nfb3RoZXIjMQ"}, "malformed-request"),
    ],
)
async def test_a_period_that_makes_no_sense_is_refused(
    client: httpx2.AsyncClient, headers: dict[str, str], account_id: str, asked: dict[str, str], code: str
) -> None:
    answer = await client.get(f"/v1/accounts/{account_id}/statement", params=asked, headers=headers)
    assert answer.json()["code"] == code


async def test_the_statement_of_somebody_else_is_not_there(
    client: httpx2.AsyncClient, issuer: Issuer, account_id: str
) -> None:
    stranger = issuer.authorization(**{TENANT_CLAIM: "other"})
    answer = await client.get(f"/v1/accounts/{account_id}/statement", headers=stranger)
    assert (answer.status_code, answer.json()["code"]) == (404, "account-not-found")
