"""Events from outside say where to look. None is lost, none counts twice, none stands in another's way."""

from app.inbox.messages import ATTEMPTS_MAX
from app.inbox.store import InboxStore
from app.orchestrator.observations import Observations
from app.orchestrator.progress import order_status
from app.providers.events import WebhookEvent
from app.providers.ports import Review
from tests.orchestrator.late import recovery_of
from tests.worlds import Customer, World


def event(name: str, *refs: str, kind: str = "payment.sent", provider: str = "unit") -> WebhookEvent:
    return WebhookEvent(provider, name, kind, refs, {})


async def in_inbox(world: World, name: str, provider: str = "unit") -> dict[str, object]:
    found = await world.runtime.database["inbox"].find_one({"_id": f"{provider}:{name}"})
    assert found is not None
    return found


async def exhaust(world: World, times: int = ATTEMPTS_MAX) -> None:
    """Let the inbox come to the end of its patience."""
    for _ in range(times):
        world.clock.advance(61)
        await world.runtime.observations.work_off()


async def payment_of(world: World, saga_id: str) -> str:
    (effect,) = await world.runtime.sagas.effects_of(saga_id)
    assert effect.provider_ref is not None
    return effect.provider_ref


async def test_an_event_that_overtakes_the_answer_is_kept_until_the_saga_knows_the_id(
    calm_world: World, rich_ada: Customer
) -> None:
    world = calm_world
    await world.dial("unit create_payment", "timeout_after")
    saga_id = await world.deposit(rich_ada)
    await world.work()
    (effect,) = await world.runtime.sagas.effects_of(saga_id)
    assert effect.provider_ref is None
    payment_id = (await world.bank_payments())[-1]["id"]
    await world.runtime.inbox.receive([event("early", f"unit:payment:{payment_id}")])
    await world.runtime.observations.work_off()
    assert (await in_inbox(world, "early"))["status"] == "received"
    await world.settle()
    await world.runtime.observations.work_off()
    assert order_status(await world.saga(saga_id)) == "completed"
    world.clock.advance(61)
    await world.runtime.observations.work_off()
    assert (await in_inbox(world, "early"))["status"] == "done"


async def test_an_event_wakes_the_saga_that_waits_for_its_object_and_no_other(
    calm_world: World, rich_ada: Customer
) -> None:
    world = calm_world
    waiting, other = await world.deposit(rich_ada), await world.deposit(rich_ada)
    await world.work()
    looks = (await world.saga(other)).looks
    await world.runtime.inbox.receive([event("wakes", f"unit:payment:{await payment_of(world, waiting)}")])
    await world.runtime.observations.work_off()
    assert await world.work() == 1
    assert (await world.saga(waiting)).looks == 1
    assert (await world.saga(other)).looks == looks
    await world.settle()


async def test_a_duplicate_is_kept_once_and_one_that_comes_after_the_end_is_old_news(
    calm_world: World, rich_ada: Customer
) -> None:
    world = calm_world
    saga_id = await world.deposit(rich_ada)
    await world.settle()
    trace = await world.trace(saga_id)
    told = event("again", f"unit:payment:{await payment_of(world, saga_id)}")
    assert [await world.runtime.inbox.receive([told]) for _ in range(2)] == [1, 0]
    await world.settle()
    assert (await in_inbox(world, "again"))["status"] == "done"
    assert await world.trace(saga_id) == trace


async def test_an_event_that_names_nothing_is_done_with_at_once(calm_world: World) -> None:
    await calm_world.runtime.inbox.receive([event("hello", kind="account.created")])
    await calm_world.runtime.observations.work_off()
    assert (await in_inbox(calm_world, "hello"))["status"] == "done"


async def test_an_event_about_an_object_that_nobody_ever_knows_is_parked_not_dropped(calm_world: World) -> None:
    await calm_world.runtime.inbox.receive([event("stray", "unit:payment:999999999")])
    await exhaust(calm_world, ATTEMPTS_MAX - 1)
    assert (await in_inbox(calm_world, "stray"))["status"] == "received"
    await exhaust(calm_world, 1)
    assert (await in_inbox(calm_world, "stray"))["status"] == "parked"


async def test_a_return_that_nobody_waits_for_opens_a_recovery_and_is_done_with(
    calm_world: World, rich_ada: Customer
) -> None:
    world = calm_world
    saga_id = await world.deposit(rich_ada, "100.17")
    await world.settle()
    assert order_status(await world.saga(saga_id)) == "completed"
    query = {"refs": f"unit:payment:{await payment_of(world, saga_id)}", "type": "payment.returned"}
    told = await world.runtime.database["inbox"].find_one(query)
    assert told is not None
    assert told["status"] == "done"
    assert (await world.saga(await recovery_of(world, saga_id))).status == "completed"


