"""What the key daemon may sign: for each effect one pending operation, once."""

import asyncio

import pytest
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from app.errors import ApprovalRefused
from app.money import BTC, Money
from app.orchestrator.effects import EffectStatus
from app.orchestrator.flows.spending import SPENDING
from app.orchestrator.progress import order_status
from app.providers.chain_ports import CoinOrder
from tests.worlds import ADDRESS, Customer, World

ELSEWHERE = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"


async def send_waiting_for_approval(world: World, customer: Customer) -> tuple[str, str]:
    """A saga whose coins wait in the daemon's queue, and the operation's id."""
    saga_id = await world.buy(customer, paying="account")
    await world.work()
    (effect,) = await world.runtime.sagas.effects_of(saga_id)
    assert effect.provider_ref is not None
    return saga_id, effect.provider_ref


async def queue_the_same(
    world: World, saga_id: str, *, more: int = 0, to: str = ADDRESS, its_inputs: bool = True
) -> str:
    """Somebody queues what the saga's effect asks for, as a frozen worker or a thief might do."""
    (effect,) = await world.runtime.sagas.effects_of(saga_id)
    coins = Money.parse(effect.request["amount"], BTC) + Money(more, BTC)
    order = SPENDING.order("bitcoin", to, coins, effect.request)
    return await world.runtime.providers.coins.send(order if its_inputs else CoinOrder("bitcoin", to, coins))


async def ask(world: World, pending_id: str) -> int:
    """The daemon's question; the status it is answered with."""
    return (await world.api.get(f"/webhooks/tatum/kms/{pending_id}")).status_code


@pytest.mark.parametrize("name", ["a%0Ab", "%C3%80", "a" * 65, "a.b"])
async def test_a_name_that_no_operation_has_is_asked_of_nobody(calm_world: World, name: str) -> None:
    assert await ask(calm_world, name) == 404


