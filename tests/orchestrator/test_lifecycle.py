"""The table of legal moves, drawn."""

from dataclasses import replace
from typing import Any, cast

import pytest
from pydantic import BaseModel

from app.orchestrator.flows import FLOWS
from app.orchestrator.flows.deposit import DEPOSIT
from app.orchestrator.flows.purchase import PURCHASE, Purchase
from app.orchestrator.lifecycle import (
    CANCELLED,
    COMPENSATED,
    COMPLETED,
    ENDS,
    PARKED,
    IllegalMove,
    diagram,
    first_state,
    may,
    move,
    phase_of,
    public_status,
)
from app.orchestrator.passages import settle_skips
from app.orchestrator.saga import Call, Inner, Outcome, Run, Saga, Step

TRIGGERS = ("done", "skip", "wait", "fail", "undone", "call_off", "park")


class Nothing(BaseModel):
    """No parameters."""

    wanted: bool = True


def say(_run: Run) -> Outcome:
    return Outcome()


CALL = cast("Call", object())
"""Anything that cannot be called stands for an outside step: the table asks no more of it."""


def step(name: str, do: Inner | Call, undo: Inner | Call | None = None, *, pivot: bool = False) -> Step:
    return Step(name, told=lambda _params: f"{name} is done", do=do, undo=undo, pivot=pivot)


def saga(*steps: Step) -> Saga:
    return Saga("toy", version=1, params=Nothing, steps=steps)


TWO_INNER_STEPS = saga(step("a", say, say), step("b", say))
A_CALL_BETWEEN = saga(step("a", say, say), step("b", CALL, CALL), step("c", say))
WITH_A_CALL_OFF = saga(step("a", say, say), replace(step("b", CALL, CALL), call_off=CALL), step("c", say))
NOTHING_TO_GIVE_BACK = saga(step("a", say, say), replace(step("b", CALL), call_off=CALL), step("c", say))
A_PIVOT = saga(step("a", say, say), step("b", CALL, pivot=True), step("c", CALL))
NO_UNDO_IN_BETWEEN = saga(step("a", say, say), step("b", say), step("c", say))

# definition, state, trigger, what follows (None: illegal)
MOVES = """
two     do:a          done    do:b
two     do:a          fail    compensated
two     do:a          skip    do:b
two     do:a          wait    -
two     do:a          undone  -
two     do:a          park    parked
two     undo:a        undone  compensated
two     undo:a        done    -
two     undo:a        fail    -
two     undo:a        wait    -
two     undo:a        skip    -
two     undo:a        park    parked
two     do:b          done    completed
two     do:b          fail    undo:a
two     undo:b        undone  -
two     completed     done    -
two     completed     park    -
two     compensated   undone  -
two     parked        done    -
two     parked        park    -
call    do:b          wait    await:b
call    await:b       wait    await:b
call    await:b       done    do:c
call    await:b       fail    undo:a
call    await:b       skip    -
call    await:b       undone  -
call    await:b       park    parked
call    do:c          fail    undo:b
call    undo:b        wait    await-undo:b
call    undo:b        undone  undo:a
call    await-undo:b  wait    await-undo:b
call    await-undo:b  undone  undo:a
call    await-undo:b  fail    -
call    await-undo:b  park    parked
stop    await:b             call_off  call-off:b
stop    do:b                call_off  -
stop    call-off:b          wait      await-call-off:b
stop    await-call-off:b    wait      await-call-off:b
stop    call-off:b          done      undo:b
stop    await-call-off:b    done      undo:b
stop    call-off:b          fail      undo:a
stop    await-call-off:b    fail      undo:a
stop    call-off:b          call_off  -
stop    await-call-off:b    undone    -
stop    await-call-off:b    park      parked
kept    await-call-off:b    done      do:c
kept    await-call-off:b    fail      undo:a
pivot   do:b          fail    undo:a
pivot   await:b       fail    undo:a
pivot   do:c          fail    -
pivot   await:c       fail    -
pivot   do:c          park    parked
gap     do:c          fail    undo:a
gap     do:b          fail    undo:a
"""
DEFINITIONS = {
    "two": TWO_INNER_STEPS,
    "call": A_CALL_BETWEEN,
    "stop": WITH_A_CALL_OFF,
    "kept": NOTHING_TO_GIVE_BACK,
    "pivot": A_PIVOT,
    "gap": NO_UNDO_IN_BETWEEN,
}


