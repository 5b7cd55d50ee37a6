"""One saga, one commit at a time: what to do next, and what to write about it.

Every method returns the saga as the next commit will find it, or None once it was let go: it waits, it has ended, or
another holder's fence is above ours. Nothing is written about an outside call that its own commit did not announce.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from app.clock import Clock
from app.errors import AccountFrozen, Busy, Missing, StaleGuard, WalletError
from app.orchestrator.effects import (
    RULES,
    Effect,
    EffectStatus,
    Next,
    Policy,
    Rules,
    Sent,
    anew_at,
    digest_of,
    is_untouched,
)
from app.orchestrator.journal import EFFECTS, Event, SagaRecord, current_effect_id, effect_companion
from app.orchestrator.late_answers import late_answer
from app.orchestrator.lifecycle import may
from app.orchestrator.outside import Outside
from app.orchestrator.saga import (
    Call,
    Failed,
    Inner,
    Look,
    Outcome,
    Progress,
    Ready,
    Saga,
    Settled,
    Stuck,
    Unwanted,
    Waiting,
    Way,
    parks,
)
from app.orchestrator.scribe import Scribe, TakenOver
from app.orchestrator.store import SagaStore
from app.orchestrator.work import Work, work_on
from app.providers.outcomes import Declined, OutcomeUnknown, Unavailable

_EFFECT_RETRIES = 5

READ_REFUSED = "read-refused"
"""Why a saga is parked whose provider will not tell how things stand; the provider's own reason follows."""


class Lease(Protocol):
    """The claim under which a saga is driven."""

    async def covers(self, seconds: float) -> bool:
        """Whether it lasts that long from now, lengthened if need be; False once somebody else holds the saga."""
        ...


