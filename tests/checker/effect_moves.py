"""What may happen next to one effect: each move is a line of a trace, and leads to one state."""

from collections.abc import Iterator
from dataclasses import replace

from app.orchestrator.effects import EffectStatus
from app.orchestrator.journal import EFFECTS, SAGAS
from app.orchestrator.lifecycle import ENDS, PARKED
from tests.checker.asking import Finished, Interned, Question, tick_of
from tests.checker.effect_approval import Daemon
from tests.checker.effect_worker import Code, Commit, Program
from tests.checker.effect_world import LEASE, READ_LAG, TIMEOUT, Done, Setup, State, Worker, ticks

Move = tuple[str, State]
NAMES = ("A", "B")
HORIZON = "the horizon"
_CLAIMABLE = ("running", "waiting", "compensating")


class EffectMoves:
    """The moves of one set-up."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.program = Program(setup.policy, setup.rules)
        self.records = self.program.records
        self.workers = Interned[Worker | None]()
        self.workers.number(None)
        self.queued = setup.provider.provider_fence == "approval"
        self._daemon = Daemon(setup, self.records)
        self._lifetime = ticks(setup.provider.key_lifetime)
        self._memory = max(READ_LAG, self._lifetime or 0)
        self._fresh: dict[int, int] = {-1: -1}

    def start(self) -> State:
        """The saga stands before the step; nobody drives it, and nothing was ever sent."""
        return State(0, self.program.first(), -1, -1, (0, 0), (), (), self.setup.bounds.left)

    def __call__(self, state: State) -> Iterator[Move]:
        yield from self._time(state)
        yield from self._claims(state)
        for seat in (0, 1):
            if state.workers[seat]:
                yield from self._work(state, seat)
                yield f"worker {NAMES[seat]} crashes", self._crashed(state, seat)
        yield from self._arrivals(state)
        yield from self._provider(state)
        yield from self._news(state)

    # Time.

    def _time(self, state: State) -> Iterator[Move]:
        undisturbed = state.effect < 0 and not any(state.workers) and state.lease_until < state.now
        if (
            undisturbed
            or state.now >= self.setup.bounds.horizon
            or any(map(self._in_a_hurry, state.workers, (state,) * 2))
        ):
            return
        now = state.now + 1
        first, second = (self.workers.number(self._older(self.workers[number], now)) for number in state.workers)
        yield (
            "a tick passes",
            state._replace(
                now=now,
                workers=(first, second),
                flying=tuple(sent for sent in state.flying if now <= sent + self.setup.bounds.network),
                lease_until=state.lease_until if state.lease_until >= now else -1,
                done=tuple(one._replace(at=max(one.at, now - self._memory)) for one in state.done),
            ),
        )

    def _in_a_hurry(self, number: int, state: State) -> bool:
        """Whether it stands between its last look at the lease and its write, or has been slow for long enough."""
        worker = self.workers[number]
        if worker is None or worker.frozen or worker.fenced:
            return False
        if self._asks(worker) == "send":
            return worker.call is None or state.now - worker.call >= self.setup.bounds.network
        since = worker.answers[-1][0] if worker.answers else worker.started
        return state.now - since >= self.setup.bounds.slow

    def _older(self, worker: Worker | None, now: int) -> Worker | None:
        if worker is None:
            return None
        if worker.call is not None and now > worker.call + self.setup.bounds.network and worker.reply is None:
            worker = worker._replace(lost=True)
        return worker if worker.lease_until - now > TIMEOUT else worker._replace(lease_until=-1)

    # Workers.

    def _claims(self, state: State) -> Iterator[Move]:
        saga = self.records.saga(state.saga)
        free = [seat for seat in (0, 1) if not state.workers[seat]]
        due = saga.wake_at is not None and tick_of(saga.wake_at) <= state.now
        if not free or not due or saga.status not in _CLAIMABLE or state.lease_until >= state.now:
            return
        seat = free[0]
        until = state.now + LEASE
        state = self._fence_out(state, 1 - seat)._replace(effect=self._counted_anew(state.effect), lease_until=until)
        worker = self._read(state, Worker(state.saga, state.now, lease_until=until))
        yield f"worker {NAMES[seat]} claims the saga", self._seat(state, seat, worker)

    def _counted_anew(self, number: int) -> int:
        """The effect with its writes counted from now on: whoever knew another number is fenced out."""
        if number not in self._fresh:
            effect = self.records.effect(number)
            self._fresh[number] = -1 if effect is None else self.records.number(replace(effect, version=1))
        return self._fresh[number]

    def _fence_out(self, state: State, seat: int) -> State:
        """Its writes fail from here on, so only what it sends can matter; where they do not, it goes on as it was."""
        worker = self.workers[state.workers[seat]]
        if worker is None:
            return state
        if self.setup.fenced_out != "refuse" or self.setup.resend_mark != "check":
            return self._seat(state, seat, worker._replace(fenced=True))
        gone = self._seat(state, seat, None)
        if worker.frozen and worker.call is None:
            return gone._replace(frozen=gone.frozen + 1)
        return gone._replace(flying=_with_flying(gone, worker))

    def _work(self, state: State, seat: int) -> Iterator[Move]:
        worker = self._at(state, seat)
        question = self._question(worker)
        name = f"worker {NAMES[seat]}"
        if question.kind == "commit":
            yield from self._commit(state, seat, question.about)
        elif question.kind == "covers":
            yield self._look_at_lease(state, seat)
        elif question.kind == "send":
            yield from self._send(state, seat)
        else:
            for said, code in self._reads(state, question.kind, question.about):
                yield f"{name} asks the provider: {said}", self._told(state, seat, code)

    def _commit(self, state: State, seat: int, commit: Commit) -> Iterator[Move]:
        worker = self._at(state, seat)
        name = f"worker {NAMES[seat]} commits: {commit.told}"
        effect = self.records.effect(state.effect)
        rule = self.setup.fenced_out if worker.fenced else "check"
        marking = self.setup.first_mark if effect is None else self.setup.resend_mark
        if commit.mark and marking != "check":
            rule = marking
        if commit.saga is None:
            yield name, self._told(state, seat, ("posted",))
        elif rule == "pretend":
            yield f"{name} (nothing is written)", self._told(state, seat, ("posted",))
        elif rule == "refuse":
            yield f"{name} (refused: fenced out)", self._told(state, seat, ("stale", SAGAS))
        elif (
            rule == "check" and commit.effect is not None and commit.effect_version != (effect.version if effect else 0)
        ):
            yield f"{name} (refused: the effect has changed)", self._told(state, seat, ("stale", EFFECTS))
        else:
            after = state._replace(saga=commit.saga, effect=state.effect if commit.effect is None else commit.effect)
            if commit.released:
                after = after._replace(lease_until=-1)
            yield name, self._told(after, seat, ("posted",))

    def _look_at_lease(self, state: State, seat: int) -> Move:
        worker = self._at(state, seat)
        name = f"worker {NAMES[seat]} looks at its lease"
        if worker.lease_until - state.now > TIMEOUT:
            return f"{name}: it lasts", self._told(state, seat, ("value", True))
        if worker.fenced:
            return f"{name}: it is lost", self._told(state, seat, ("value", False))
        until = state.now + LEASE
        state = self._seat(state._replace(lease_until=until), seat, worker._replace(lease_until=until))
        return f"{name}: it is lengthened", self._told(state, seat, ("value", True))

    def _crashed(self, state: State, seat: int) -> State:
        return self._seat(state._replace(flying=_with_flying(state, self._at(state, seat))), seat, None)

    def _send(self, state: State, seat: int) -> Iterator[Move]:
        worker, left, name = self._at(state, seat), state.left, f"worker {NAMES[seat]}"
        if worker.call is None:
            yield f"{name} writes the request", self._seat(state, seat, worker._replace(call=state.now, frozen=False))
            if left.outages:
                away = state._replace(left=left._replace(outages=left.outages - 1))
                yield f"{name} cannot reach the provider", self._told(away, seat, ("unavailable",))
            if left.freezes and not worker.frozen:
                frozen = state._replace(left=left._replace(freezes=left.freezes - 1))
                yield f"{name} freezes before its write", self._seat(frozen, seat, worker._replace(frozen=True))
            return
        if worker.reply is not None:
            yield f"{name} hears the answer", self._told(state, seat, worker.reply)
        elif not worker.lost:
            yield f"{name}'s request arrives", self._arrive(state, seat)
            if left.declines:
                declined = state._replace(left=left._replace(declines=left.declines - 1))
                yield f"{name}'s request is declined", self._seat(declined, seat, worker._replace(reply=("declined",)))
        gone = state._replace(flying=_with_flying(state, worker))
        yield f"{name}'s line breaks", self._told(gone, seat, (self.setup.lost,))

    # The provider.

    def _arrive(self, state: State, seat: int) -> State:
        after, ref = self._taken_on(state)
        return self._seat(after, seat, self._at(state, seat)._replace(reply=("value", ref)))

    def _arrivals(self, state: State) -> Iterator[Move]:
        if state.frozen:
            written = state._replace(frozen=state.frozen - 1, flying=tuple(sorted((*state.flying, state.now))))
            yield "a frozen worker, long fenced out, writes its request", written
        for number in range(len(state.flying)):
            if number and state.flying[number] == state.flying[number - 1]:
                continue
            rest = state.flying[:number] + state.flying[number + 1 :]
            yield "a request that nobody waits for arrives", self._taken_on(state._replace(flying=rest))[0]

    def _taken_on(self, state: State) -> tuple[State, str]:
        """The request has come in; the reference with which the provider answers."""
        if self.setup.provider.provider_fence == "key":
            for number, known in enumerate(state.done):
                if self._lifetime is None or state.now - known.at < self._lifetime:
                    return state, f"#{number}"
        one = Done(state.now, "queued" if self.queued else "done")
        return state._replace(done=(*state.done, one)), f"#{len(state.done)}"

    def _reads(self, state: State, kind: str, about: str) -> Iterator[tuple[str, Code]]:
        if kind == "pending":
            status = state.done[int(about[1:])].status
            yield f"{about} is {status}", ("value", None if status == "gone" else status)
            return
        seen = [f"#{number}" for number, one in enumerate(state.done) if one.status != "gone"]
        sure = [ref for ref in seen if state.done[int(ref[1:])].at + READ_LAG <= state.now]
        for shown in (sure, seen) if sure != seen else (sure,):
            waiting = tuple(ref for ref in shown if state.done[int(ref[1:])].status == "queued")
            if kind == "queue":
                yield f"{len(waiting)} in the queue", ("value", waiting)
            else:
                yield ("found" if shown else "not found"), ("value", shown[0] if shown else None)

    def _provider(self, state: State) -> Iterator[Move]:
        if not self.queued:
            return
        for number, one in enumerate(state.done):
            if one.status == "queued":
                yield from self._daemon.asks(state, number)
                if state.left.drops:
                    left = state.left._replace(drops=state.left.drops - 1)
                    yield f"the queue drops #{number}", _became(state, number, "gone")._replace(left=left)
            elif one.status == "approved":
                yield f"the daemon signs #{number}", _became(state, number, "done")

    def _news(self, state: State) -> Iterator[Move]:
        """What was done is told, by webhook, sweep or reconciliation, until somebody understands it."""
        effect, handler = self.records.effect(state.effect), self.setup.contradicts
        if effect is None or handler is None:
            return
        for number, one in enumerate(state.done):
            if one.status == "done" and not one.recovered and handler(effect, f"#{number}"):
                done = (*state.done[:number], one._replace(recovered=True), *state.done[number + 1 :])
                yield f"the late-effect handler is told of #{number}", state._replace(done=done)

    # Seats.

    def _at(self, state: State, seat: int) -> Worker:
        worker = self.workers[state.workers[seat]]
        if worker is None:
            raise LookupError("nobody is there")
        return worker

    def _asks(self, worker: Worker) -> str:
        return self._question(worker).kind

    def _question(self, worker: Worker) -> Question:
        question = self.program.question(worker.saga, worker.started, worker.answers)
        if isinstance(question, Finished):
            raise TypeError("it has let go")
        return question

    def _seat(self, state: State, seat: int, worker: Worker | None) -> State:
        number = self.workers.number(worker)
        return state._replace(workers=(number, state.workers[1]) if seat == 0 else (state.workers[0], number))

    def _told(self, state: State, seat: int, code: Code) -> State:
        worker = self._at(state, seat)
        worker = worker._replace(answers=(*worker.answers, (state.now, code)), call=None, lost=False, reply=None)
        return self._seat(state, seat, self._read(state, worker))

    def _read(self, state: State, worker: Worker) -> Worker | None:
        """Reading the effect takes no time; nor does going on in the same process, or letting go."""
        while True:
            question = self.program.question(worker.saga, worker.started, worker.answers)
            if isinstance(question, Finished):
                if question.result is None:
                    return None
                worker = Worker(question.result, state.now, (), worker.lease_until, worker.fenced)
            elif question.kind == "effect":
                worker = worker._replace(answers=(*worker.answers, (state.now, ("effect", state.effect))))
            elif question.kind == "chain":
                worker = worker._replace(answers=(*worker.answers, (state.now, ("value", True))))
            else:
                return worker


def _with_flying(state: State, worker: Worker) -> tuple[int, ...]:
    """The requests under way, with that of a worker that does not wait for it any more."""
    under_way = worker.call is not None and worker.reply is None and not worker.lost
    return tuple(sorted((*state.flying, worker.call))) if under_way and worker.call is not None else state.flying


def _became(state: State, number: int, status: str) -> State:
    one = state.done[number]._replace(status=status)
    return state._replace(done=(*state.done[:number], one, *state.done[number + 1 :]))


def ended(moves: EffectMoves, state: State) -> str | None:
    """The end that a state is: nobody is at work, nothing is under way, and nobody has anything to be told."""
    saga = moves.records.saga(state.saga)
    over = saga.state in (*ENDS, PARKED)
    if state.workers != (0, 0) or state.flying or not over or next(moves._news(state), None):
        return HORIZON if state.now >= moves.setup.bounds.horizon else None
    effect = moves.records.effect(state.effect)
    status = EffectStatus.PLANNED if effect is None else effect.status
    told = " and a recovery" if any(one.recovered for one in state.done) else ""
    return f"{saga.state}, {status}{told}"
