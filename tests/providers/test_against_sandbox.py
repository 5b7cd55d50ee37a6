"""The adapters against the sandbox over loopback: two readings of the same documentation must meet on the wire."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx2
import pytest
import uvicorn
from pydantic import SecretStr

from app.clock import SystemClock
from app.money import BTC, USD, Money
from app.providers.chain_ports import CoinOrder, Paid
from app.providers.events import WebhookEvent
from app.providers.outcomes import Declined, OutcomeUnknown
from app.providers.ports import AchOrder, PaymentStatus
from app.providers.registry import Providers, open_providers
from app.providers.sumsub.webhooks import read_events as read_sumsub
from app.providers.tatum.webhooks import read_events as read_tatum
from app.providers.unit.webhooks import read_events as read_unit
from app.sandbox.config import SandboxConfig
from app.sandbox.serve import create_sandbox, server_config
from app.settings import Settings, load
from tests.sandbox.world import Wallet, eventually

READERS = {"unit": read_unit, "tatum": read_tatum, "sumsub": read_sumsub}
RECEIVER = "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7"
TIMEOUT_S = 2.0
DROPPED_AFTER_MS = 50


@dataclass(frozen=True, slots=True)
class World:
    """Our adapters, the sandbox's control desk, and what the wallet's webhooks have heard."""

    providers: Providers
    desk: httpx2.AsyncClient
    wallet: Wallet
    settings: Settings

    def heard(self, vendor: str) -> list[WebhookEvent]:
        """The vendor's deliveries so far, each verified as the product does."""
        secret: SecretStr = getattr(self.settings, f"{vendor}_webhook_secret")
        deliveries = [each for each in self.wallet.received if each.vendor == vendor]
        return [event for each in deliveries for event in READERS[vendor](each.body, each.headers, [secret])]

    async def dial(self, vendor: str, operation: str, fault: str, times: int = 1) -> None:
        body = {"vendor": vendor, "operation": operation, "fault": fault, "times": times}
        if fault in {"timeout_before", "late"}:
            body["delay_ms"] = DROPPED_AFTER_MS
        (await self.desk.post("/control/faults", json=body)).raise_for_status()

    async def processor_token(self) -> SecretStr:
        link, _ = await self.providers.banks.link_token("usr_1")
        assert link.get_secret_value()
        created = await self.desk.post(
            "/plaid/sandbox/public_token/create",
            json={"institution_id": "ins_109508", "initial_products": ["auth"]},
            headers={"PLAID-CLIENT-ID": "any", "PLAID-SECRET": "any"},
        )
        item = await self.providers.banks.exchange(created.json()["public_token"])
        accounts = await self.providers.banks.accounts(item.access_token)
        assert (accounts[0].account_id, accounts[0].mask) == ("acc-checking", "0000")
        return await self.providers.banks.processor_token(item.access_token, accounts[0].account_id)


@pytest.fixture
async def world(mongodb_uri: str, sandbox_book: str) -> AsyncIterator[World]:
    """A world in which everything settles within a tenth of a second."""
    async with _opened(mongodb_uri, sandbox_book, pace_s=0.1) as opened:
        yield opened


@pytest.fixture
async def still_world(mongodb_uri: str, sandbox_book: str) -> AsyncIterator[World]:
    """A world in which nothing settles by itself while a test lasts."""
    async with _opened(mongodb_uri, sandbox_book, pace_s=3_600) as opened:
        yield opened


@asynccontextmanager
async def _opened(mongodb_uri: str, database: str, *, pace_s: float) -> AsyncIterator[World]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        settings = load(
            provider_timeout_s=TIMEOUT_S,
            quiet_period_s=2 * TIMEOUT_S,
            lease_s=3 * TIMEOUT_S,
            poll_s=1,
            refund_hold_s=0,
            unit_base_url=f"{url}/unit",
            tatum_base_url=f"{url}/tatum",
            sumsub_base_url=f"{url}/sumsub",
            plaid_base_url=f"{url}/plaid",
            stripe_base_url=f"{url}/stripe",
        )
        wallet = Wallet()
        config = _config(settings, mongodb_uri, database, port, pace_s)
        async with _served(config, wallet, listening), httpx2.AsyncClient(base_url=url, trust_env=False) as desk:
            (await desk.post("/control/reset")).raise_for_status()
            providers = await open_providers(settings, SystemClock())
            yield World(providers, desk, wallet, settings)
            await providers.aclose()


