"""Sagas on the command line: which there are, what one did and left, its story, and commands for those that stopped."""

import os
import pwd
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from app.clock import SystemClock, rfc3339
from app.compliance.proposals import Proposal
from app.errors import Missing, WalletError
from app.identity.principals import DEFAULT_TENANT
from app.ids import book_of, new_id, public_id, stored_id
from app.ledger.acts import Answerable
from app.ledger.store import LedgerStore
from app.orchestrator.commands import Command, Situation, legal
from app.orchestrator.effects import Effect, EffectStatus
from app.orchestrator.flows import FLOWS
from app.orchestrator.journal import SagaRecord
from app.orchestrator.lifecycle import ENDS, PARKED, diagram
from app.orchestrator.operators import Order, Situations
from app.orchestrator.progress import current_step, sentence, way_of_call
from app.orchestrator.saga import Way
from app.orchestrator.store import CLAIMABLE, SagaStore
from app.orchestrator.story import summary
from app.orchestrator.transit import left_on_the_way
from app.plumbing.mongo import connect
from app.runtime import open_runtime
from app.settings import Settings
from app.stack.problem import GaveUp, Problem

STATUSES = (*CLAIMABLE, PARKED, *ENDS)
_SAGAS_MAX = 50
_EVENTS_MAX = 1_000
_REASON_MAX = 500
_EVIDENCE_MAX = 200
_UNKNOWN = {EffectStatus.SENDING, EffectStatus.UNKNOWN, EffectStatus.CANCELLING}


@asynccontextmanager
async def _stores(settings: Settings) -> AsyncIterator[tuple[SagaStore, Situations]]:
    client, database = connect(settings.mongodb_uri.get_secret_value(), settings.mongodb_database)
    async with client:
        sagas = SagaStore(database)
        yield sagas, Situations(FLOWS, sagas, LedgerStore(client, database), SystemClock())


async def listed(settings: Settings, *, status: str = "", kind: str = "", book: str = "") -> list[str]:
    """The newest sagas, a line each; of one status, type or book where that is not empty.

    Refuses with Problem a status or a type that there is not: nothing would ever be found.
    """
    _require_known("status", status, STATUSES)
    _require_known("flow", kind, sorted({name for name, _ in FLOWS}))
    wanted = {"status": status, "type": kind, "book": book}
    async with _stores(settings) as (sagas, _):
        found = await sagas.sagas({name: value for name, value in wanted.items() if value}, _SAGAS_MAX)
        return [_listed(saga) for saga in found] or ["There are none."]


async def traced(settings: Settings, book: str, saga_id: str) -> list[str]:
    """What each step came to (done, undone, failed, unknown ...), what is on the way, and what fits now."""
    async with _stores(settings) as (_, situations):
        return list(_trace(await _situation(situations, book, saga_id)))


async def told(settings: Settings, book: str, saga_id: str) -> list[str]:
    """One saga: where it stands, and its history in sentences."""
    async with _stores(settings) as (sagas, situations):
        met = await _situation(situations, book, saga_id)
        events = await sagas.events(met.saga.id, 0, _EVENTS_MAX)
        told = [f"{rfc3339(event['at'])}  {_sentence(met, event)}" for event in events]
        return [_line(met.saga), *told, summary(met.saga, met.effects, met.postings)]


async def commanded(settings: Settings, order: Order, reason: str, key: str) -> list[str]:
    """Give the command in the name of whoever is logged in here, and show what the saga has become.

    Where two must want it and nobody has proposed it yet, it is proposed. Refuses with Problem a reason or evidence
    that tells nothing and what is not there, with GaveUp what does not fit.
    """
    _require_tellable("reason", reason, _REASON_MAX)
    if order.evidence is not None:
        _require_tellable("evidence", order.evidence, _EVIDENCE_MAX)
    answerable = Answerable(_who(), reason, key or new_id("key"))
    refused: WalletError | None = None
    async with open_runtime(settings) as runtime:
        try:
            given = await runtime.operators.give(order, answerable)
            lines = list(_trace(await runtime.situations.of(order.saga_id)))
            if isinstance(given, Proposal):
                lines.append(
                    f"proposed    another operator must give the same command until {rfc3339(given.expires_at)}"
                )
        except WalletError as refusal:
            refused = refusal
    if isinstance(refused, Missing):
        raise _not_there(order.saga_id)
    if refused is not None:
        raise GaveUp(f"{_as_typed(refused.sentence)} ({refused.code}) Nothing was changed.")
    return lines


