"""What a person may make of a saga that does not go on by itself, judged against the state it meets. Pure.

| Command | Where it fits | What it does |
|---|---|---|
| retry | parked, unless its call is over | goes on where it was parked; an undo whose call is over begins anew |
| confirm | parked, its call's outcome open | the call gets the provider's reference; goes on as if it was answered |
| mark_absent | parked, its call open or taken on | the call did not happen: its booking is mirrored; unwinds |
| compensate | parked, no call open, not past the pivot | unwinds |
| | parked, its pull awaited | the pull is called off; what has settled all the same is given back |
| write_off | parked | what is on the way goes to the write-off account, holds are released; ends as ``cancelled`` |
| cancel | not ended, and nothing has left the house | unwinds |
| | its pull awaited | the pull is called off; what has settled all the same is given back |

Unwinding is the definition's own; where there is none (past the pivot, unwinding or being called off already)
``mark_absent`` leaves the saga parked, and the others are refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, cast

from app.errors import (
    AlreadyOutside,
    CommandRefused,
    DefinitionUnknown,
    EffectEnded,
    EffectNotOpen,
    EffectOpen,
    EvidenceContradicts,
    EvidenceMissing,
    SagaEnded,
    SagaNotParked,
    UnwindImpossible,
)
from app.ids import public_id
from app.ledger.changes import Companion
from app.ledger.transactions import Transaction
from app.money import Money
from app.orchestrator.effects import Effect, EffectStatus, may_begin_anew
from app.orchestrator.flows.recovery import watch_on_ended
from app.orchestrator.journal import Event, SagaRecord, begun_anew, current_effect_id, effect_companion
from app.orchestrator.lifecycle import CANCELLED, ENDS, PARKED, is_awaiting, is_call, may, move, phase_of, way_of
from app.orchestrator.passages import settle_skips
from app.orchestrator.saga import Call, Outcome, Run, Saga, Way, step_of
from app.orchestrator.transit import left_on_the_way, mirror_of, released, written_off
from app.orchestrator.watches import watch_companion
from app.orchestrator.work import Work, work_on

_OPEN = frozenset({EffectStatus.PLANNED, EffectStatus.SENDING, EffectStatus.UNKNOWN, EffectStatus.CANCELLING})
_OVER = frozenset({EffectStatus.REJECTED, EffectStatus.CANCELLED})


class Command(StrEnum):
    """What may be asked for."""

    RETRY = "retry"
    CONFIRM = "confirm"
    MARK_ABSENT = "mark_absent"
    COMPENSATE = "compensate"
    WRITE_OFF = "write_off"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Situation:
    """A saga as it stands: its definition, the call of the step it is in, everything it sent and posted.

    ``held``: what each of its holds still reserves, in minor units, by the hold's id.
    """

    saga: SagaRecord
    flow: Saga | None
    effect: Effect | None
    effects: Sequence[Effect]
    postings: Sequence[Transaction]
    held: Mapping[str, int]
    now: datetime

    @property
    def state(self) -> str:
        """Where it stands, or stood when it was parked."""
        return self.saga.parked_from or self.saga.state

    @property
    def effect_status(self) -> str:
        """Where the step's call stands, in a word."""
        return self.effect.status.value if self.effect else "none"

    @property
    def definition(self) -> Saga:
        """Its definition; whoever asks has made sure that this release has it."""
        if self.flow is None:
            raise LookupError(f"no definition of {self.saga.type} version {self.saga.def_version}")
        return self.flow

    @property
    def work(self) -> Work:
        """Its step, and which of that step's actions it is at."""
        return work_on(self.definition, self.saga, self.now)

    @property
    def run(self) -> Run:
        """What the actions of its step may know."""
        return self.work.run

    @property
    def call(self) -> Call | None:
        """The action it is at, if that goes outside."""
        action = self.work.action
        return cast("Call", action) if is_call(action) else None

    @property
    def may_unwind(self) -> bool:
        """Whether it goes forward, and may still be turned round."""
        return self.run.way is Way.DO and may(self.definition, self.state, "fail")

    @property
    def may_be_called_off(self) -> bool:
        """Whether it waits for something that its definition knows how to stop."""
        return may(self.definition, self.state, "call_off")