class Driver:
    """Knows the rules of the road; holds no saga itself."""

    def __init__(
        self,
        flows: Mapping[tuple[str, int], Saga],
        store: SagaStore,
        scribe: Scribe,
        outside: Outside,
        policies: Mapping[str, Policy],
        clock: Clock,
        rules: Rules = RULES,
    ) -> None:
        self._flows = flows
        self._store = store
        self._scribe = scribe
        self._outside = outside
        self._policies = policies
        self._clock = clock
        self._rules = rules

    async def advance(self, saga: SagaRecord, lease: Lease) -> SagaRecord | None:
        """Take the saga one commit further."""
        flow = self._flows.get((saga.type, saga.def_version))
        if flow is None:
            await self._scribe.park_unknown(saga)
            return None
        work = work_on(flow, saga, self._clock.now())
        action = work.action
        try:
            if callable(action):
                return await self._run_inner(work, action)
            return await self._look_or_call(work, action, lease)
        except TakenOver:
            return None

    async def _look_or_call(self, work: Work, action: Look | Call, lease: Lease) -> SagaRecord | None:
        """An outside step. Of the three words only those of a read get here: what is sent has its own answers."""
        try:
            if isinstance(action, Look):
                return await self._take(work, await action.examine(work.run, self._outside), None)
            return await self._go_outside(work, action, lease)
        except Declined as declined:
            return await self._scribe.park(work, f"{READ_REFUSED}-{declined.reason}")
        except (Unavailable, OutcomeUnknown) as unread:
            wish_s = unread.retry_after_s if isinstance(unread, Unavailable) else None
            return await self._scribe.sleep(work, self._scribe.later(work.saga.looks, wish_s), looked=True)

    async def _go_outside(self, work: Work, call: Call, lease: Lease) -> SagaRecord | None:
        """What is next of a call."""
        effect = await self._recorded(work) if work.begun else None
        if effect is None:
            return await self._examine(work, call, lease)
        if work.awaiting:
            seen = await call.look(effect, self._outside)
            return await self._take(work, call.judge(work.run, effect, seen), effect)
        return await self._resolve(work, call, effect, lease)

    async def _recorded(self, work: Work) -> Effect | None:
        return await self._store.effect(current_effect_id(work.saga, work.step.name, work.way))

    # Inner steps.

    async def _run_inner(self, work: Work, action: Inner) -> SagaRecord | None:
        outcome = action(work.run)
        try:
            return await self._scribe.move(work, "undone" if work.run.undoing else "done", outcome)
        except WalletError as refusal:
            return await self._refused(work, refusal)

    async def _refused(self, work: Work, refusal: WalletError) -> SagaRecord | None:
        """The book refused a step's posting: let go, park, or unwind."""
        if isinstance(refusal, StaleGuard | Busy):
            return None
        if parks(refusal) or isinstance(refusal, Missing) or not may(work.flow, work.saga.state, "fail"):
            return await self._scribe.park(work, refusal.code)
        return await self._scribe.move(work, "fail", Outcome(), reason=refusal.code)

    # Outside steps: before the first send, after a lost answer.

    async def _examine(self, work: Work, call: Call, lease: Lease) -> SagaRecord | None:
        first_look = await call.examine(work.run, self._outside)
        if first_look is None or isinstance(first_look, Ready):
            return await self._send(work, call, None, lease, first_look)
        return await self._take(work, first_look, None)

    async def _resolve(self, work: Work, call: Call, effect: Effect, lease: Lease) -> SagaRecord | None:
        policy = self._policies[call.provider]
        decision = self._rules.next_move(effect, self._clock.now(), policy)
        if decision is Next.FIND:
            found = await call.find(effect, self._outside)
            if found is not None:
                return await self._accept(work, call, effect, found)
            decision = self._rules.next_move_when_absent(effect, self._clock.now(), policy)
        match decision:
            case Next.SEND:
                return await self._send_again(work, call, effect, lease)
            case Next.GIVE_UP:
                return await self._give_up(work, effect)
            case Next.CONCLUDE_ABSENT:
                return await self._conclude(work, call, effect, EffectStatus.CANCELLED, "gave-up")
            case Next.PARK:
                return await self._scribe.park(work, "outcome-unknown")
            case _:
                return await self._scribe.sleep(work, self._rules.quiet_until(effect, policy))

    async def _send_again(self, work: Work, call: Call, effect: Effect, lease: Lease) -> SagaRecord | None:
        if is_untouched(effect):
            return await self._send(work, call, effect, lease)
        return await self._scribe.park(work, "request-altered")

    async def _send(
        self, work: Work, call: Call, earlier: Effect | None, lease: Lease, ready: Ready | None = None
    ) -> SagaRecord | None:
        """Record the send, make sure the lease outlives it, send, record the answer."""
        now, ready = self._clock.now(), ready or Ready()
        effect = self._announced(work, call, earlier, now, ready)
        outcome = call.sending(work.run) if earlier is None else Outcome()
        if ready.request:
            outcome = replace(outcome, result={**outcome.result, **ready.request})
        event = Event("sending", work.step.name, {"provider": call.provider, "attempt": effect.attempts})
        companions = (effect_companion(earlier, effect), *ready.companions)
        try:
            saga = await self._scribe.keep(work, outcome, companions, (event,), effect.attempts)
        except WalletError as refusal:
            if ready.was_taken(refusal):
                return work.saga
            return await self._refused(work, refusal)
        if saga is None or not await lease.covers(self._policies[call.provider].timeout.total_seconds()):
            return None
        if not self._rules.may_begin(effect, self._clock.now()):
            return None
        effect = replace(effect, version=1 if earlier is None else earlier.version + 1)
        return await self._make(work_on(work.flow, saga, self._clock.now()), call, effect)

    async def _make(self, work: Work, call: Call, effect: Effect) -> SagaRecord | None:
        """Make the recorded call, and record the answer; one that comes after the saga was taken over is kept too."""
        try:
            sent = await call.send(effect, self._outside)
        except Declined as declined:
            return await self._conclude(work, call, effect, EffectStatus.REJECTED, declined.reason)
        except Unavailable as unavailable:
            return await self._unsent(work, effect, unavailable)
        except OutcomeUnknown as unknown:
            return await self._unknown(work, effect, unknown.reason)
        try:
            return await self._accept(work, call, effect, sent)
        except TakenOver:
            refs = call.waits_for(replace(effect, provider_ref=sent.ref))
            await self._scribe.keep_late(late_answer(effect, sent, refs, self._clock.now()))
            return None

    def _announced(self, work: Work, call: Call, earlier: Effect | None, now: datetime, ready: Ready) -> Effect:
        send_by = now + self._policies[call.provider].timeout
        if earlier is not None:
            return replace(earlier, status=EffectStatus.SENDING, attempts=earlier.attempts + 1, send_by=send_by)
        request = {**call.request(work.run), **ready.request}
        return Effect(
            id=current_effect_id(work.saga, work.step.name, work.way),
            saga_id=work.saga.id,
            step=work.step.name,
            provider=call.provider,
            operation=call.operation,
            request=request,
            request_digest=digest_of(request),
            status=EffectStatus.SENDING,
            attempts=1,
            send_by=send_by,
            first_sent_at=now,
        )

    # Outside steps: the answer.

    async def _accept(self, work: Work, call: Call, effect: Effect, sent: Sent) -> SagaRecord | None:
        def accepted(fresh: Effect) -> tuple[Effect, Outcome]:
            confirmed = replace(fresh, status=EffectStatus.CONFIRMED, provider_ref=sent.ref, reason=None)
            outcome = call.accepted(work.run, confirmed)
            return confirmed, outcome.followed_by(Outcome(result=sent.facts)) if sent.facts else outcome

        async def commit(before: Effect, after: Effect, outcome: Outcome) -> SagaRecord | None:
            event = Event("accepted", work.step.name, {"provider": call.provider, "ref": after.ref})
            companion = effect_companion(before, after)
            seen = None if sent.seen is None else call.judge(work.run.knowing(outcome.result), after, sent.seen)
            if not isinstance(seen, Settled):
                return await self._scribe.wait(work, call.waits_for(after), outcome, companion, event)
            outcome, trigger = outcome.followed_by(seen.outcome), "undone" if work.run.undoing else "done"
            return await self._scribe.move(
                work, trigger, outcome, companions=(companion,), watches=seen.watches, earlier=(event,), fact=True
            )

        try:
            return await self._answer(effect, accepted, commit)
        except (TakenOver, AccountFrozen):
            if sent.seen is None:
                raise
            return await self._accept(work, call, effect, replace(sent, seen=None))  # settled by what has changed since

    async def _conclude(
        self, work: Work, call: Call, effect: Effect, status: EffectStatus, reason: str
    ) -> SagaRecord | None:
        """It definitely did not happen: mirror what was booked, and unwind."""

        def refused(fresh: Effect) -> tuple[Effect, Outcome]:
            return replace(fresh, status=status, reason=reason), call.refused(work.run)

        async def commit(before: Effect, after: Effect, outcome: Outcome) -> SagaRecord | None:
            if before.approved_ref is not None:  # this send was refused, but an earlier one is being signed
                return await self._accept(work, call, before, Sent(before.approved_ref))
            companions = (effect_companion(before, after),)
            again_at = anew_at(work.run.generation, self._clock.now()) if work.tries_again(status) else None
            if again_at is not None:
                waits = call.waits_for(after) if work.way is Way.CALL_OFF else ()
                return await self._scribe.begin_anew(work, again_at, reason, outcome, companions, waits)
            if work.way is Way.CALL_OFF:  # too late, so what was to be called off goes on, and is watched
                event = Event("not-called-off", work.step.name, {"reason": reason})
                return await self._scribe.wait(work, call.waits_for(after), outcome, *companions, event)
            if may(work.flow, work.saga.state, "fail"):
                return await self._scribe.move(work, "fail", outcome, reason=reason, companions=companions, fact=True)
            return await self._scribe.park(work, reason, outcome, companions)

        return await self._answer(effect, refused, commit)

    async def _answer(
        self,
        effect: Effect,
        decide: Callable[[Effect], tuple[Effect, Outcome]],
        commit: Callable[[Effect, Effect, Outcome], Awaitable[SagaRecord | None]],
    ) -> SagaRecord | None:
        """Commit an answer to an effect that an approval may be changing at the same moment. Raises TakenOver."""
        for _ in range(_EFFECT_RETRIES):
            after, outcome = decide(effect)
            try:
                return await commit(effect, after, outcome)
            except StaleGuard as stale:
                fresh = await self._store.effect(effect.id)
                if stale.collection != EFFECTS or fresh is None:
                    raise TakenOver from stale
                effect = fresh
        raise TakenOver

    async def _unsent(self, work: Work, effect: Effect, unavailable: Unavailable) -> SagaRecord | None:
        until = self._scribe.later(effect.attempts, unavailable.retry_after_s)
        return await self._leave_open(work, effect, EffectStatus.PLANNED, "unavailable", unavailable.reason, until)

    async def _unknown(self, work: Work, effect: Effect, reason: str) -> SagaRecord | None:
        until = self._rules.quiet_until(effect, self._policies[effect.provider])
        return await self._leave_open(work, effect, EffectStatus.UNKNOWN, "unknown", reason, until)

    async def _leave_open(
        self, work: Work, effect: Effect, status: EffectStatus, told: str, reason: str, until: datetime
    ) -> SagaRecord | None:
        """Record that the send has no outcome yet, and come back to it then."""
        event = Event(told, work.step.name, {"provider": effect.provider, "reason": reason})

        async def commit(before: Effect, after: Effect, _: Outcome) -> SagaRecord | None:
            return await self._scribe.sleep(work, until, (effect_companion(before, after),), (event,))

        return await self._answer(
            effect, lambda fresh: (replace(fresh, status=status, reason=reason), Outcome()), commit
        )

    async def _give_up(self, work: Work, effect: Effect) -> SagaRecord | None:
        """The tombstone: from here no send may start; absence is concluded only after another quiet look."""
        event = Event("giving-up", work.step.name, {"provider": effect.provider})
        tombstone = replace(effect, status=EffectStatus.CANCELLING)
        until = self._rules.quiet_until(effect, self._policies[effect.provider])
        return await self._scribe.sleep(work, until, (effect_companion(effect, tombstone),), (event,))

    # What was seen.

    async def _take(self, work: Work, seen: Progress, effect: Effect | None) -> SagaRecord | None:
        match seen:
            case Waiting():
                return await self._still_waiting(work, seen)
            case Settled():
                return await self._settle(work, seen)
            case Failed():
                return await self._fail(work, seen, await self._awaited(work, effect))
            case Unwanted(reason):
                return await self._scribe.move(work, "call_off", Outcome(), reason=reason)
            case Stuck(reason):
                return await self._scribe.park(work, reason)

    async def _settle(self, work: Work, seen: Settled) -> SagaRecord | None:
        """What happened is booked as a fact; if what it was decided by has changed meanwhile, it is looked at again."""
        trigger = "undone" if work.run.undoing else "done"
        try:
            return await self._scribe.move(work, trigger, seen.outcome, watches=seen.watches, fact=True)
        except (StaleGuard, AccountFrozen):
            return await self._look_again(work)

    async def _look_again(self, work: Work) -> SagaRecord | None:
        try:
            return await self._scribe.sleep(work, self._scribe.later(0, None), looked=True)
        except StaleGuard:
            return None

    async def _awaited(self, work: Work, effect: Effect | None) -> Effect | None:
        """The call that an end is about: one that calls off is about what it called off."""
        if work.way is not Way.CALL_OFF:
            return effect
        return await self._store.effect(current_effect_id(work.saga, work.step.name, Way.DO))

    async def _fail(self, work: Work, seen: Failed, effect: Effect | None) -> SagaRecord | None:
        """It was taken back after it had been accepted. Ending the effect keeps anybody from approving it now."""
        reason, outcome = seen.reason, seen.outcome
        companions = (
            () if effect is None else (effect_companion(effect, replace(effect, status=EffectStatus.CANCELLED)),)
        )
        if not may(work.flow, work.saga.state, "fail"):
            return await self._scribe.park(work, reason, outcome, companions)
        try:
            return await self._scribe.move(
                work, "fail", outcome, reason=reason, companions=companions, watches=seen.watches, fact=True
            )
        except StaleGuard:
            return None

    async def _still_waiting(self, work: Work, seen: Waiting) -> SagaRecord | None:
        outcome = seen.outcome
        looks, waits = work.saga.looks, work.saga.waits
        events = (Event("progress", work.step.name, outcome.result),) if outcome.transactions else ()
        saga = self._scribe.told(
            work,
            work.steps_with("waiting"),
            outcome,
            events,
            looks=looks + 1,
            wake_at=seen.until or self._scribe.later(looks, None),
            waits=tuple(dict.fromkeys((*waits, *seen.refs))),
        )
        return await self._scribe.write(work, saga, outcome, (), events, fact=True, released=True)