def drawn(flow: str, version: int = 0) -> str:
    """A flow's state machine, as Mermaid: of that version, or of the newest. Refuses with Problem what there is not."""
    versions = {each.version: each for (name, _), each in FLOWS.items() if name == flow}
    _require_known("flow", "" if versions else flow, sorted({name for name, _ in FLOWS}))
    version = version or max(versions)
    _require_known(f"version of {flow}", "" if version in versions else str(version), [str(each) for each in versions])
    return f"%% {flow}, version {version} of {max(versions)}\n{diagram(versions[version])}"


async def _situation(situations: Situations, book: str, saga_id: str) -> Situation:
    try:
        return await situations.of(stored_id(book, saga_id))
    except Missing:
        raise _not_there(stored_id(book, saga_id)) from None


def _not_there(saga_id: str) -> Problem:
    book, _, public = saga_id.partition("/")
    return Problem(f"There is no saga {public} in the book {book}: wallet saga list shows those there are.")


def _trace(met: Situation) -> Iterator[str]:
    yield _line(met.saga)
    names = [step.name for step in met.flow.steps] if met.flow else list(met.saga.steps)
    for name in names:
        calls = [effect for effect in met.effects if effect.step == name]
        yield _step(name, met.saga.steps.get(name), is_unknown=any(call.status in _UNKNOWN for call in calls))
        yield from (_call(met.saga, each) for each in sorted(calls, key=lambda call: call.first_sent_at))
    for account_id, amount in left_on_the_way(met.postings).items():
        yield f"on the way  {public_id(account_id)}  {amount} {amount.asset.code}"
    if commands := legal(met):
        yield f"fits now    {_as_typed(', '.join(commands))}"


def _as_typed(sentence: str) -> str:
    """With commands as they are typed here."""
    for command in Command:
        sentence = sentence.replace(command, command.replace("_", "-"))
    return sentence


def _step(name: str, told: Mapping[str, Any] | None, *, is_unknown: bool) -> str:
    if told is None:
        return f"{'pending':<10}  {name}"
    return f"{'unknown' if is_unknown else told['status']:<10}  {name:<10}  {rfc3339(told['at'])}"


def _call(saga: SagaRecord, effect: Effect) -> str:
    words = [effect.provider, effect.operation, effect.status.value]
    words.extend(each for each in (effect.provider_ref, effect.reason and f"({effect.reason})") if each)
    attempts = f"{effect.attempts} attempt{'' if effect.attempts == 1 else 's'}"
    purpose = {Way.UNDO: ", to undo it", Way.CALL_OFF: ", to call it off"}.get(way_of_call(saga, effect), "")
    return f"            {' '.join(words)}, {attempts} since {rfc3339(effect.first_sent_at)}{purpose}"


def _sentence(met: Situation, event: dict[str, Any]) -> str:
    said = sentence(met.flow, met.saga.params, event)
    if event["type"] != "command":
        return said
    facts = event["facts"]
    evidence = f", evidence {facts['evidence']}" if facts["evidence"] else ""
    return f"{said} By {facts['by']}: {facts['reason']}{evidence}"


def _require_tellable(what: str, text: str, length_max: int) -> None:
    """The trail keeps it for good, and shows it to whoever reads what was done."""
    if not (text.strip() and text.isprintable() and len(text) <= length_max):
        raise Problem(f"The {what} is 1 to {length_max} characters in one line, and not blank.")


def _require_known(what: str, asked: str, known: Sequence[str]) -> None:
    if asked and asked not in known:
        raise Problem(f"There is no {what} {asked}: choose one of {', '.join(known)}.")


def _listed(saga: SagaRecord) -> str:
    """The line, and what else its command needs to find it."""
    book = book_of(saga.id)
    return _line(saga) if book == DEFAULT_TENANT else f"{_line(saga)}  --book {book}"


def _line(saga: SagaRecord) -> str:
    reason = f"  ({saga.reason})" if saga.reason else ""
    step = current_step(saga)
    stands = f"{saga.status} at {step}" if step else saga.status
    return f"{public_id(saga.id)}  {saga.type}  {stands}  {rfc3339(saga.updated_at)}{reason}"


def _who() -> str:
    """The account on this machine that the command runs under; its number where it has no name."""
    uid = os.getuid()
    try:
        return f"cli:{pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"cli:{uid}"