@dataclass(frozen=True, slots=True)
class Decision:
    """What a command makes true: the saga afterwards, what is posted, and what becomes of its call."""

    saga: SagaRecord
    events: tuple[Event, ...] = ()
    outcome: Outcome = field(default_factory=Outcome)
    effect: Effect | None = None


def judge(command: Command, met: Situation, evidence: str | None = None) -> Decision:
    """What the command does here.

    Raises SagaEnded, SagaNotParked (cancel: any that has not ended will do), DefinitionUnknown, then EvidenceMissing,
    EffectNotOpen, EffectOpen, EffectEnded, EvidenceContradicts, AlreadyOutside, UnwindImpossible, as they apply.
    """
    saga_id = public_id(met.saga.id)
    if met.saga.state in ENDS:
        raise SagaEnded(saga_id, command, met.saga.status)
    if command is not Command.CANCEL and met.saga.state != PARKED:
        raise SagaNotParked(saga_id, command, met.saga.status)
    if met.flow is None and command is not Command.WRITE_OFF:
        raise DefinitionUnknown(saga_id, command, f"{met.saga.type} version {met.saga.def_version}")
    match command:
        case Command.RETRY:
            return _retry(met)
        case Command.CONFIRM:
            return _confirm(met, evidence)
        case Command.MARK_ABSENT:
            return _mark_absent(met, evidence)
        case Command.COMPENSATE:
            return _compensate(met)
        case Command.WRITE_OFF:
            return _write_off(met)
        case Command.CANCEL:
            return _cancel(met)


def takes_two(command: Command, met: Situation) -> bool:
    """Whether it says where money is, moves it, or gives it up; going on, and calling off what has not left, do not."""
    match command:
        case Command.RETRY:
            return False
        case Command.CANCEL:
            return met.may_be_called_off
        case _:
            return True


def at_stake(met: Situation) -> tuple[Money, ...]:
    """Every amount that the saga was asked for, or has posted."""
    params = () if met.flow is None else met.flow.params.model_validate(met.saga.params)
    asked = tuple(each for _, each in params if isinstance(each, Money))
    return (*asked, *(leg.amount for each in met.postings for leg in each.legs))


def legal(met: Situation) -> tuple[Command, ...]:
    """The commands that fit now."""
    return tuple(command for command in Command if _fits(command, met))


def _fits(command: Command, met: Situation) -> bool:
    approved = met.effect.approved_ref if met.effect else None
    try:
        judge(command, met, evidence=approved or "anything")
    except CommandRefused:
        return False
    return True


def _retry(met: Situation) -> Decision:
    """Go on where it was parked; the driver looks before it does anything."""
    awaited = met.effect is not None and met.call is not None and is_awaiting(met.state)
    if met.effect is not None and may_begin_anew(met.effect) and met.run.way is not Way.CALL_OFF:
        return _begin_anew(met)
    saga = replace(
        _going_on(met, met.state),
        steps=_told(met, "waiting" if is_awaiting(met.state) else "running"),
        waits=met.call.waits_for(met.effect) if awaited and met.call and met.effect else (),
        reason=None,
    )
    return Decision(saga)


def _begin_anew(met: Situation) -> Decision:
    """Undo once more, by another call. What did not happen forwards is not done again: it unwinds."""
    if not met.run.undoing:
        raise EffectEnded(public_id(met.saga.id), Command.RETRY, met.effect_status)
    saga = begun_anew(_going_on(met, f"undo:{met.run.step}"), met.run.step, Way.UNDO)
    return Decision(replace(saga, steps=_told(met, "running"), reason=None))