@pytest.mark.parametrize("line", MOVES.strip().splitlines())
def test_the_table_says_where_a_trigger_leads(line: str) -> None:
    name, state, trigger, following = line.split()
    flow = DEFINITIONS[name]
    if following == "-":
        assert not may(flow, state, trigger)
        with pytest.raises(IllegalMove, match=f"toy: {trigger} in {state}"):
            move(flow, state, trigger)
    else:
        assert may(flow, state, trigger)
        assert move(flow, state, trigger) == following


def test_a_word_that_is_no_trigger_is_an_illegal_move() -> None:
    with pytest.raises(IllegalMove):
        move(DEPOSIT, "do:record", "to_completed")


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("do:collect", "running"),
        ("await:collect", "waiting"),
        ("undo:collect", "compensating"),
        ("await-undo:collect", "compensating"),
        ("call-off:collect", "compensating"),
        ("await-call-off:collect", "compensating"),
        ("completed", "completed"),
        ("compensated", "compensated"),
        ("parked", "parked"),
    ],
)
def test_callers_are_told_less_than_the_state(state: str, told: str) -> None:
    assert public_status(state) == told


def test_an_end_has_no_step() -> None:
    assert phase_of("await-undo:collect") == ("await-undo", "collect")
    assert phase_of("completed") == ("completed", "")


PURCHASE_MOVES = """
do:record           done    do:collect
do:record           fail    compensated
do:collect          wait    await:collect
do:collect          fail    undo:record
await:collect       done    do:convert
await:collect       fail    undo:record
await:collect       call_off  call-off:collect
call-off:collect    wait    await-call-off:collect
call-off:collect    done    undo:collect
await-call-off:collect  done  undo:collect
await-call-off:collect  fail  undo:record
do:convert          done    do:credit
do:convert          fail    undo:collect
do:credit           done    do:deliver
do:credit           skip    do:deliver
do:credit           fail    undo:convert
do:deliver          wait    await:deliver
do:deliver          fail    undo:convert
await:deliver       done    completed
await:deliver       fail    undo:convert
undo:convert        undone  undo:collect
undo:collect        wait    await-undo:collect
await-undo:collect  undone  undo:record
undo:record         undone  compensated
"""


@pytest.mark.parametrize("line", PURCHASE_MOVES.strip().splitlines())
def test_a_purchase_moves_so(line: str) -> None:
    state, trigger, following = line.split()
    assert move(PURCHASE, state, trigger) == following


@pytest.mark.parametrize("flow", FLOWS.values(), ids=lambda flow: flow.name)
def test_every_state_of_a_flow_leads_to_an_end_and_none_leads_out_of_one(flow: Saga) -> None:
    reached, ahead = set[str](), [first_state(flow)]
    while ahead:
        state = ahead.pop()
        if state in reached:
            continue
        reached.add(state)
        ahead.extend(move(flow, state, trigger) for trigger in TRIGGERS if may(flow, state, trigger))
    ends = {*ENDS, PARKED}
    assert ends - {CANCELLED} <= reached, "only a person cancels"
    for state in reached - ends:
        assert may(flow, state, "park"), f"nobody can stop the saga in {state}"
        assert _can_end(flow, state, set()), f"{state} is a dead end"
    assert not any(may(flow, end, trigger) for end in ends for trigger in TRIGGERS)


def _can_end(flow: Saga, state: str, seen: set[str]) -> bool:
    if state in ENDS:
        return True
    following = {move(flow, state, trigger) for trigger in TRIGGERS if trigger != "park" and may(flow, state, trigger)}
    return any(_can_end(flow, each, seen | {state}) for each in following - seen - {state})


@pytest.mark.parametrize("flow", FLOWS.values(), ids=lambda flow: flow.name)
def test_what_was_done_before_a_failing_step_can_all_be_undone(flow: Saga) -> None:
    """Every step that moved something and can be followed by a failure has an undo, in its turn."""
    for index, failing in enumerate(flow.steps):
        state = f"do:{failing.name}"
        if not may(flow, state, "fail"):
            continue
        undone = []
        following = move(flow, state, "fail")
        while following not in ENDS:
            undone.append(phase_of(following)[1])
            following = move(flow, following, "undone")
        expected = [each.name for each in reversed(flow.steps[:index]) if each.undo is not None]
        assert undone == expected