def _config(settings: Settings, mongodb_uri: str, database: str, port: int, pace_s: float) -> SandboxConfig:
    return SandboxConfig(
        mongodb_uri=mongodb_uri,
        database=database,
        port=port,
        pace_s=pace_s,
        api_url="http://wallet",
        unit_webhook_secret=settings.unit_webhook_secret.get_secret_value(),
        tatum_webhook_secret=settings.tatum_webhook_secret.get_secret_value(),
        sumsub_secret=settings.sumsub_secret.get_secret_value(),
        sumsub_webhook_secret=settings.sumsub_webhook_secret.get_secret_value(),
        stripe_webhook_secret=settings.stripe_webhook_secret.get_secret_value(),
    )


@asynccontextmanager
async def _served(config: SandboxConfig, wallet: Wallet, listening: socket.socket) -> AsyncIterator[None]:
    sandbox = create_sandbox(config, SystemClock(), transport=httpx2.ASGITransport(app=wallet.application()))
    server = uvicorn.Server(server_config(config, sandbox))
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(server.serve(sockets=[listening]))

        async def up() -> bool:
            return server.started or serving.done()

        await eventually(up)
        yield
        server.should_exit = True


def pull(token: SecretStr, reference: str = "eff_1", minor: int = 10_000, *, back: bool = False) -> AchOrder:
    return AchOrder("Credit" if back else "Debit", Money(minor, USD), token, "Ada Doe", reference, "TOPUP")


def coins(minor: int = 130_001) -> CoinOrder:
    return CoinOrder("bitcoin", RECEIVER, Money(minor, BTC))


async def test_a_linked_bank_is_pulled_from_and_every_step_is_told(world: World) -> None:
    ach = world.providers.ach
    made = await ach.create_payment(pull(await world.processor_token()), key="key-1")
    assert (made.status, made.reference, made.amount) == (PaymentStatus.PENDING, "eff_1", Money(10_000, USD))

    async def sent() -> bool:
        found = await ach.payment(made.id)
        return found is not None and found.status is PaymentStatus.SENT

    await eventually(sent)

    async def told() -> bool:
        types = {event.type for event in world.heard("unit") if f"unit:payment:{made.id}" in event.refs}
        return {"payment.created", "payment.clearing", "payment.sent"} <= types

    await eventually(told)


async def test_the_same_key_is_the_same_payment(world: World) -> None:
    ach, token = world.providers.ach, await world.processor_token()
    first = await ach.create_payment(pull(token), key="key-1")
    again = await ach.create_payment(pull(token), key="key-1")
    assert again.id == first.id


async def test_a_pull_whose_answer_is_lost_is_found_by_our_reference(world: World) -> None:
    ach, token = world.providers.ach, await world.processor_token()
    await world.dial("unit", "create_payment", "timeout_after")
    with pytest.raises(OutcomeUnknown):
        await ach.create_payment(pull(token, "eff_7"), key="key-7")
    found = await ach.find_payment("eff_7")
    assert found is not None
    assert (await ach.create_payment(pull(token, "eff_7"), key="key-7")).id == found.id
    assert await ach.find_payment("eff_8") is None


async def test_a_pull_that_never_arrived_is_not_found(world: World) -> None:
    await world.dial("unit", "create_payment", "timeout_before")
    with pytest.raises(OutcomeUnknown):
        await world.providers.ach.create_payment(pull(await world.processor_token()), key="key-1")
    assert await world.providers.ach.find_payment("eff_1") is None
    assert await world.providers.ach.payment("999999") is None


async def test_a_payment_is_cancelled_once(still_world: World) -> None:
    ach, token = still_world.providers.ach, await still_world.processor_token()
    made = await ach.create_payment(pull(token, back=True), key="key-1")
    assert (await ach.cancel_payment(made.id)).status is PaymentStatus.CANCELED
    with pytest.raises(Declined):
        await ach.cancel_payment(made.id)


async def test_a_send_is_queued_approved_mined_and_told(world: World) -> None:
    world.wallet.approval_status = 503  # the daemon asks again until the wallet answers
    sends = world.providers.coins
    pending_id = await sends.send(coins())
    pending = await sends.pending_send(pending_id)
    assert pending is not None
    assert (pending.id, pending.to, pending.amount) == (pending_id, RECEIVER, Money(130_001, BTC))
    assert [each.id for each in await sends.pending_sends("bitcoin")] == [pending_id]
    world.wallet.approval_status = 200

    async def signed() -> str | None:
        found = await sends.pending_send(pending_id)
        return found.tx_id if found is not None else None

    tx_id = await eventually(signed)
    assert set(world.wallet.questions) == {pending_id}

    async def mined() -> Any:
        return await sends.transaction("bitcoin", tx_id)

    transaction = await eventually(mined)
    assert (transaction.status, transaction.paid[0]) == ("mined", Paid("0", RECEIVER, Money(130_001, BTC)))
    assert transaction.confirmations >= 1

    async def told() -> bool:
        done = [event for event in world.heard("tatum") if event.type == "KMS_COMPLETED_TX"]
        return [event.refs for event in done] == [(f"tatum:kms:{pending_id}", f"tatum:tx:{tx_id}")]

    await eventually(told)


