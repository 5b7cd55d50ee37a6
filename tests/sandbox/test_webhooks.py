import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator

import httpx2
import pytest

from app.clock import ManualClock, SystemClock
from app.sandbox import webhooks
from app.sandbox.config import SandboxConfig
from app.sandbox.shifted_clock import ShiftedClock
from app.sandbox.store import Store
from app.sandbox.unit.events import joined
from app.sandbox.webhooks import ATTEMPTS_MAX, BACKOFF_MAX_S, TOGETHER_MAX, Joined, Sender, Webhooks
from tests.sandbox.world import (
    Wallet,
    always,
    eventually,
    pay,
    payment_in,
    running,
    send_bitcoin,
)


async def set_mode(client: httpx2.AsyncClient, mode: str, **more: int) -> None:
    answer = await client.post("/control/webhooks", json={"vendor": "unit", "mode": mode, **more})
    assert answer.status_code == 200, answer.text


async def told(wallet: Wallet, count: int) -> list[str]:
    async def enough() -> bool:
        return len(wallet.unit_events()) >= count

    await eventually(enough)
    return wallet.unit_events()


async def test_bodies_are_compact_and_signed_over_their_raw_bytes(client: httpx2.AsyncClient, wallet: Wallet) -> None:
    await pay(client, tags={"name": "Zoë"})
    await send_bitcoin(client)

    async def both() -> bool:
        return bool(wallet.events("unit") and wallet.events("tatum"))

    await eventually(both)
    for received in wallet.received:
        assert b'": ' not in received.body
        name, secret, algorithm = {
            "unit": ("x-unit-signature", b"unit-secret-1", hashlib.sha1),
            "tatum": ("x-payload-hash", b"tatum-hmac-1", hashlib.sha512),
        }[received.vendor]
        expected = base64.b64encode(hmac.digest(secret, received.body, algorithm)).decode()
        assert received.headers[name] == expected
    assert "Zoë".encode() in wallet.received[0].body


@pytest.mark.parametrize("status", [500, 404, 202])
async def test_a_webhook_is_sent_again_until_it_is_answered_with_200(
    client: httpx2.AsyncClient, wallet: Wallet, status: int
) -> None:
    wallet.webhook_status = status
    made = await pay(client)
    await payment_in(client, made["id"], "Sent")
    assert wallet.unit_events() == []
    wallet.webhook_status = 200
    assert sorted(await told(wallet, 3)) == ["payment.clearing", "payment.created", "payment.sent"]
    await always(lambda: len(wallet.unit_events()) == 3, for_s=0.3)


async def test_duplicated_webhooks_arrive_twice_with_one_id(client: httpx2.AsyncClient, wallet: Wallet) -> None:
    await set_mode(client, "duplicate")
    await pay(client, 10_023)
    assert await told(wallet, 2) == ["payment.created", "payment.created"]
    first, second = wallet.events("unit")
    assert first == second


async def test_reordered_webhooks_overtake_each_other(client: httpx2.AsyncClient, wallet: Wallet) -> None:
    await set_mode(client, "reorder")
    await pay(client)
    assert (await told(wallet, 2))[:2] == ["payment.clearing", "payment.created"]


async def test_dropped_webhooks_never_arrive(client: httpx2.AsyncClient, wallet: Wallet) -> None:
    await set_mode(client, "drop")
    made = await pay(client)
    await payment_in(client, made["id"], "Sent")
    await set_mode(client, "normal")
    await pay(client, 10_023)
    assert await told(wallet, 1) == ["payment.created"]


async def test_delayed_webhooks_arrive_when_their_time_has_come(config: SandboxConfig, wallet: Wallet) -> None:
    clock = ManualClock(SystemClock().now())
    async with running(config, wallet, clock) as client:
        await set_mode(client, "delay", delay_ms=60_000)
        await pay(client, 10_023)
        await always(lambda: not wallet.received, for_s=0.2)
        clock.advance(60)
        assert await told(wallet, 1) == ["payment.created"]


async def test_a_webhook_nobody_answers_is_given_up_in_the_end(config: SandboxConfig, wallet: Wallet) -> None:
    clock = ManualClock(SystemClock().now())
    wallet.webhook_status = 500
    async with running(config, wallet, clock) as client:
        await pay(client, 10_023)

        async def given_up() -> bool:
            clock.advance(BACKOFF_MAX_S)
            return wallet.attempts == ATTEMPTS_MAX

        await eventually(given_up)
        wallet.webhook_status = 200
        clock.advance(BACKOFF_MAX_S)
        await always(lambda: not wallet.received, for_s=0.2)


@pytest.fixture
async def outbox(config: SandboxConfig) -> AsyncIterator[Webhooks]:
    """What waits in it goes out when a test says so."""
    store = Store(config.mongodb_uri, config.database)
    await store.open({webhooks.COLLECTION: webhooks.INDEXES}, SystemClock().now())
    yield Webhooks(store, ShiftedClock(SystemClock(), store), tick_s=0.1)
    await store.close()


async def deliver(outbox: Webhooks, wallet: Wallet, vendor: str, joined: Joined | None = None) -> None:
    async def sign(_body: bytes) -> dict[str, str]:
        return {}

    sender = Sender(f"http://wallet/webhooks/{vendor}", "application/json", sign, joined)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=wallet.application())) as http, asyncio.timeout(5):
        await outbox.deliver_due(vendor, sender, http)


async def test_webhooks_do_not_wait_for_one_another(outbox: Webhooks, wallet: Wallet) -> None:
    wallet.together = asyncio.Barrier(3)
    for number in range(3):
        await outbox.post("tatum", f'{{"number":{number}}}')
    await deliver(outbox, wallet, "tatum")
    assert sorted(each["number"] for each in wallet.events("tatum")) == [0, 1, 2]


async def test_the_bank_delivers_together_what_waits_and_nothing_twice_in_one(outbox: Webhooks, wallet: Wallet) -> None:
    for number in (*range(TOGETHER_MAX + 1), TOGETHER_MAX):
        await outbox.post("unit", f"{number}")
    await deliver(outbox, wallet, "unit", joined)
    together, *others = [body["data"] for body in wallet.events("unit")]
    assert together == list(range(TOGETHER_MAX))
    assert others == [[TOGETHER_MAX]] * 2


async def test_another_hmac_secret_signs_from_then_on(client: httpx2.AsyncClient, wallet: Wallet) -> None:
    chosen = await client.put("/tatum/v4/subscription", json={"hmacSecret": "other"}, headers={"x-api-key": "k"})
    assert chosen.status_code == 204
    await send_bitcoin(client)

    async def arrived() -> bool:
        return bool(wallet.events("tatum"))

    await eventually(arrived)
    received = wallet.received[0]
    expected = base64.b64encode(hmac.digest(b"other", received.body, hashlib.sha512)).decode()
    assert received.headers["x-payload-hash"] == expected
