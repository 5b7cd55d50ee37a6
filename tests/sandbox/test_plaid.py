from decimal import Decimal
from typing import Any

import httpx2
import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey

from app.clock import ManualClock, SystemClock
from app.sandbox import exact_json
from app.sandbox.config import SandboxConfig
from app.sandbox.plaid.notices import body_hash
from tests.sandbox.world import PLAID, UNIT, Wallet, dial, eventually, pay, payment, running

LINK = {
    "client_name": "Wallet",
    "language": "en",
    "country_codes": ["US"],
    "user": {"client_user_id": "user-1"},
    "products": ["auth"],
}


async def ask(client: httpx2.AsyncClient, path: str, body: dict[str, Any]) -> Any:
    answer = await client.post(f"/plaid{path}", json=body, headers=PLAID)
    assert answer.status_code == 200, answer.text
    return exact_json.read(answer.content)


async def public_token(client: httpx2.AsyncClient) -> str:
    asked = {"institution_id": "ins_109508", "initial_products": ["auth"]}
    return str((await ask(client, "/sandbox/public_token/create", asked))["public_token"])


async def access_token(client: httpx2.AsyncClient) -> str:
    exchanged = await ask(client, "/item/public_token/exchange", {"public_token": await public_token(client)})
    return str(exchanged["access_token"])


async def processor_token(client: httpx2.AsyncClient, account_id: str = "acc-checking") -> tuple[str, str]:
    token = await access_token(client)
    asked = {"access_token": token, "account_id": account_id, "processor": "unit"}
    return token, str((await ask(client, "/processor/token/create", asked))["processor_token"])


async def test_linking_a_bank_ends_in_a_token_that_unit_pays_with(client: httpx2.AsyncClient) -> None:
    assert (await ask(client, "/link/token/create", LINK))["link_token"].startswith("link-sandbox-")
    _, token = await processor_token(client)
    made = await pay(client, 5_000, counterparty=None, plaidProcessorToken=token, counterpartyName="Ada Doe")
    assert made["attributes"]["counterparty"]["name"] == "Ada Doe"
    assert made["attributes"]["counterparty"]["routingNumber"] == "011401533"


async def test_the_institution_has_two_accounts_with_exact_balances(client: httpx2.AsyncClient) -> None:
    token = await access_token(client)
    accounts = (await ask(client, "/accounts/get", {"access_token": token}))["accounts"]
    assert [(account["account_id"], account["mask"]) for account in accounts] == [
        ("acc-checking", "0000"),
        ("acc-savings", "1111"),
    ]
    assert accounts[0]["balances"]["available"] == Decimal("25000.00")
    numbers = (await ask(client, "/auth/get", {"access_token": token}))["numbers"]["ach"]
    assert {number["account_id"] for number in numbers} == {"acc-checking", "acc-savings"}


async def test_a_public_token_is_exchanged_once_and_within_30_minutes(config: SandboxConfig, wallet: Wallet) -> None:
    clock = ManualClock(SystemClock().now())
    async with running(config, wallet, clock) as client:
        used = await public_token(client)
        await ask(client, "/item/public_token/exchange", {"public_token": used})
        late = await public_token(client)
        clock.advance(30 * 60)
        for token in (used, late, "public-sandbox-unknown"):
            body = {"public_token": token}
            answer = await client.post("/plaid/item/public_token/exchange", json=body, headers=PLAID)
            assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PUBLIC_TOKEN")


@pytest.mark.parametrize(
    ("headers", "body", "welcome"),
    [
        ({}, {}, False),
        ({"PLAID-CLIENT-ID": "any"}, {}, False),
        ({}, {"client_id": "any", "secret": ""}, False),
        ({}, {"client_id": "any", "secret": "any"}, True),
        (PLAID, {}, True),
    ],
)
async def test_credentials_come_in_the_body_or_in_headers(
    client: httpx2.AsyncClient, headers: dict[str, str], body: dict[str, str], *, welcome: bool
) -> None:
    answer = await client.post("/plaid/link/token/create", json=LINK | body, headers=headers)
    assert answer.status_code == (200 if welcome else 400)
    assert welcome or answer.json()["error_code"] == "INVALID_API_KEYS"