def _confirm(met: Situation, evidence: str | None) -> Decision:
    """As if the provider had answered with that reference; what became of it is looked up from here on."""
    effect, call = _open_call(met, Command.CONFIRM, _OPEN)
    if not evidence:
        raise EvidenceMissing(Command.CONFIRM)
    if effect.approved_ref not in {None, evidence}:
        raise EvidenceContradicts(public_id(met.saga.id), Command.CONFIRM)
    confirmed = replace(effect, status=EffectStatus.CONFIRMED, provider_ref=evidence, reason=None)
    outcome = call.accepted(met.run, confirmed)
    name = met.run.step
    saga = replace(
        _going_on(met, move(met.definition, met.state, "wait")),
        steps=_told(met, "waiting"),
        results={**met.saga.results, name: {**met.saga.results.get(name, {}), **outcome.result}},
        waits=call.waits_for(confirmed),
        reason=None,
    )
    accepted = Event("accepted", name, {"provider": effect.provider, "ref": confirmed.ref})
    return Decision(saga, (accepted,), outcome, confirmed)


def _mark_absent(met: Situation, evidence: str | None) -> Decision:
    """It definitely did not happen. What the provider had taken on is mirrored from what was posted for it."""
    taken_on = frozenset({EffectStatus.CONFIRMED}) if met.run.way is Way.DO else frozenset()
    effect, call = _open_call(met, Command.MARK_ABSENT, _OPEN | taken_on)
    if not evidence:
        raise EvidenceMissing(Command.MARK_ABSENT)
    cancelled = _ended(effect, "marked-absent")
    if effect.status in taken_on:
        mirrored = mirror_of(met.run, met.postings).followed_by(Outcome(companions=_given_back(met, effect)))
    else:
        mirrored = call.refused(met.run)
    mirrored = mirrored.followed_by(Outcome(companions=_watched(met, effect)))
    if met.may_unwind:
        return _unwinding(met, "marked-absent", mirrored, cancelled)
    return Decision(replace(met.saga, reason="marked-absent", updated_at=met.now), (), mirrored, cancelled)


def _compensate(met: Situation) -> Decision:
    saga_id = public_id(met.saga.id)
    if met.may_be_called_off:
        return _call_off(met, "compensate")
    if met.effect is not None and met.effect.status not in _OVER | {EffectStatus.PLANNED}:
        raise EffectOpen(saga_id, Command.COMPENSATE, met.effect_status)
    if not met.may_unwind:
        raise UnwindImpossible(saga_id, Command.COMPENSATE, met.state)
    return _unwinding(met, "compensate", *_unsent(met, "compensated"))


def _cancel(met: Situation) -> Decision:
    """Unwind before anything was sent, or stop what can be; a call that definitely was not made counts as none."""
    saga_id = public_id(met.saga.id)
    if met.may_be_called_off:
        return _call_off(met, "cancelled")
    if any(each.status is not EffectStatus.PLANNED for each in met.effects):
        raise AlreadyOutside(saga_id, Command.CANCEL, met.state)
    if not met.may_unwind:
        raise UnwindImpossible(saga_id, Command.CANCEL, met.state)
    return _unwinding(met, "cancelled", *_unsent(met, "cancelled"))


def _call_off(met: Situation, reason: str) -> Decision:
    """Stop what is under way; whatever becomes of it is looked up from here on."""
    saga = _going_on(met, move(met.definition, met.state, "call_off"))
    event = Event("called-off", met.run.step, {"reason": reason})
    return Decision(replace(saga, steps=_told(met, "waiting"), reason=reason), (event,))


