import asyncio
import base64
import hashlib
import hmac

import httpx2
import pytest

from app.clock import ManualClock, SystemClock
from app.sandbox.config import SandboxConfig
from app.sandbox.webhooks import ATTEMPTS_MAX, BACKOFF_MAX_S
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


async def test_webhooks_do_not_wait_for_one_another(client: httpx2.AsyncClient, wallet: Wallet) -> None:
    wallet.together = asyncio.Barrier(3)
    await asyncio.gather(*(pay(client, 10_023) for _ in range(3)))
    assert await told(wallet, 3) == ["payment.created"] * 3


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