async def test_a_reset_login_stops_the_item_and_the_payments_behind_it(client: httpx2.AsyncClient) -> None:
    access, processor = await processor_token(client)
    await ask(client, "/sandbox/item/reset_login", {"access_token": access})
    answer = await client.post("/plaid/accounts/get", json={"access_token": access}, headers=PLAID)
    assert (answer.status_code, answer.json()["error_type"]) == (400, "ITEM_ERROR")
    made = await pay(client, counterparty=None, plaidProcessorToken=processor, counterpartyName="Ada")
    assert (made["attributes"]["status"], made["attributes"]["reason"]) == ("Rejected", "PlaidLoginRequired")


async def test_a_balance_that_is_too_small_rejects_a_payment_that_asks_for_the_check(
    client: httpx2.AsyncClient,
) -> None:
    _, token = await processor_token(client, "acc-savings")
    linked: dict[str, Any] = {"counterparty": None, "plaidProcessorToken": token, "verifyCounterpartyBalance": True}
    assert (await pay(client, 20_000, **linked))["attributes"]["status"] == "Pending"
    rejected = (await pay(client, 20_001, **linked))["attributes"]
    assert (rejected["status"], rejected["reason"]) == ("Rejected", "CounterpartyInsufficientFunds")


async def test_a_processor_token_makes_a_counterparty_too(client: httpx2.AsyncClient) -> None:
    _, token = await processor_token(client)
    body = {"data": {"type": "achCounterparty", "attributes": {"name": "Ada", "plaidProcessorToken": token}}}
    made = (await client.post("/unit/counterparties", json=body, headers=UNIT)).json()["data"]
    asked = payment(counterparty=None)
    asked["data"]["relationships"]["counterparty"] = {"data": {"type": "counterparty", "id": made["id"]}}
    answer = await client.post("/unit/payments", json=asked, headers=UNIT)
    assert answer.json()["data"]["attributes"]["counterparty"]["name"] == "Ada"
    assert (await client.get(f"/unit/counterparties/{made['id']}", headers=UNIT)).json()["data"]["id"] == made["id"]


async def test_a_decline_is_an_item_error(client: httpx2.AsyncClient) -> None:
    await dial(client, "plaid", "create_processor_token", "decline")
    body = {"access_token": "x", "account_id": "acc-checking", "processor": "unit"}
    answer = await client.post("/plaid/processor/token/create", json=body, headers=PLAID)
    assert (answer.status_code, answer.json()["error_type"]) == (400, "ITEM_ERROR")
    assert answer.json()["display_message"]


def test_the_body_hash_fits_the_published_vector() -> None:
    body = b'{\n  "webhook_type": "ITEM",\n  "webhook_code": "ERROR",\n  "item_id": "item-1"\n}'
    assert body_hash(body) == "371de20fc84369cbccd012529903b97fb637450d7e7fa0f685f10bf19099e55b"


async def test_webhooks_are_proved_by_a_token_over_their_indented_bytes(
    client: httpx2.AsyncClient, wallet: Wallet
) -> None:
    token = await access_token(client)
    await ask(client, "/sandbox/item/fire_webhook", {"access_token": token, "webhook_code": "DEFAULT_UPDATE"})

    async def arrived() -> bool:
        return bool(wallet.received)

    await eventually(arrived)
    (received,) = wallet.received
    assert received.json()["webhook_code"] == "DEFAULT_UPDATE"
    assert b'\n  "webhook_type"' in received.body
    proof = received.headers["plaid-verification"]
    asked = {"key_id": jws.extract_compact(proof.encode()).headers()["kid"]}
    key = (await ask(client, "/webhook_verification_key/get", asked))["key"]
    claims = jwt.decode(proof, ECKey.import_key(key), algorithms=["ES256"]).claims
    assert claims["request_body_sha256"] == body_hash(received.body)