async def test_an_effect_approves_the_operation_it_queued_and_says_so_again(
    calm_world: World, rich_ada: Customer
) -> None:
    saga_id, pending_id = await send_waiting_for_approval(calm_world, rich_ada)
    answers = [await calm_world.api.get(f"/webhooks/tatum/kms/{pending_id}") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert {answer.json()["saga_id"] for answer in answers} == {saga_id.partition("/")[2]}
    await calm_world.settle()
    assert order_status(await calm_world.saga(saga_id)) == "completed"


async def test_a_second_operation_for_the_same_effect_is_never_signed(calm_world: World, rich_ada: Customer) -> None:
    saga_id, pending_id = await send_waiting_for_approval(calm_world, rich_ada)
    again = await queue_the_same(calm_world, saga_id)
    assert await ask(calm_world, again) == 200
    assert await ask(calm_world, pending_id) == 403
    before = len(await calm_world.chain_transactions())
    await calm_world.settle()
    assert order_status(await calm_world.saga(saga_id)) == "completed"
    signed = (await calm_world.chain_transactions())[before:]
    assert [each["kms_id"] for each in signed] == [again]
    await calm_world.audit()


async def test_of_two_questions_at_once_one_is_told_yes(calm_world: World, rich_ada: Customer) -> None:
    saga_id, pending_id = await send_waiting_for_approval(calm_world, rich_ada)
    again = await queue_the_same(calm_world, saga_id)
    answers = await asyncio.gather(*(ask(calm_world, each) for each in (pending_id, again)))
    assert sorted(answers) == [200, 403]
    await calm_world.settle()
    assert order_status(await calm_world.saga(saga_id)) == "completed"


async def test_twins_are_each_delivered(calm_world: World, rich_ada: Customer) -> None:
    before = len(await calm_world.chain_transactions())
    sagas = [await calm_world.buy(rich_ada, paying="account") for _ in range(2)]
    await calm_world.settle()
    assert [order_status(await calm_world.saga(saga)) for saga in sagas] == ["completed", "completed"]
    effects = [effect for saga in sagas for effect in await calm_world.runtime.sagas.effects_of(saga)]
    assert {each["kms_id"] for each in (await calm_world.chain_transactions())[before:]} == {
        effect.approved_ref for effect in effects
    }
    assert len({effect.approved_ref for effect in effects}) == 2


async def test_a_twin_whose_send_was_lost_does_not_take_the_others_for_its_own(
    calm_world: World, rich_ada: Customer
) -> None:
    world = calm_world
    before = len(await world.chain_transactions())
    await world.dial("tatum send", "timeout_before")
    lost = await world.buy(rich_ada, paying="account")
    await world.work()
    other = await world.buy(rich_ada, paying="account")
    await world.work()
    world.clock.advance(world.settings.quiet_period_s + world.settings.provider_timeout_s)
    await world.work()
    await world.settle()
    assert [order_status(await world.saga(saga)) for saga in (lost, other)] == ["completed", "completed"]
    assert len(await world.chain_transactions()) == before + 2
    assert await world.available(rich_ada.dollars_id) == "300.00"
    await world.audit()


@pytest.mark.parametrize(("more", "to"), [(1, ADDRESS), (-1, ADDRESS), (0, ELSEWHERE)])
async def test_another_amount_or_receiver_is_refused(calm_world: World, rich_ada: Customer, more: int, to: str) -> None:
    saga_id, _ = await send_waiting_for_approval(calm_world, rich_ada)
    assert await ask(calm_world, await queue_the_same(calm_world, saga_id, more=more, to=to)) == 403
    await calm_world.settle()
    assert order_status(await calm_world.saga(saga_id)) == "completed"


async def test_an_operation_that_spends_other_inputs_is_refused(calm_world: World, rich_ada: Customer) -> None:
    saga_id, _ = await send_waiting_for_approval(calm_world, rich_ada)
    assert await ask(calm_world, await queue_the_same(calm_world, saga_id, its_inputs=False)) == 403
    await calm_world.settle()
    assert order_status(await calm_world.saga(saga_id)) == "completed"


async def test_an_effect_that_did_not_happen_approves_nothing_any_more(calm_world: World, rich_ada: Customer) -> None:
    await calm_world.dial("tatum send", "decline")
    saga_id = await calm_world.buy(rich_ada, paying="account")
    await calm_world.settle()
    (effect,) = await calm_world.runtime.sagas.effects_of(saga_id)
    assert effect.status is EffectStatus.REJECTED
    late = await queue_the_same(calm_world, saga_id)
    with pytest.raises(ApprovalRefused):
        await calm_world.runtime.approvals.approve(late)
    before = await calm_world.chain_transactions()
    await calm_world.settle()
    assert await calm_world.chain_transactions() == before


async def test_an_effect_that_is_being_given_up_approves_nothing_any_more(
    calm_world: World, rich_ada: Customer
) -> None:
    world = calm_world
    await world.dial("tatum send", "timeout_before", times=1_000)
    saga_id = await world.buy(rich_ada, paying="account")
    for _ in range(100):
        await world.work()
        (effect,) = await world.runtime.sagas.effects_of(saga_id)
        if effect.status is EffectStatus.CANCELLING:
            break
        world.clock.advance(10)
    await world.calm_down()
    late = await queue_the_same(world, saga_id)
    assert await ask(world, late) == 403
    await world.settle()
    assert order_status(await world.saga(saga_id)) == "refunded"
    assert late not in {each["kms_id"] for each in await world.chain_transactions()}
    await world.audit()


async def test_an_operation_that_nobody_knows_is_not_found(calm_world: World) -> None:
    assert await ask(calm_world, "00000000-0000-0000-0000-000000000000") == 404


async def test_an_operation_that_cannot_be_read_now_is_asked_about_again(calm_world: World, rich_ada: Customer) -> None:
    saga_id, pending_id = await send_waiting_for_approval(calm_world, rich_ada)
    await calm_world.dial("tatum kms_get", "error", times=3)
    assert await ask(calm_world, pending_id) == 503
    await calm_world.settle()
    assert order_status(await calm_world.saga(saga_id)) == "completed"


@pytest.mark.parametrize("fault", ["timeout_after", "slow"])
async def test_an_approval_that_overtakes_the_answer_to_the_send_keeps_nobody_waiting(
    calm_world: World, rich_ada: Customer, fault: str
) -> None:
    world = calm_world
    before = await world.runtime.providers.coins.pending_sends("bitcoin")
    saga_id = await world.buy(rich_ada, paying="account")
    await world.dial("tatum send", fault, delay_ms=0)
    asked = world.wire.hold_the_answer(lambda request: request.url.path == "/tatum/v3/bitcoin/transaction")
    async with asyncio.TaskGroup() as group:
        working = group.create_task(world.work())
        await asked.arrived.wait()
        queue = await world.runtime.providers.coins.pending_sends("bitcoin")
        (pending,) = [each for each in queue if each not in before]
        assert await ask(world, pending.id) == 200
        asked.released.set()
        await working
    await world.settle()
    assert order_status(await world.saga(saga_id)) == "completed"


async def test_an_operation_that_its_daemon_gives_up_unsigned_is_not_waited_for(
    calm_world: World, rich_ada: Customer
) -> None:
    world = calm_world
    saga_id, pending_id = await send_waiting_for_approval(world, rich_ada)
    await refuse_everything(world)
    before = len(await world.chain_transactions())
    await world.settle()
    world.wire.hosts["wallet"] = world.wallet
    (effect,) = await world.runtime.sagas.effects_of(saga_id)
    assert (effect.status, effect.approved_ref) == (EffectStatus.CANCELLED, None)
    saga = await world.saga(saga_id)
    assert (order_status(saga), saga.reason) == ("refunded", "operation-failed")
    assert await ask(world, pending_id) == 403
    assert len(await world.chain_transactions()) == before
    await world.audit()


async def refuse_everything(world: World) -> None:
    """Somebody who refuses stands where the wallet stood."""

    async def refuse(_scope: Scope, _receive: Receive, send: Send) -> None:
        await JSONResponse({}, status_code=403)(_scope, _receive, send)

    world.wire.hosts["wallet"] = refuse


async def test_a_question_looks_at_no_sends_but_those_that_took_what_the_operation_spends(
    calm_world: World, rich_ada: Customer
) -> None:
    """A house has sent the same amount thousands of times, and each send is still there to be looked at."""
    world = calm_world
    for _ in range(3):
        await send_waiting_for_approval(world, rich_ada)
    _, pending_id = await send_waiting_for_approval(world, rich_ada)
    effects = world.runtime.database["effects"]
    await effects.update_one({"provider_ref": pending_id}, {"$set": {"provider_ref": None, "status": "unknown"}})
    await world.runtime.database.command("profile", 2)
    assert await ask(world, pending_id) == 200
    await world.runtime.database.command("profile", 0)
    profile = world.runtime.database["system.profile"]
    looked = await profile.find({"ns": f"{effects.full_name}", "op": "query"}).to_list()
    await world.runtime.database.drop_collection("system.profile")
    assert [each["docsExamined"] for each in looked] == [0, 1]