def purchase(**changes: Any) -> Purchase:
    given = {
        "quote_id": "default/quo_1",
        "quote_version": 1,
        "total": "100.00 USD",
        "fee": "1.50 USD",
        "network_fee": "0.80 USD",
        "coins": "0.001 BTC",
        "funding": "bank",
        "account_id": "default/acc_1",
        "bank_link_id": "default/lnk_1",
        "chain": "bitcoin",
        "address": "tb1q",
    }
    return Purchase.model_validate({**given, **changes})


FROM_BANK_TO_CHAIN = purchase()
FROM_ACCOUNT_TO_CHAIN = purchase(funding="account", bank_link_id=None)
FROM_BANK_TO_ACCOUNT = purchase(chain=None, address=None, receiving_account_id="default/acc_2")
FROM_ACCOUNT_TO_ACCOUNT = purchase(funding="account", bank_link_id=None, chain=None, address=None)


@pytest.mark.parametrize(
    ("params", "state", "settled", "passed_over"),
    [
        (FROM_BANK_TO_CHAIN, "do:collect", "do:collect", ()),
        (FROM_ACCOUNT_TO_CHAIN, "do:collect", "do:convert", ("collect",)),
        (FROM_BANK_TO_CHAIN, "do:credit", "do:deliver", ("credit",)),
        (FROM_BANK_TO_ACCOUNT, "do:credit", "do:credit", ()),
        (FROM_BANK_TO_ACCOUNT, "do:deliver", "completed", ("deliver",)),
        (FROM_ACCOUNT_TO_ACCOUNT, "do:deliver", "completed", ("deliver",)),
        (FROM_BANK_TO_CHAIN, "await:collect", "await:collect", ()),
    ],
)
def test_steps_that_do_not_apply_are_passed_over_forwards(
    params: Purchase, state: str, settled: str, passed_over: tuple[str, ...]
) -> None:
    assert settle_skips(PURCHASE, state, params, {}) == (settled, passed_over)


@pytest.mark.parametrize(
    ("told", "state", "settled"),
    [
        ({"record": "done", "collect": "done", "convert": "done"}, "undo:convert", "undo:convert"),
        ({"record": "done", "collect": "done", "convert": "failed"}, "undo:convert", "undo:collect"),
        ({"record": "done", "collect": "skipped", "convert": "done"}, "undo:collect", "undo:record"),
        ({"record": "done", "collect": "failed"}, "undo:collect", "undo:record"),
        ({"record": "undone", "collect": "undone"}, "undo:collect", "compensated"),
        ({}, "undo:convert", "compensated"),
    ],
)
def test_only_what_was_done_is_undone(told: dict[str, str], state: str, settled: str) -> None:
    steps = {name: {"status": status} for name, status in told.items()}
    assert settle_skips(PURCHASE, state, FROM_BANK_TO_CHAIN, steps) == (settled, ())


def test_the_diagram_draws_every_move_but_parking() -> None:
    drawn = diagram(A_CALL_BETWEEN).splitlines()
    assert drawn == [
        "stateDiagram-v2",
        "    [*] --> do_a",
        "    do_a --> do_b: done",
        "    do_a --> compensated: fail",
        "    undo_a --> compensated: undone",
        "    do_b --> do_c: done",
        "    do_b --> undo_a: fail",
        "    awaiting_b --> do_c: done",
        "    awaiting_b --> undo_a: fail",
        "    do_b --> awaiting_b: wait",
        "    undo_b --> undo_a: undone",
        "    undo_b --> awaiting_undo_of_b: wait",
        "    awaiting_undo_of_b --> undo_a: undone",
        "    do_c --> completed: done",
        "    do_c --> undo_b: fail",
        "    completed --> [*]",
        "    compensated --> [*]",
    ]


@pytest.mark.parametrize("flow", FLOWS.values(), ids=lambda flow: flow.name)
def test_every_flow_can_be_drawn(flow: Saga) -> None:
    drawn = diagram(flow)
    assert COMPLETED in drawn
    assert COMPENSATED in drawn
    assert all(f"do_{each.name}" in drawn for each in flow.steps)
    assert ":" not in "".join(line.rpartition(": ")[0] or line for line in drawn.splitlines())


def test_the_first_step_may_be_any_inner_one() -> None:
    action: Inner = say
    assert first_state(saga(step("only", action))) == "do:only"
    assert move(saga(step("only", action)), "do:only", "done") == COMPLETED
