"""From a published notification to a tenant's receiver, over real sockets; processes die, and receivers fail."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from standardwebhooks import Webhook

from app.errors import TooManySecrets
from app.ids import new_id, public_id
from app.ledger.changes import Change
from app.orchestrator.disabling import Disabling
from app.orchestrator.notices import tell
from app.orchestrator.registration import WithSecret
from app.outbox.addresses import Reach, system_resolver
from app.outbox.courier import Courier
from app.outbox.deliveries import ATTEMPTS_MAX, PAUSES_S
from app.outbox.endpoints import SECRETS_MAX, SUSTAINED
from app.outbox.sending import Sender
from app.plumbing.sealing import Sealer
from tests.outbox.given import House
from tests.outbox.receiver import Receiver, answer, receiving
from tests.worlds import BOOK

BROKEN = answer(500)


@asynccontextmanager
async def another_courier(house: House, timeout_s: float = 5.0) -> AsyncIterator[Courier]:
    """One more worker."""
    runtime = house.runtime
    sender = Sender(Reach(plain=True, loopback=True), system_resolver, timeout_s=timeout_s)
    yield Courier(
        runtime.outbox,
        sender,
        Sealer(house.settings.sealing_key),
        house.clock,
        Random(7),  # noqa: S311 - it only spreads retries
        Disabling(runtime.door).disable,
        poll_s=0.05,
    )
    await sender.aclose()


async def register(house: House, receiver: Receiver, *types: str) -> WithSecret:
    return await house.runtime.endpoints.register(BOOK, "usr_operator", receiver.url, types)


async def publish(house: House, count: int = 1, kind: str = "thing.happened") -> list[str]:
    """Notifications as commits write them, published; their public ids."""
    told = [tell(BOOK, kind, "usr_told", house.clock.now(), {"n": each}, new_id("cause")) for each in range(count)]
    await house.runtime.door.submit(Change(BOOK, companions=tuple(told)))
    while await house.runtime.publication.publish():
        pass
    return [public_id(each.id) for each in told]


async def deliveries(house: House, made: WithSecret) -> list[dict[str, Any]]:
    return await house.runtime.outbox.deliveries(made.endpoint.id, 100)


async def expire_leases(house: House) -> None:
    """Whoever held a delivery is gone for longer than a lease."""
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    await house.runtime.database["deliveries"].update_many({}, {"$set": {"lease_until": long_ago}})


async def test_a_notification_arrives_once_signed_and_is_logged(house: House) -> None:
    async with receiving() as receiver:
        made = await register(house, receiver)
        (told,) = await publish(house)
        assert await house.runtime.courier.deliver_due() == 1
        assert await house.runtime.courier.deliver_due() == 0

    (request,) = receiver.told
    assert request.headers["webhook-id"] == told
    assert json.loads(request.body) == {
        "id": told,
        "type": "thing.happened",
        "timestamp": "2026-11-20T05:00:00.000Z",
        "tenant_id": BOOK,
        "user_id": "usr_told",
        "sequence": 1,
        "data": {"n": 0},
    }
    theirs = Webhook(made.secret.get_secret_value())
    at = datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), UTC)
    assert request.headers["webhook-signature"] == theirs.sign(told, at, request.body.decode())
    (logged,) = await deliveries(house, made)
    assert (logged["status"], [each["status"] for each in logged["history"]]) == ("delivered", [200])


async def test_an_endpoint_gets_what_it_asked_for_and_no_other_tenants(house: House) -> None:
    async with receiving() as receiver, receiving() as elsewhere:
        await register(house, receiver, "purchase.*", "account.frozen")
        await house.runtime.endpoints.register("elsewhere", "usr_operator", elsewhere.url, ())
        wanted = await publish(house, kind="purchase.parked") + await publish(house, kind="account.frozen")
        await publish(house, kind="account.closed")
        await house.runtime.courier.deliver_due()
    assert sorted(receiver.ids) == sorted(wanted)
    assert elsewhere.told == []


async def test_a_process_that_dies_between_delivery_and_record_delivers_again_under_the_same_id(house: House) -> None:
    async with receiving() as receiver, another_courier(house) as doomed:
        made = await register(house, receiver)
        (told,) = await publish(house)
        receiver.open.clear()
        dying = asyncio.ensure_future(doomed.deliver_due())
        await receiver.wait_for(1)
        dying.cancel()  # the receiver has it; nothing will be recorded
        await asyncio.wait([dying])
        receiver.open.set()

        assert await house.runtime.courier.deliver_due() == 0, "the dead one's lease still runs"
        await expire_leases(house)
        assert await house.runtime.courier.deliver_due() == 1

    assert receiver.ids == [told, told]
    assert receiver.told[0].body == receiver.told[1].body
    (logged,) = await deliveries(house, made)
    assert (logged["status"], logged["attempts"], len(logged["history"])) == ("delivered", 2, 1)


async def test_a_frozen_worker_that_wakes_after_its_lease_records_nothing(house: House) -> None:
    async with receiving(BROKEN) as receiver, another_courier(house) as frozen:
        made = await register(house, receiver)
        await publish(house)
        receiver.open.clear()
        late = asyncio.ensure_future(frozen.deliver_due())
        await receiver.wait_for(1)
        await expire_leases(house)
        other = asyncio.ensure_future(house.runtime.courier.deliver_due())
        await receiver.wait_for(2)
        receiver.open.set()
        await asyncio.gather(late, other)
    (logged,) = await deliveries(house, made)
    assert [each["attempt"] for each in logged["history"]] == [2]


async def test_two_workers_share_the_work_and_send_each_thing_once(house: House) -> None:
    async with receiving() as receiver, another_courier(house) as one, another_courier(house) as two:
        await register(house, receiver)
        told = await publish(house, 20)
        while sum(await asyncio.gather(one.deliver_due(), two.deliver_due())):
            pass
    assert sorted(receiver.ids) == sorted(told)


async def test_a_slow_endpoint_fills_its_own_slots_and_holds_nobody_else_up(house: House) -> None:
    async with receiving() as slow, receiving() as quick, another_courier(house) as courier:
        await register(house, slow)
        await register(house, quick)
        slow.open.clear()
        told = await publish(house, 10)
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            group.create_task(courier.run())
            await quick.wait_for(10)
            assert len(slow.told) == 4
            slow.open.set()
            await slow.wait_for(10)
            courier.close()
    assert sorted(quick.ids) == sorted(told) == sorted(slow.ids)


async def test_what_fails_is_tried_again_later_each_time_and_given_up_in_the_end(house: House) -> None:
    async with receiving(*[BROKEN] * 20) as receiver:
        made = await register(house, receiver)
        await publish(house)
        gaps = []
        for _ in range(ATTEMPTS_MAX):
            assert await house.runtime.courier.deliver_due() == 1
            (logged,) = await deliveries(house, made)
            gaps.append((logged["due_at"] - house.clock.now()).total_seconds())
            house.clock.advance(max(0.0, gaps[-1]))
        assert await house.runtime.courier.deliver_due() == 0
    assert all(pause <= gap <= 1.2 * pause for gap, pause in zip(gaps, PAUSES_S, strict=False))
    assert (logged["status"], len(logged["history"])) == ("failed", ATTEMPTS_MAX)
    assert (await house.runtime.endpoints.get(made.endpoint.id)).reason == "sustained-failure"
    assert len(receiver.told) == ATTEMPTS_MAX


def test_nothing_is_given_up_at_an_endpoint_that_has_not_failed_for_long_enough() -> None:
    assert sum(PAUSES_S) >= SUSTAINED.total_seconds()


async def test_sustained_failure_disables_an_endpoint_and_says_so_everywhere(house: House) -> None:
    async with receiving(*[BROKEN] * 5) as broken, receiving() as fine:
        made = await register(house, broken)
        await register(house, fine, "endpoint.*")
        await publish(house)
        await house.runtime.courier.deliver_due()
        assert (await house.runtime.endpoints.get(made.endpoint.id)).is_enabled
        house.clock.advance(timedelta(days=3, minutes=1).total_seconds())
        await house.runtime.courier.deliver_due()

        disabled = await house.runtime.endpoints.get(made.endpoint.id)
        assert (disabled.status, disabled.reason) == ("disabled", "sustained-failure")
        case = await house.runtime.database["cases"].find_one({"kind": "endpoint-disabled"})
        assert case is not None
        assert case["endpoint_id"] == made.endpoint.id
        await house.runtime.publication.publish()
        await house.runtime.courier.deliver_due()
    (said,) = fine.told
    assert json.loads(said.body)["data"] == {
        "endpoint_id": public_id(made.endpoint.id),
        "reason": "sustained-failure",
    }
    assert len(broken.told) == 2


async def test_one_success_ends_a_failing_time(house: House) -> None:
    async with receiving(BROKEN) as receiver:
        made = await register(house, receiver)
        await publish(house)
        await house.runtime.courier.deliver_due()
        assert (await house.runtime.endpoints.get(made.endpoint.id)).failing_since is not None
        house.clock.advance(60)
        await house.runtime.courier.deliver_due()
    assert (await house.runtime.endpoints.get(made.endpoint.id)).failing_since is None


async def test_an_endpoint_that_says_it_is_gone_is_disabled_at_once_and_can_be_enabled(house: House) -> None:
    async with receiving(answer(410)) as receiver:
        made = await register(house, receiver)
        (told,) = await publish(house)
        await house.runtime.courier.deliver_due()
        assert (await house.runtime.endpoints.get(made.endpoint.id)).reason == "gone"
        house.clock.advance(60)
        assert await house.runtime.courier.deliver_due() == 0

        await house.runtime.endpoints.enable(made.endpoint.id, "usr_operator")
        assert await house.runtime.courier.deliver_due() == 1
    assert receiver.ids == [told, told]


async def test_what_cannot_be_signed_is_not_sent(house: House) -> None:
    async with receiving() as receiver:
        made = await register(house, receiver)
        await house.runtime.database["notification_endpoints"].update_one(
            {"_id": made.endpoint.id}, {"$set": {"secrets.0.sealed.key_id": "another"}}
        )
        await publish(house)
        await house.runtime.courier.deliver_due()
    assert receiver.told == []
    (logged,) = await deliveries(house, made)
    assert logged["history"][0]["reason"] == "secret-unreadable"


@pytest.mark.parametrize("hours", [1, 25])
async def test_after_a_rotation_both_secrets_sign_for_a_day(house: House, hours: int) -> None:
    async with receiving() as receiver:
        first = await register(house, receiver)
        second = await house.runtime.endpoints.rotate(first.endpoint.id, "usr_operator")
        house.clock.advance(hours * 3_600)
        (told,) = await publish(house)
        await house.runtime.courier.deliver_due()
    (request,) = receiver.told
    at = datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), UTC)
    signing = [second, first] if hours < 24 else [second]
    assert request.headers["webhook-signature"].split(" ") == [
        Webhook(each.secret.get_secret_value()).sign(told, at, request.body.decode()) for each in signing
    ]


async def test_no_rotation_takes_away_a_secret_before_its_day_is_over(house: House) -> None:
    async with receiving() as receiver:
        first = await register(house, receiver)
        for _ in range(SECRETS_MAX - 1):
            await house.runtime.endpoints.rotate(first.endpoint.id, "usr_operator")
        with pytest.raises(TooManySecrets):
            await house.runtime.endpoints.rotate(first.endpoint.id, "usr_operator")
        (told,) = await publish(house)
        await house.runtime.courier.deliver_due()
        house.clock.advance(24 * 3_600)
        await house.runtime.endpoints.rotate(first.endpoint.id, "usr_operator")
    (request,) = receiver.told
    at = datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), UTC)
    signatures = request.headers["webhook-signature"].split(" ")
    assert len(signatures) == SECRETS_MAX
    assert signatures[-1] == Webhook(first.secret.get_secret_value()).sign(told, at, request.body.decode())


async def test_a_removed_endpoint_gets_nothing_more(house: House) -> None:
    async with receiving() as receiver:
        made = await register(house, receiver)
        await publish(house)
        await house.runtime.endpoints.remove(made.endpoint.id, "usr_operator")
        assert await house.runtime.courier.deliver_due() == 0
    assert receiver.told == []
