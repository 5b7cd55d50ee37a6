"""A tenant's customers meet the assets it offers, and no others."""

from collections.abc import Mapping
from dataclasses import replace

import httpx2
import pytest

from app.compliance.kyc import apply_review
from app.ids import derived_id
from app.main import create_app
from app.money import USD
from app.providers.ports import Review
from app.runtime import Runtime
from app.wallets.offered import Offered
from app.wallets.opening import open_account
from tests.api.conftest import NOW
from tests.issuer import ISSUER, TENANT_CLAIM, Issuer

ALICE = derived_id("usr", ISSUER, "auth0|alice")
BY_TENANT = {"acme": ["KWD", "ETH"]}


@pytest.fixture
async def client(runtime: Runtime) -> httpx2.AsyncClient:
    """The API of a product whose tenants offer BTC, but for acme."""
    application = create_app(replace(runtime, offered=Offered(["BTC"], BY_TENANT)))
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=application), base_url="http://wallet.test")


async def opened(client: httpx2.AsyncClient, headers: Mapping[str, str], currency: str) -> tuple[int, str]:
    answer = await client.post("/v1/accounts", json={"currency": currency}, headers=dict(headers))
    told = answer.json()
    return answer.status_code, told.get("balance") or told["code"]


async def test_each_tenant_opens_accounts_in_what_it_offers(client: httpx2.AsyncClient, issuer: Issuer) -> None:
    acme, other = ({**issuer.authorization(**{TENANT_CLAIM: tenant})} for tenant in ("acme", "other"))
    assert await opened(client, acme, "KWD") == (201, "0.000")
    assert await opened(client, acme, "ETH") == (201, "0.000000000000000000")
    assert await opened(client, other, "BTC") == (201, "0.00000000")
    for headers, currency in ((acme, "BTC"), (acme, "USD"), (other, "KWD"), (other, "XXX")):
        assert await opened(client, headers, currency) == (422, "unknown-currency")


async def test_what_a_tenant_offers_no_longer_is_neither_moved_nor_quoted_but_can_be_seen(
    client: httpx2.AsyncClient, issuer: Issuer, runtime: Runtime
) -> None:
    headers = issuer.authorization(**{TENANT_CLAIM: "acme"})
    await client.post("/v1/kyc/sessions", headers=headers)
    await apply_review(Review("applicant-1", f"acme.{ALICE}", "verified"), runtime.users, NOW)
    accounts = [await open_account(runtime.door, "acme", ALICE, USD) for _ in range(2)]
    source, destination = (account.id.partition("/")[2] for account in accounts)
    transfer = {
        "source_account_id": source,
        "destination_account_id": destination,
        "amount": "1.00",
        "currency": "USD",
    }
    quote = {"side": "buy", "base": "ETH", "quote_currency": "USD", "amount": "1.00"}
    for path, body in (("/v1/transfers", transfer), ("/v1/quotes", quote)):
        answer = await client.post(path, json=body, headers={**headers, "Idempotency-Key": "one"})
        assert (answer.status_code, answer.json()["code"]) == (422, "unknown-currency")
    seen = await client.get(f"/v1/accounts/{source}", headers=headers)
    assert seen.json()["balance"] == "0.00"
