"""What a commit takes with it: everything that follows from it without a look outside.

Between two inner steps, and between an answer and the record of a call that has nothing to examine, nothing can change
that the book would not see: so they cost one commit. Where the book refuses them together, the first is committed
alone, and the next meets its refusal by itself.
"""

from collections.abc import Mapping
from contextlib import suppress

from app.clock import Clock
from app.errors import Busy, WalletError
from app.orchestrator.effects import Effect, EffectStatus, Policy, digest_of
from app.orchestrator.journal import Event, SagaRecord, current_effect_id, effect_companion
from app.orchestrator.passages import Passage, moving, told
from app.orchestrator.saga import Call, Look, Outcome, Ready
from app.orchestrator.scribe import Scribe
from app.orchestrator.work import Work, work_on
from app.values import dataclass, replace


@dataclass(frozen=True, slots=True)
class Announced:
    """A call that this holder has recorded, and that nobody else may make."""

    work: Work
    call: Call
    effect: Effect

    @property
    def saga(self) -> SagaRecord:
        """The saga, as the call's record leaves it."""
        return self.work.saga


Standing = SagaRecord | Announced
"""Where a saga that is driven stands: at its next commit, or at a call that may be made now."""


class Onward:
    """Commits what a driver has found out."""

    def __init__(self, scribe: Scribe, policies: Mapping[str, Policy], clock: Clock) -> None:
        self._scribe = scribe
        self._policies = policies
        self._clock = clock

    async def move_on(self, passage: Passage) -> Standing | None:
        """Commit it, and with it whatever follows without a look outside; refused together, it is committed alone."""
        following, announced = self._following(passage)
        try:
            saga = await self._scribe.write(passage, *following)
        except Busy:
            raise
        except WalletError:
            if not following:
                raise
            return await self._scribe.write(passage)
        return announced or saga

    def _following(self, passage: Passage) -> tuple[list[Passage], Announced | None]:
        """The inner steps right behind it, and the record of a call behind those that has nothing to examine.

        What cannot even be worked out is not our step's fault: it fails by itself when its turn comes, and is counted.
        """
        following: list[Passage] = []
        now = self._clock.now()
        with suppress(Exception):
            while not passage.released:
                work = work_on(passage.work.flow, passage.saga, now)
                action, announced = work.action, None
                if callable(action):
                    passage = moving(work, finished(work), action(work.run))
                elif work.begun or isinstance(action, Look) or action.examine is not None:
                    break
                else:
                    passage, effect = self.announcing(work, action, None, Ready())
                    announced = self.announced(passage, action, effect)
                if not passage.is_plain:
                    break
                following.append(passage)
                if announced is not None:
                    return following, announced
        return following, None

    def announcing(self, work: Work, call: Call, earlier: Effect | None, ready: Ready) -> tuple[Passage, Effect]:
        """What records a send, and the effect as that leaves it."""
        effect = self._effect(work, call, earlier, ready)
        outcome = call.sending(work.run) if earlier is None else Outcome()
        if ready.request:
            outcome = replace(outcome, result={**outcome.result, **ready.request})
        events = (Event("sending", work.step.name, {"provider": call.provider, "attempt": effect.attempts}),)
        saga = told(work, work.steps_with("running", effect.attempts), outcome, events)
        passage = Passage(work, saga, outcome, (effect_companion(earlier, effect), *ready.companions), events)
        return passage, replace(effect, version=1 if earlier is None else earlier.version + 1)

    def announced(self, passage: Passage, call: Call, effect: Effect) -> Announced:
        return Announced(work_on(passage.work.flow, passage.saga, self._clock.now()), call, effect)

    def _effect(self, work: Work, call: Call, earlier: Effect | None, ready: Ready) -> Effect:
        now = self._clock.now()
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


def finished(work: Work) -> str:
    """What it is called when a step's action is over."""
    return "undone" if work.run.undoing else "done"