def _write_off(met: Situation) -> Decision:
    """Whatever is on the way is given up, double entry; nothing may be sent or approved for it any more."""
    before = _still_to_count(met)
    after = {each.id: _ended(each, "written-off") for each in before}
    over = after.pop(met.effect.id, None) if met.effect is not None else None
    ended = (*(effect_companion(each, after[each.id]) for each in before if each.id in after), *_given_back(met, over))
    watched = tuple(watch for each in before for watch in _watched(met, each))
    saga = replace(
        met.saga,
        state=CANCELLED,
        steps=_told(met, "failed"),
        waits=(),
        wake_at=None,
        errors=0,
        reason="written-off",
        updated_at=met.now,
    )
    postings = (*written_off(met.saga.id, met.postings), *released(met.saga.id, met.postings, met.held))
    return Decision(saga, (Event(CANCELLED, "", {}),), Outcome(postings, (*ended, *watched)), over)


def _still_to_count(met: Situation) -> list[Effect]:
    """The calls that may yet move what is written off; if they do, that is a recovery's to book.

    One that was answered counts as long as its step has money on the way, or what it waits for could still be stopped.
    """
    step, way = phase_of(met.state)[1], way_of(met.state)
    under_way = left_on_the_way(each for each in met.postings if step_of(each.kind) == step)
    stoppable = way is Way.CALL_OFF or (met.flow is not None and met.may_be_called_off)
    answered = {EffectStatus.CONFIRMED} if under_way or stoppable else set()
    ids = {current_effect_id(met.saga, step, each) for each in ({way, Way.DO} if way is Way.CALL_OFF else {way})}
    return [each for each in met.effects if each.id in ids and each.status in _OPEN | answered]


def _given_back(met: Situation, over: Effect | None) -> tuple[Companion, ...]:
    """What a call had taken and never used; where one of its operations was approved, it may yet be used."""
    if over is None or over.approved_ref is not None or met.flow is None or met.call is None:
        return ()
    return met.call.refused(met.run).companions


def _watched(met: Situation, effect: Effect) -> tuple[Companion, ...]:
    """The watch on a call that a person has ended, for what its provider makes of it all the same."""
    watch = watch_on_ended(effect, met.saga.results.get(effect.step, {}), met.now)
    return () if watch is None else (watch_companion(met.saga.id, met.saga.user_id, effect.step, watch, met.now),)


def _ended(effect: Effect, reason: str) -> Effect:
    return replace(effect, status=EffectStatus.CANCELLED, reason=reason)


def _open_call(met: Situation, command: Command, statuses: frozenset[EffectStatus]) -> tuple[Effect, Call]:
    if met.effect is None or met.call is None or met.effect.status not in statuses:
        raise EffectNotOpen(public_id(met.saga.id), command, met.effect_status)
    return met.effect, met.call


def _unsent(met: Situation, reason: str) -> tuple[Outcome, Effect | None]:
    """The mirror of what was booked for a call that was announced and definitely not made."""
    if met.effect is None or met.call is None or met.effect.status is not EffectStatus.PLANNED:
        return Outcome(), None
    return met.call.refused(met.run), _ended(met.effect, reason)


def _unwinding(met: Situation, reason: str, outcome: Outcome, effect: Effect | None) -> Decision:
    steps = _told(met, "failed")
    failed = move(met.definition, met.state, "fail")
    state, _ = settle_skips(met.definition, failed, met.run.params, steps)
    events = [Event("failed", met.run.step, {"reason": reason})]
    if state in ENDS:
        events.append(Event(state, "", {}))
    saga = replace(_going_on(met, state), steps=steps, reason=reason, wake_at=None if state in ENDS else met.now)
    return Decision(saga, tuple(events), outcome, effect)


def _going_on(met: Situation, state: str) -> SagaRecord:
    return replace(
        met.saga, state=state, parked_from=None, waits=(), wake_at=met.now, looks=0, errors=0, updated_at=met.now
    )


def _told(met: Situation, status: str) -> dict[str, Mapping[str, Any]]:
    name = phase_of(met.state)[1]
    told = met.saga.steps.get(name, {})
    return {**met.saga.steps, name: {"status": status, "attempts": told.get("attempts", 1), "at": met.now}}
