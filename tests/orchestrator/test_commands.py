"""What operators may make of a parked saga: each fits some states, does one thing there, and is refused elsewhere."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from app.errors import (
    AlreadyOutside,
    DefinitionUnknown,
    EffectEnded,
    EffectNotOpen,
    EffectOpen,
    EvidenceContradicts,
    EvidenceMissing,
    IdempotencyKeyReused,
    SagaEnded,
    SagaNotParked,
    UnwindImpossible,
    WalletError,
)
from app.ids import new_id
from app.ledger.accounts import Account
from app.ledger.acts import Answerable
from app.ledger.changes import Change
from app.ledger.transactions import credit, debit
from app.money import USD, Money
from app.orchestrator.commands import Command, legal
from app.orchestrator.effects import Effect, EffectStatus, Sent
from app.orchestrator.flows import chart
from app.orchestrator.journal import Event, SagaRecord, effect_companion, effect_id, progress
from app.orchestrator.lifecycle import PARKED
from app.orchestrator.operators import Operators, Order, Situations
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Failed, Outcome, Progress, Run, Saga, Settled, Step, Way
from tests.orchestrator.test_engine import Nothing, find_it_frozen, note, refuse, started, step
from tests.worlds import BOOK, World

AMOUNT = Money(100_00, USD)


@dataclass(eq=False)
class Post:
    """An outside call by post: what it finds there is what the test has put there."""

    sent: list[str] = field(default_factory=list)
    arrived: bool = True
    provider: str = "unit"
    operation: str = "post"

    async def examine(self, run: Run, outside: Outside) -> Progress | None:  # noqa: ARG002 - the protocol's
        return None

    def request(self, run: Run) -> Mapping[str, Any]:  # noqa: ARG002 - the protocol's
        return {"to": "somebody"}

    def sending(self, run: Run) -> Outcome:
        return Outcome((run.transaction("sending", debit(doubt(run), AMOUNT), credit(waiting(run), AMOUNT)),))

    async def send(self, effect: Effect, outside: Outside) -> Sent:  # noqa: ARG002 - the protocol's
        self.sent.append(effect.id)
        return Sent(f"letter-{len(self.sent)}")

    async def find(self, effect: Effect, outside: Outside) -> Sent | None:  # noqa: ARG002 - the protocol's
        return None

    def accepted(self, run: Run, effect: Effect) -> Outcome:
        legs = (debit(chart.clearing_in(run.book, USD), AMOUNT), credit(doubt(run), AMOUNT))
        return Outcome((run.transaction("accepted", *legs),), result={"letter": effect.ref})

    def refused(self, run: Run) -> Outcome:
        return Outcome((run.transaction("refused", debit(waiting(run), AMOUNT), credit(doubt(run), AMOUNT)),))

    def waits_for(self, effect: Effect) -> tuple[str, ...]:
        return (f"post:{effect.ref}",)

    async def look(self, effect: Effect, outside: Outside) -> bool:  # noqa: ARG002 - the protocol's
        return self.arrived

    def judge(self, run: Run, effect: Effect, seen: bool) -> Progress:  # noqa: ARG002, FBT001 - what ``look`` saw
        clearing = chart.clearing_in(run.book, USD)
        back = run.transaction("ended", debit(waiting(run), AMOUNT), credit(clearing, AMOUNT))
        return Settled(Outcome((back,))) if seen else Failed("lost", Outcome((back,)))


def doubt(run: Run) -> Account:
    return chart.in_doubt(run.book, "post", USD)


def waiting(run: Run) -> Account:
    return chart.pending(run.book, USD)


def by_post(post: Post, *, after: tuple[Step, ...] = (), pivot: bool = False) -> Saga:
    first = Step("record", told=lambda _params: "noted", do=note, undo=note, pivot=pivot)
    return Saga("toy", 1, Nothing, (first, Step("post", told=lambda _params: "posted", do=post), *after))


async def parked(world: World, flow: Saga, status: EffectStatus, *, state: str = "do:post", **facts: Any) -> str:
    """A saga of that flow, parked at its call, whose outcome is open in that way; what was booked for it is booked."""
    saga_id = await started(world, flow)
    saga = await world.saga(saga_id)
    post = flow.step("post").do
    assert isinstance(post, Post)
    now = world.clock.now()
    run = Run(saga_id, saga.user_id, Nothing(), "post", Way.DO, now=now, step_statuses={}, results={})
    effect = Effect(
        id=effect_id(saga_id, "post"),
        saga_id=saga_id,
        step="post",
        provider="unit",
        operation="post",
        request=dict(post.request(run)),
        status=status,
        attempts=1,
        send_by=now,
        first_sent_at=now,
        **facts,
    )
    booked = post.sending(run).transactions
    if status is EffectStatus.CONFIRMED:
        booked = (*booked, *post.accepted(run, effect).transactions)
    stopped = replace(saga, state=PARKED, parked_from=state, wake_at=None, reason="outcome-unknown")
    stopped = replace(stopped, steps={**saga.steps, "post": {"status": "parked", "attempts": 1, "at": now}})
    event = Event("parked", "post", {"reason": "outcome-unknown"})
    companions = (*progress(saga, stopped, (event,), released=True), effect_companion(None, effect))
    await world.runtime.door.submit(Change(BOOK, booked, companions))
    return saga_id


def operators(world: World, flow: Saga | None) -> Operators:
    runtime = world.runtime
    flows = {} if flow is None else {("toy", 1): flow}
    trail = runtime.desk.customers._trail
    situations = Situations(flows, runtime.sagas, runtime.ledger, world.clock)
    return Operators(situations, trail, runtime.audit, runtime.desk.proposals, runtime.hints.give)


async def give(
    world: World, flow: Saga | None, saga_id: str, command: str, evidence: str | None = None, *, key: str = ""
) -> SagaRecord:
    answerable = Answerable("usr_operator", "seen at the post office", key or new_id("key"))
    given = await operators(world, flow).give(Order(saga_id, Command(command), evidence), answerable)
    assert isinstance(given, SagaRecord)
    return given


async def left(world: World, saga_id: str) -> dict[str, int]:
    audit = await world.runtime.ledger.audit()
    assert audit.breaks == []
    return {account: amount for account, amount in audit.transit.get(saga_id, {}).items() if amount}


async def test_retry_goes_on_where_it_was_parked(calm_world: World) -> None:
    flow = Saga("toy", 1, Nothing, (step("record", note, note), step("a", find_it_frozen)))
    saga_id = await started(calm_world, flow)
    await calm_world.settle()
    assert (await calm_world.saga(saga_id)).status == "parked"
    healed = Saga("toy", 1, Nothing, (step("record", note, note), step("a", note)))
    calm_world.work_through(calm_world.runtime.door, {("toy", 1): healed})
    after = await give(calm_world, healed, saga_id, "retry")
    assert (after.state, after.parked_from, after.reason, after.errors) == ("do:a", None, None, 0)
    await calm_world.settle()
    assert (await calm_world.trace(saga_id))[-4:] == ["parked a", "command a", "done a", "completed"]


async def test_retry_of_a_wait_hears_its_webhooks_again(calm_world: World) -> None:
    flow = by_post(Post())
    saga_id = await parked(calm_world, flow, EffectStatus.CONFIRMED, state="await:post", provider_ref="letter-9")
    after = await give(calm_world, flow, saga_id, "retry")
    assert (after.state, after.waits) == ("await:post", ("post:letter-9",))
    await calm_world.settle()
    assert (await calm_world.saga(saga_id)).status == "completed"


@pytest.mark.parametrize("status", ["sending", "unknown", "cancelling", "planned"])
async def test_confirm_goes_on_as_if_the_provider_had_answered(calm_world: World, status: str) -> None:
    post = Post()
    flow = by_post(post)
    saga_id = await parked(calm_world, flow, EffectStatus(status))
    after = await give(calm_world, flow, saga_id, "confirm", "letter-7")
    assert (after.state, after.waits) == ("await:post", ("post:letter-7",))
    effect = (await calm_world.runtime.sagas.effects_of(saga_id))[0]
    assert (effect.status, effect.provider_ref) == (EffectStatus.CONFIRMED, "letter-7")
    await calm_world.settle()
    saga = await calm_world.saga(saga_id)
    assert (saga.status, saga.results["post"]["letter"], post.sent) == ("completed", "letter-7", [])
    assert await left(calm_world, saga_id) == {}


@pytest.mark.parametrize("status", ["unknown", "confirmed"])
async def test_mark_absent_mirrors_what_was_booked_and_unwinds(calm_world: World, status: str) -> None:
    flow = by_post(Post())
    state, ref = ("await:post", "letter-3") if status == "confirmed" else ("do:post", None)
    saga_id = await parked(calm_world, flow, EffectStatus(status), state=state, provider_ref=ref)
    await give(calm_world, flow, saga_id, "mark_absent", "ticket 17: the post office has no such letter")
    effect = (await calm_world.runtime.sagas.effects_of(saga_id))[0]
    assert (effect.status, effect.reason) == (EffectStatus.CANCELLED, "marked-absent")
    await calm_world.settle()
    assert (await calm_world.saga(saga_id)).status == "compensated"
    assert await left(calm_world, saga_id) == {}


async def test_past_the_pivot_mark_absent_leaves_it_parked_with_nothing_on_the_way(calm_world: World) -> None:
    flow = by_post(Post(), pivot=True)
    saga_id = await parked(calm_world, flow, EffectStatus.UNKNOWN)
    after = await give(calm_world, flow, saga_id, "mark_absent", "ticket 18")
    assert (after.status, after.parked_from) == ("parked", "do:post")
    assert await left(calm_world, saga_id) == {}


async def test_compensate_unwinds_what_a_refusal_stopped(calm_world: World) -> None:
    flow = Saga("toy", 1, Nothing, (step("record", note, note), step("a", find_it_frozen)))
    saga_id = await started(calm_world, flow)
    await calm_world.settle()
    await give(calm_world, flow, saga_id, "compensate")
    await calm_world.settle()
    assert (await calm_world.trace(saga_id))[-4:] == ["command a", "failed a", "undone record", "compensated"]


async def test_write_off_books_what_is_on_the_way_and_ends(calm_world: World) -> None:
    flow = by_post(Post())
    before = await calm_world.runtime.ledger.balance(chart.write_off(BOOK, USD).id)
    saga_id = await parked(calm_world, flow, EffectStatus.CONFIRMED, state="await:post", provider_ref="letter-4")
    assert set((await left(calm_world, saga_id)).values()) == {AMOUNT.minor, -AMOUNT.minor}
    after = await give(calm_world, flow, saga_id, "write_off")
    assert (after.status, after.reason, after.wake_at) == ("cancelled", "written-off", None)
    assert await left(calm_world, saga_id) == {}
    assert await calm_world.runtime.ledger.balance(chart.write_off(BOOK, USD).id) == before
    await calm_world.settle()
    assert (await calm_world.trace(saga_id))[-2:] == ["command post", "cancelled"]


async def test_what_is_written_off_is_never_sent(calm_world: World) -> None:
    post = Post()
    flow = by_post(post)
    saga_id = await parked(calm_world, flow, EffectStatus.PLANNED)
    await give(calm_world, flow, saga_id, "write_off")
    await calm_world.settle()
    assert post.sent == []
    assert (await calm_world.runtime.sagas.effects_of(saga_id))[0].status is EffectStatus.CANCELLED


async def test_cancel_calls_off_what_has_not_left_the_house(calm_world: World) -> None:
    post = Post()
    flow = by_post(post)
    saga_id = await started(calm_world, flow)
    await give(calm_world, flow, saga_id, "cancel")
    await calm_world.settle()
    assert ((await calm_world.saga(saga_id)).status, post.sent) == ("compensated", [])


async def test_a_command_under_the_same_key_is_given_once(calm_world: World) -> None:
    flow = by_post(Post())
    saga_id = await parked(calm_world, flow, EffectStatus.UNKNOWN)
    await give(calm_world, flow, saga_id, "confirm", "letter-7", key="once")
    await calm_world.settle()
    again = await give(calm_world, flow, saga_id, "confirm", "letter-7", key="once")
    assert (again.status, (await calm_world.trace(saga_id)).count("command post")) == ("completed", 1)
    with pytest.raises(IdempotencyKeyReused):
        await give(calm_world, flow, saga_id, "confirm", "letter-8", key="once")


async def test_of_two_operators_one_is_heard(calm_world: World) -> None:
    flow = by_post(Post())
    saga_id = await parked(calm_world, flow, EffectStatus.UNKNOWN)
    orders = (give(calm_world, flow, saga_id, "confirm", "letter-1"), give(calm_world, flow, saga_id, "write_off"))
    verdicts = await asyncio.gather(*orders, return_exceptions=True)
    assert [isinstance(each, SagaRecord) for each in verdicts].count(True) == 1
    assert [type(each) for each in verdicts if isinstance(each, WalletError)] in ([SagaNotParked], [SagaEnded])
    assert (await calm_world.trace(saga_id)).count("command post") == 1


async def test_who_and_why_are_in_the_history_and_in_the_trail(calm_world: World) -> None:
    flow = by_post(Post())
    saga_id = await parked(calm_world, flow, EffectStatus.UNKNOWN)
    await give(calm_world, flow, saga_id, "confirm", "letter-7")
    events = await calm_world.runtime.sagas.events(saga_id, 0, 100)
    [command] = [each["facts"] for each in events if each["type"] == "command"]
    assert command == {
        "command": "confirm",
        "by": "usr_operator",
        "reason": "seen at the post office",
        "evidence": "letter-7",
        "before": "parked",
        "after": "await:post",
    }
    [entry] = await calm_world.runtime.audit.entries(BOOK, {"subject": saga_id.partition("/")[2]}, None, 10)
    assert (entry["act"], entry["by"], entry["before"]["effect"], entry["after"]["effect"]) == (
        "saga.confirm",
        "usr_operator",
        "unknown",
        "confirmed",
    )
    assert await calm_world.runtime.audit.breaks() == []


# the saga's state, its call's status, the command, its evidence, the refusal
REFUSALS: tuple[tuple[str, str, str, str | None, type[WalletError]], ...] = (
    ("do:post", "rejected", "retry", None, EffectEnded),
    ("do:post", "cancelled", "retry", None, EffectEnded),
    ("do:post", "unknown", "confirm", None, EvidenceMissing),
    ("do:post", "rejected", "confirm", "letter-1", EffectNotOpen),
    ("await:post", "confirmed", "confirm", "letter-1", EffectNotOpen),
    ("do:post", "unknown", "mark_absent", None, EvidenceMissing),
    ("do:post", "cancelled", "mark_absent", "ticket 1", EffectNotOpen),
    ("do:post", "unknown", "compensate", None, EffectOpen),
    ("do:post", "sending", "compensate", None, EffectOpen),
    ("await:post", "confirmed", "compensate", None, EffectOpen),
    ("do:post", "unknown", "cancel", None, AlreadyOutside),
    ("await:post", "confirmed", "cancel", None, AlreadyOutside),
)


@pytest.mark.parametrize(("state", "status", "command", "evidence", "refusal"), REFUSALS)
async def test_a_command_that_does_not_fit_is_refused_and_leaves_no_trace(
    calm_world: World, state: str, status: str, command: str, evidence: str | None, refusal: type[WalletError]
) -> None:
    flow = by_post(Post())
    ref = "letter-5" if status == "confirmed" else None
    saga_id = await parked(calm_world, flow, EffectStatus(status), state=state, provider_ref=ref)
    before = await calm_world.saga(saga_id)
    assert (Command(command) in legal(await operators(calm_world, flow)._situations.of(saga_id))) is (
        refusal is EvidenceMissing
    )
    with pytest.raises(refusal):
        await give(calm_world, flow, saga_id, command, evidence)
    assert await calm_world.saga(saga_id) == before


async def test_a_refusal_says_what_fits_instead(calm_world: World) -> None:
    flow = by_post(Post())
    saga_id = await parked(calm_world, flow, EffectStatus.UNKNOWN)
    with pytest.raises(EffectOpen) as open_call:
        await give(calm_world, flow, saga_id, "compensate")
    assert open_call.value.facts["fitting"] == "retry, confirm, mark_absent, write_off"
    assert open_call.value.sentence.endswith("What fits now: retry, confirm, mark_absent, write_off.")
    await give(calm_world, flow, saga_id, "write_off")
    with pytest.raises(SagaEnded) as over:
        await give(calm_world, flow, saga_id, "retry")
    assert over.value.sentence == "The saga has ended: cancelled. No command fits it now."


async def test_another_reference_than_the_approved_one_is_refused(calm_world: World) -> None:
    flow = by_post(Post())
    saga_id = await parked(calm_world, flow, EffectStatus.CANCELLING, approved_ref="letter-2")
    with pytest.raises(EvidenceContradicts):
        await give(calm_world, flow, saga_id, "confirm", "letter-1")
    assert (await give(calm_world, flow, saga_id, "confirm", "letter-2")).state == "await:post"


@pytest.mark.parametrize("command", ["retry", "confirm", "mark_absent", "compensate", "write_off"])
async def test_a_saga_that_goes_on_by_itself_is_left_alone(calm_world: World, command: str) -> None:
    flow = by_post(Post())
    saga_id = await started(calm_world, flow)
    with pytest.raises(SagaNotParked):
        await give(calm_world, flow, saga_id, command, "letter-1")
    await calm_world.settle()


@pytest.mark.parametrize("command", list(Command))
async def test_what_has_ended_is_over(calm_world: World, command: Command) -> None:
    flow = by_post(Post())
    saga_id = await started(calm_world, flow)
    await calm_world.settle()
    with pytest.raises(SagaEnded):
        await give(calm_world, flow, saga_id, command, "letter-1")


async def test_past_the_pivot_there_is_no_way_back(calm_world: World) -> None:
    frozen = step("a", find_it_frozen)
    flow = Saga("toy", 1, Nothing, (Step("record", told=str, do=note, undo=note, pivot=True), frozen))
    saga_id = await started(calm_world, flow)
    await calm_world.settle()
    for command in ("compensate", "cancel"):
        with pytest.raises(UnwindImpossible):
            await give(calm_world, flow, saga_id, command)


async def test_what_unwinds_already_is_not_unwound_again(calm_world: World) -> None:
    flow = Saga("toy", 1, Nothing, (step("record", note, refuse), step("a", refuse)))
    saga_id = await started(calm_world, flow)
    await calm_world.settle()
    assert (await calm_world.saga(saga_id)).parked_from == "undo:record"
    with pytest.raises(UnwindImpossible):
        await give(calm_world, flow, saga_id, "compensate")


async def test_of_a_definition_that_is_gone_only_the_money_can_be_written_off(calm_world: World) -> None:
    flow = by_post(Post())
    saga_id = await parked(calm_world, flow, EffectStatus.UNKNOWN)
    for command in ("retry", "confirm", "mark_absent", "compensate", "cancel"):
        with pytest.raises(DefinitionUnknown):
            await give(calm_world, None, saga_id, command, "letter-1")
    assert legal(await operators(calm_world, None)._situations.of(saga_id)) == (Command.WRITE_OFF,)
    assert (await give(calm_world, None, saga_id, "write_off")).status == "cancelled"
    assert await left(calm_world, saga_id) == {}
