from app.clock import ManualClock, SystemClock
from app.sandbox.config import SandboxConfig
from tests.sandbox.world import Wallet, book, dial, eventually, pay, payment_in, running, send_bitcoin


async def test_a_payment_continues_where_the_sandbox_was_stopped(config: SandboxConfig, wallet: Wallet) -> None:
    clock = ManualClock(SystemClock().now())
    async with running(config, wallet, clock) as client:
        made = await pay(client, idempotencyKey="key-1")
    clock.advance(60)
    async with running(config, wallet, clock) as client:
        assert (await pay(client, idempotencyKey="key-1"))["id"] == made["id"]
        await payment_in(client, made["id"], "Clearing")
        clock.advance(60)
        await payment_in(client, made["id"], "Sent")


async def test_a_send_continues_where_the_sandbox_was_stopped(config: SandboxConfig, wallet: Wallet) -> None:
    wallet.approval_status = 404
    async with running(config, wallet) as client:
        pending_id = await send_bitcoin(client)
    wallet.approval_status = 200
    async with running(config, wallet) as client:

        async def completed() -> bool:
            return any(told.get("signatureId") == pending_id for told in wallet.events("tatum"))

        await eventually(completed)
        assert len((await book(client, "tatum"))["transactions"]) == 1


async def test_webhooks_wait_for_a_wallet_that_is_down_over_a_restart(config: SandboxConfig, wallet: Wallet) -> None:
    wallet.webhook_status = 503
    async with running(config, wallet) as client:
        await pay(client, 10_023)
    wallet.webhook_status = 200
    async with running(config, wallet):

        async def arrived() -> bool:
            return wallet.unit_events() == ["payment.created"]

        await eventually(arrived)


async def test_faults_and_the_shifted_clock_are_remembered(config: SandboxConfig, wallet: Wallet) -> None:
    clock = ManualClock(SystemClock().now())
    async with running(config, wallet, clock) as client:
        await dial(client, "unit", "get_payment", "error", times=2)
        moved = (await client.post("/control/clock", json={"advance_s": 86_400})).json()["now"]
    async with running(config, wallet, clock) as client:
        assert (await client.post("/control/clock", json={"advance_s": 0})).json()["now"] == moved
        (fault,) = (await client.get("/control/faults")).json()["items"]
        assert (fault["operation"], fault["left"]) == ("get_payment", 2)
        assert (await client.post("/control/reset")).status_code == 204
        assert (await client.get("/control/faults")).json()["items"] == []
        assert (await client.post("/control/clock", json={"advance_s": 0})).json()["now"] < moved


async def test_ids_never_repeat_after_a_reset(config: SandboxConfig, wallet: Wallet) -> None:
    async with running(config, wallet) as client:
        before = (await pay(client, 10_023))["id"]
        await client.post("/control/reset")
        assert (await book(client, "unit"))["payments"] == []
        assert int((await pay(client, 10_023))["id"]) > int(before)