class SpoiltPeople:
    """A verification vendor of whom one applicant cannot even be asked about."""

    def __init__(self, asked: list[str]) -> None:
        self._asked = asked

    async def review(self, applicant_id: str) -> Review | None:
        self._asked.append(applicant_id)
        if applicant_id == "poison":
            raise RuntimeError("nobody expected this")
        return None


async def test_a_poisonous_event_is_parked_in_the_end_and_blocks_no_other(
    calm_world: World, rich_ada: Customer
) -> None:
    world, asked = calm_world, list[str]()
    observations = Observations(
        InboxStore(world.runtime.database),
        world.runtime.sagas,
        world.runtime.users,
        SpoiltPeople(asked),  # type: ignore[arg-type]  # it is asked for reviews only
        world.runtime.door,
        world.clock,
        lambda: None,
        world.runtime.lookout,
        poll_s=1.0,
    )
    saga_id = await world.deposit(rich_ada)
    await world.work()
    ref = f"unit:payment:{await payment_of(world, saga_id)}"
    poison = event("poison", "sumsub:applicant:poison", provider="sumsub", kind="applicantReviewed")
    await world.runtime.inbox.receive([poison, event("sound", ref)])
    assert await observations.work_off() == 2
    assert (await in_inbox(world, "sound"))["status"] == "done"
    assert (await in_inbox(world, "poison", "sumsub"))["attempts"] == 1
    nearly_given_up = {"$set": {"attempts": ATTEMPTS_MAX - 1}}
    await world.runtime.database["inbox"].update_one({"_id": "sumsub:poison"}, nearly_given_up)
    world.clock.advance(61)
    await observations.work_off()
    assert (await in_inbox(world, "poison", "sumsub"))["status"] == "parked"
    assert asked == ["poison", "poison"]
    await world.settle()


async def test_two_workers_that_work_off_the_same_event_settle_it_once(calm_world: World) -> None:
    world = calm_world
    await world.runtime.inbox.receive([event("shared", "unit:payment:999999998")])
    document = await in_inbox(world, "shared")
    await world.runtime.observations._settle(document)
    await world.runtime.observations._settle(document)
    assert (await in_inbox(world, "shared"))["attempts"] == 1


async def test_only_an_event_that_may_change_something_has_the_payment_fetched(
    calm_world: World, rich_ada: Customer
) -> None:
    world = calm_world
    saga_id = await world.deposit(rich_ada)
    await world.work()
    payment = f"unit:payment:{await payment_of(world, saga_id)}"
    for name, kind in (("moving", "payment.clearing"), ("begun", "payment.created"), ("over", "payment.sent")):
        await world.runtime.inbox.receive([event(name, payment, kind=kind)])
        await world.runtime.observations.work_off()
        assert (await in_inbox(world, name))["status"] == "done"
        assert await world.work() == (kind != "payment.clearing")
    await world.settle()


async def test_of_a_send_whose_answer_is_not_known_yet_nothing_is_fetched_however_often_it_is_told(
    calm_world: World, rich_ada: Customer
) -> None:
    world = calm_world
    saga_id = await world.buy(rich_ada, paying="account")
    await world.work()
    operation = await payment_of(world, saga_id)
    (await world.api.get(f"/webhooks/tatum/kms/{operation}")).raise_for_status()
    lost = {"$set": {"status": "unknown", "provider_ref": None}}
    await world.runtime.database["effects"].update_one({"saga_id": saga_id}, lost)
    await world.runtime.database["sagas"].update_one({"_id": saga_id}, {"$set": {"waits": [], "wake_at": None}})
    told = event("told", f"tatum:kms:{operation}", f"tatum:tx:{'ab' * 32}", kind="KMS_COMPLETED_TX", provider="tatum")
    await world.runtime.inbox.receive([told])
    before = (await world.desk.get("/control/tatum/calls")).json()["items"]
    await exhaust(world, times=3)
    assert (await world.desk.get("/control/tatum/calls")).json()["items"] == before
    kept = await in_inbox(world, "told", "tatum")
    assert (kept["status"], kept["attempts"]) == ("received", 3)


async def test_what_nobody_knows_is_looked_for_once_it_is_no_news(world: World) -> None:
    await world.runtime.inbox.receive([event("unheard-of", "unit:payment:999999997", kind="payment.clearing")])
    asked = []
    for pause_s in (0, 0.2, 0.4, 0.8):
        world.clock.advance(pause_s)
        await world.runtime.observations.work_off()
        calls = await world.desk.get("/control/unit/calls", params={"operation": "get_payment"})
        asked.append(len(calls.json()["items"]))
    assert [each - asked[0] for each in asked] == [0, 0, 0, 1]
    assert (await in_inbox(world, "unheard-of"))["attempts"] == 4