async def test_a_send_that_is_deleted_before_its_approval_never_happens(still_world: World) -> None:
    sends = still_world.providers.coins
    pending_id = await sends.send(coins())
    await sends.cancel_send(pending_id)
    await sends.cancel_send(pending_id)
    assert await sends.pending_send(pending_id) is None
    assert await sends.pending_sends("bitcoin") == ()


async def test_a_send_whose_answer_is_lost_is_found_in_the_queue(still_world: World) -> None:
    await still_world.dial("tatum", "send", "timeout_after")
    with pytest.raises(OutcomeUnknown):
        await still_world.providers.coins.send(coins(777))
    (found,) = await still_world.providers.coins.pending_sends("bitcoin")
    assert (found.to, found.amount) == (RECEIVER, Money(777, BTC))


async def test_unknown_hashes_and_operations_are_none(world: World) -> None:
    assert await world.providers.coins.transaction("bitcoin", "ab" * 32) is None
    assert await world.providers.coins.pending_send("00000000-0000-0000-0000-000000000000") is None


async def test_rates_and_fees_are_exact_and_plausible(world: World) -> None:
    rate = await world.providers.rates.rate(BTC, USD)
    assert isinstance(rate, Decimal)
    assert rate > 1_000
    fee = await world.providers.rates.network_fee("bitcoin", None)
    assert Money(0, BTC) < fee < Money(1_000_000, BTC)


async def test_a_person_is_created_once_and_verified_when_the_verdict_is_green(world: World) -> None:
    people = world.providers.people
    applicant = await people.applicant_for("usr_1")
    assert await people.applicant_for("usr_1") == applicant
    token = await people.sdk_token("usr_1")
    assert token.expires_at > SystemClock().now() + timedelta(minutes=5)
    for verdict, level in (
        (None, "none"),
        ({"reviewAnswer": "RED", "reviewRejectType": "RETRY"}, "pending"),
        ({"reviewAnswer": "GREEN"}, "verified"),
        ({"reviewAnswer": "RED", "reviewRejectType": "FINAL"}, "rejected"),
    ):
        if verdict is not None:
            reviewed = await world.desk.post("/control/sumsub/review", json={"applicant_id": applicant.id, **verdict})
            reviewed.raise_for_status()
        review = await people.review(applicant.id)
        assert review is not None
        assert (review.level, review.external_user_id) == (level, "usr_1")
    assert await people.review("000000000000000000000000") is None


async def test_verdicts_are_told_each_as_its_own_event(world: World) -> None:
    applicant = await world.providers.people.applicant_for("auth0|usr-2")
    for _ in range(2):
        await world.desk.post("/control/sumsub/review", json={"applicant_id": applicant.id, "reviewAnswer": "GREEN"})

    async def told() -> bool:
        events = [event for event in world.heard("sumsub") if event.type == "applicantReviewed"]
        assert all(event.refs == (f"sumsub:applicant:{applicant.id}",) for event in events)
        return len({event.event_id for event in events}) == 2

    await eventually(told)
    assert (await world.providers.people.applicant_for("auth0|usr-2")).id == applicant.id


async def test_a_repeated_delivery_is_the_same_event(world: World) -> None:
    for vendor in ("unit", "tatum"):
        (await world.desk.post("/control/webhooks", json={"vendor": vendor, "mode": "duplicate"})).raise_for_status()
    await world.providers.ach.create_payment(pull(await world.processor_token()), key="key-1")
    await world.providers.coins.send(coins())
    for vendor, kind in (("unit", "payment.created"), ("tatum", "KMS_COMPLETED_TX")):

        async def twice(vendor: str = vendor, kind: str = kind) -> list[str]:
            ids = [event.event_id for event in world.heard(vendor) if event.type == kind]
            return ids if len(ids) == 2 else []

        first, second = await eventually(twice)
        assert first == second


async def test_an_exchange_is_spent_once(world: World) -> None:
    with pytest.raises(Declined):
        await world.providers.banks.exchange("public-sandbox-unknown")
