"""One saga, one commit at a time: what to do next, and what to write about it.

Every method returns the saga as the next commit will find it, or None once it was let go: it waits, it has ended, or
another holder's fence is above ours. Nothing is written about an outside call that its own commit did not announce.
"""

from collections.abc import Awaitable, Callable, Mapping
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
    is_untouched,
)
from app.orchestrator.journal import EFFECTS, Event, SagaRecord, current_effect_id, effect_companion
from app.orchestrator.late_answers import late_answer
from app.orchestrator.lifecycle import may
from app.orchestrator.onward import Announced, Onward, Standing, finished
from app.orchestrator.outside import Outside
from app.orchestrator.passages import Passage, moving, told
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
from app.values import replace

_EFFECT_RETRIES = 5

READ_REFUSED = "read-refused"
"""Why a saga is parked whose provider will not tell how things stand; the provider's own reason follows."""


class UnknownDefinition(Exception):
    """This process does not have the definition: some other release must go on with the saga."""


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
        self._onward = Onward(scribe, policies, clock)
        self._flows = flows
        self._store = store
        self._scribe = scribe
        self._outside = outside
        self._policies = policies
        self._clock = clock
        self._rules = rules

    async def advance(self, standing: Standing, lease: Lease) -> Standing | None:
        """Take the saga one commit further. Raises UnknownDefinition."""
        try:
            if isinstance(standing, Announced):
                return await self._make(standing, lease)
            return await self._go_on(standing)
        except TakenOver:
            return None

    async def _go_on(self, saga: SagaRecord) -> Standing | None:
        flow = self._flows.get((saga.type, saga.def_version))
        if flow is None:
            raise UnknownDefinition(f"{saga.type} {saga.def_version}")
        work = work_on(flow, saga, self._clock.now())
        action = work.action
        if callable(action):
            return await self._run_inner(work, action)
        return await self._look_or_call(work, action)

    async def _look_or_call(self, work: Work, action: Look | Call) -> Standing | None:
        """An outside step. Of the three words only those of a read get here: what is sent has its own answers."""
        try:
            if isinstance(action, Look):
                return await self._take(work, await action.examine(work.run, self._outside), None)
            return await self._go_outside(work, action)
        except Declined as declined:
            return await self._scribe.park(work, f"{READ_REFUSED}-{declined.reason}")
        except (Unavailable, OutcomeUnknown) as unread:
            wish_s = unread.retry_after_s if isinstance(unread, Unavailable) else None
            return await self._scribe.sleep(work, self._scribe.later(work.saga.looks, wish_s), looked=True)

    async def _go_outside(self, work: Work, call: Call) -> Standing | None:
        """What is next of a call."""
        effect = await self._recorded(work) if work.begun else None
        if effect is None:
            return await self._examine(work, call)
        if work.awaiting:
            seen = await call.look(effect, self._outside)
            return await self._take(work, call.judge(work.run, effect, seen), effect)
        return await self._resolve(work, call, effect)

    async def _recorded(self, work: Work) -> Effect | None:
        return await self._store.effect(current_effect_id(work.saga, work.step.name, work.way))

    # Inner steps.

    async def _run_inner(self, work: Work, action: Inner) -> Standing | None:
        try:
            return await self._onward.move_on(moving(work, finished(work), action(work.run)))
        except WalletError as refusal:
            return await self._refused(work, refusal)

    async def _refused(self, work: Work, refusal: WalletError) -> Standing | None:
        """The book refused a step's posting: let go, park, or unwind."""
        if isinstance(refusal, StaleGuard | Busy):
            return None
        if parks(refusal) or isinstance(refusal, Missing) or not may(work.flow, work.saga.state, "fail"):
            return await self._scribe.park(work, refusal.code)
        return await self._onward.move_on(moving(work, "fail", Outcome(), reason=refusal.code))

    # Outside steps: before the first send, after a lost answer.

    async def _examine(self, work: Work, call: Call) -> Standing | None:
        first_look = None if call.examine is None else await call.examine(work.run, self._outside)
        if first_look is None or isinstance(first_look, Ready):
            return await self._announce(work, call, None, first_look or Ready())
        return await self._take(work, first_look, None)

    async def _resolve(self, work: Work, call: Call, effect: Effect) -> Standing | None:
        policy = self._policies[call.provider]
        decision = self._rules.next_move(effect, self._clock.now(), policy)
        if decision is Next.FIND:
            found = await call.find(effect, self._outside)
            if found is not None:
                return await self._accept(work, call, effect, found)
            decision = self._rules.next_move_when_absent(effect, self._clock.now(), policy)
        match decision:
            case Next.SEND:
                return await self._announce_again(work, call, effect)
            case Next.GIVE_UP:
                return await self._give_up(work, effect)
            case Next.CONCLUDE_ABSENT:
                return await self._conclude(work, call, effect, EffectStatus.CANCELLED, "gave-up")
            case Next.PARK:
                return await self._scribe.park(work, "outcome-unknown")
            case _:
                return await self._scribe.sleep(work, self._rules.quiet_until(effect, policy))

    async def _announce_again(self, work: Work, call: Call, effect: Effect) -> Standing | None:
        if is_untouched(effect):
            return await self._announce(work, call, effect, Ready())
        return await self._scribe.park(work, "request-altered")

    async def _announce(self, work: Work, call: Call, earlier: Effect | None, ready: Ready) -> Standing | None:
        """Record the send. Whoever has recorded it may make it."""
        passage, effect = self._onward.announcing(work, call, earlier, ready)
        try:
            saga = await self._scribe.write(passage)
        except WalletError as refusal:
            if ready.was_taken(refusal):
                return work.saga
            return await self._refused(work, refusal)
        return None if saga is None else self._onward.announced(passage, call, effect)

    async def _make(self, announced: Announced, lease: Lease) -> Standing | None:
        """Make the recorded call, and record the answer; one that comes after the saga was taken over is kept too.

        Where the lease does not outlive it, or recording it took too long, nobody but us knows that it was not made.
        """
        work, call, effect = announced.work, announced.call, announced.effect
        covered = await lease.covers(self._policies[call.provider].timeout.total_seconds())
        if not covered or not self._rules.may_begin(effect, self._clock.now()):
            return await self._unsent(work, effect, Unavailable(call.provider, "too-late-to-begin"))
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

    # Outside steps: the answer.

    async def _accept(self, work: Work, call: Call, effect: Effect, sent: Sent) -> Standing | None:
        def accepted(fresh: Effect) -> tuple[Effect, Outcome]:
            confirmed = replace(fresh, status=EffectStatus.CONFIRMED, provider_ref=sent.ref, reason=None)
            outcome = call.accepted(work.run, confirmed)
            return confirmed, outcome.followed_by(Outcome(result=sent.facts)) if sent.facts else outcome

        async def commit(before: Effect, after: Effect, outcome: Outcome) -> Standing | None:
            event = Event("accepted", work.step.name, {"provider": call.provider, "ref": after.ref})
            companion = effect_companion(before, after)
            seen = None if sent.seen is None else call.judge(work.run.knowing(outcome.result), after, sent.seen)
            if not isinstance(seen, Settled):
                return await self._scribe.wait(work, call.waits_for(after), outcome, companion, event)
            outcome, trigger = outcome.followed_by(seen.outcome), finished(work)
            return await self._onward.move_on(
                moving(
                    work, trigger, outcome, companions=(companion,), watches=seen.watches, earlier=(event,), fact=True
                )
            )

        try:
            return await self._answer(effect, accepted, commit)
        except (TakenOver, AccountFrozen):
            if sent.seen is None:
                raise
            return await self._accept(work, call, effect, replace(sent, seen=None))  # settled by what has changed since

    async def _conclude(
        self, work: Work, call: Call, effect: Effect, status: EffectStatus, reason: str
    ) -> Standing | None:
        """It definitely did not happen: mirror what was booked, and unwind."""

        def refused(fresh: Effect) -> tuple[Effect, Outcome]:
            return replace(fresh, status=status, reason=reason), call.refused(work.run)

        async def commit(before: Effect, after: Effect, outcome: Outcome) -> Standing | None:
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
                return await self._onward.move_on(
                    moving(work, "fail", outcome, reason=reason, companions=companions, fact=True)
                )
            return await self._scribe.park(work, reason, outcome, companions)

        return await self._answer(effect, refused, commit)

    async def _answer(
        self,
        effect: Effect,
        decide: Callable[[Effect], tuple[Effect, Outcome]],
        commit: Callable[[Effect, Effect, Outcome], Awaitable[Standing | None]],
    ) -> Standing | None:
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

    async def _unsent(self, work: Work, effect: Effect, unavailable: Unavailable) -> Standing | None:
        until = self._scribe.later(effect.attempts, unavailable.retry_after_s)
        return await self._leave_open(work, effect, EffectStatus.PLANNED, "unavailable", unavailable.reason, until)

    async def _unknown(self, work: Work, effect: Effect, reason: str) -> Standing | None:
        until = self._rules.quiet_until(effect, self._policies[effect.provider])
        return await self._leave_open(work, effect, EffectStatus.UNKNOWN, "unknown", reason, until)

    async def _leave_open(
        self, work: Work, effect: Effect, status: EffectStatus, told: str, reason: str, until: datetime
    ) -> Standing | None:
        """Record that the send has no outcome yet, and come back to it then."""
        event = Event(told, work.step.name, {"provider": effect.provider, "reason": reason})

        async def commit(before: Effect, after: Effect, _: Outcome) -> Standing | None:
            return await self._scribe.sleep(work, until, (effect_companion(before, after),), (event,))

        return await self._answer(
            effect, lambda fresh: (replace(fresh, status=status, reason=reason), Outcome()), commit
        )

    async def _give_up(self, work: Work, effect: Effect) -> Standing | None:
        """The tombstone: from here no send may start; absence is concluded only after another quiet look."""
        event = Event("giving-up", work.step.name, {"provider": effect.provider})
        tombstone = replace(effect, status=EffectStatus.CANCELLING)
        until = self._rules.quiet_until(effect, self._policies[effect.provider])
        return await self._scribe.sleep(work, until, (effect_companion(effect, tombstone),), (event,))

    # What was seen.

    async def _take(self, work: Work, seen: Progress, effect: Effect | None) -> Standing | None:
        match seen:
            case Waiting():
                return await self._still_waiting(work, seen)
            case Settled():
                return await self._settle(work, seen)
            case Failed():
                return await self._fail(work, seen, await self._awaited(work, effect))
            case Unwanted(reason):
                return await self._onward.move_on(moving(work, "call_off", Outcome(), reason=reason))
            case Stuck(reason):
                return await self._scribe.park(work, reason)

    async def _settle(self, work: Work, seen: Settled) -> Standing | None:
        """What happened is booked as a fact; if what it was decided by has changed meanwhile, it is looked at again."""
        try:
            return await self._onward.move_on(
                moving(work, finished(work), seen.outcome, watches=seen.watches, fact=True)
            )
        except (StaleGuard, AccountFrozen):
            return await self._look_again(work)

    async def _look_again(self, work: Work) -> Standing | None:
        try:
            return await self._scribe.sleep(work, self._scribe.later(0, None), looked=True)
        except StaleGuard:
            return None

    async def _awaited(self, work: Work, effect: Effect | None) -> Effect | None:
        """The call that an end is about: one that calls off is about what it called off."""
        if work.way is not Way.CALL_OFF:
            return effect
        return await self._store.effect(current_effect_id(work.saga, work.step.name, Way.DO))

    async def _fail(self, work: Work, seen: Failed, effect: Effect | None) -> Standing | None:
        """It was taken back after it had been accepted. Ending the effect keeps anybody from approving it now."""
        reason, outcome = seen.reason, seen.outcome
        companions = (
            () if effect is None else (effect_companion(effect, replace(effect, status=EffectStatus.CANCELLED)),)
        )
        if not may(work.flow, work.saga.state, "fail"):
            return await self._scribe.park(work, reason, outcome, companions)
        try:
            return await self._onward.move_on(
                moving(work, "fail", outcome, reason=reason, companions=companions, watches=seen.watches, fact=True)
            )
        except StaleGuard:
            return None

    async def _still_waiting(self, work: Work, seen: Waiting) -> Standing | None:
        outcome = seen.outcome
        looks, waits = work.saga.looks, work.saga.waits
        events = (Event("progress", work.step.name, outcome.result),) if outcome.transactions else ()
        saga = told(
            work,
            work.steps_with("waiting"),
            outcome,
            events,
            looks=looks + 1,
            wake_at=seen.until or self._scribe.later(looks, None),
            waits=tuple(dict.fromkeys((*waits, *seen.refs))),
        )
        return await self._scribe.write(Passage(work, saga, outcome, (), events, fact=True, released=True))
