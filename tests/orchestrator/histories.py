"""Golden histories: what each commit of a saga wrote, in words that are the same in every run.

Ids become their kind and a number, in the order of their appearance; what differs from run to run without meaning
anything (hours, hashes, sealed texts, which of the treasury's inputs were free) becomes a mark. A stored history can be
laid over the documents of a running saga: then it goes on from what earlier code had written.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from app.ledger.changes import Change, Companion, Document, Door, Duplicate, Posted
from app.ledger.transactions import Transaction
from app.orchestrator.journal import EFFECTS, EVENTS, SAGAS, events_on, page_id
from app.orchestrator.watches import WATCHES
from tests.orchestrator.crashes import Crashed, refuse_several
from tests.orchestrator.scenarios import SCENARIOS

FOLDER = Path(__file__).parent / "golden"
KEPT = (SAGAS, EFFECTS, EVENTS, WATCHES)

VOLATILE = frozenset(
    {
        *("version", "fence", "lease_until", "looks", "wake_at", "events", "seq", "created_at", "updated_at", "at"),
        *("fingerprint", "correlation_id", "request_digest", "send_by", "first_sent_at", "until", "look_at"),
        *("settled_at", "recorded_at", "absent_since", "expires_at", "inputs", "nonce", "card_token", "client_secret"),
    }
)
"""Fields of which only the name is kept."""
_MARK = "<>"
_REFS = frozenset(
    {
        *("provider_ref", "approved_ref", "tx_id", "address", "from", "applicant_id", "payment_id", "pending_id"),
        *("refund_payment_id", "customer_id", "application_id", "bank_customer_id", "deposit_account_id"),
        *("deposit_account_mask", "account_mask", "mask", "ref", "payee_id", "card_id", "transfer_id", "payout_id"),
        *("check_id",),
    }
)
"""Fields that hold an id of somebody else's."""
_ID = re.compile(r"\b[a-z]{3}_[0-9a-z]{20,}\b|\b[0-9a-f]{64}\b|\b[0-9a-f]{24}\b|\b[0-9a-f-]{36}\b")

Commit = list[dict[str, Any]]


@dataclass
class Words:
    """The words that stand for ids, and what they stand for."""

    known: dict[str, str] = field(default_factory=dict)

    def learn(self, value: Any, name: str = "") -> None:
        """Give the ids of others in a document their words, wherever else they are named."""
        if isinstance(value, Mapping):
            for key, each in sorted(value.items()):
                self.learn(each, key)
        elif isinstance(value, str) and name in _REFS:
            self._word(value.rpartition(":")[2].removesuffix("/cancel"), "ref")

    def said(self, value: Any, name: str = "") -> Any:
        """The value in words."""
        if name in VOLATILE:
            return _MARK
        if isinstance(value, Mapping):
            return {key: self.said(each, key) for key, each in sorted(value.items())}
        if isinstance(value, list | tuple):
            return [self.said(each) for each in value]
        if isinstance(value, datetime):
            return _MARK
        return self._text(value) if isinstance(value, str) else value

    def _text(self, text: str) -> str:
        for found in _ID.findall(text):
            self._word(found, found.partition("_")[0] if "_" in found else "hash")
        whole = re.split(r"([:/#])", text)
        return _ID.sub(lambda found: self.known[found[0]], "".join(self.known.get(part, part) for part in whole))

    def _word(self, text: str, kind: str) -> None:
        if text not in self.known:
            number = sum(word.startswith(f"{kind}-") for word in self.known.values()) + 1
            self.known[text] = f"{kind}-{number}"

    def meant(self, stored: Any, present: Any) -> Any:
        """What stored words mean in this run; what is only marked is as it is at present."""
        if stored == _MARK:
            return present
        if isinstance(stored, Mapping):
            around = present if isinstance(present, Mapping) else {}
            return {key: self.meant(each, around.get(key)) for key, each in stored.items()}
        if isinstance(stored, list):
            return [self.meant(each, None) for each in stored]
        if isinstance(stored, str):
            texts = {word: text for text, word in self.known.items()}
            return re.sub(r"\b[a-z]+-\d+\b", lambda found: texts.get(found[0], found[0]), stored)
        return stored


class Historian:
    """Writes down every commit of the first saga of that flow that it sees; dies behind ``dies_after``, if given.

    A commit that only waits, or sleeps, depends on when somebody looked: it is no part of the history. Each commit
    moves one step on, as it does wherever several are refused together.
    """

    def __init__(self, door: Door, flow: str, dies_after: int | None = None) -> None:
        self._door = door
        self._flow = flow
        self._dies_after = dies_after
        self._saga_id: str | None = None
        self._effects: set[str] = set()
        self.version = 0
        self.words = Words()
        self.commits: list[Commit] = []
        self.dead = False

    async def submit(self, change: Change, *, deadline_s: float = 10.0) -> Posted | Duplicate:
        if self.dead:
            raise Crashed
        refuse_several(change)
        verdict = await self._door.submit(change, deadline_s=deadline_s)
        if isinstance(verdict, Posted) and self._is_told(change):
            self.commits.append(self._told(change))
            if len(self.commits) == self._dies_after:
                self.dead = True
        if self.dead:
            raise Crashed
        return verdict

    def live_on(self, dies_after: int | None) -> None:
        """Be another process, that writes down what follows."""
        self.dead, self._dies_after = False, dies_after

    def _is_told(self, change: Change) -> bool:
        if self._saga_id is None:
            seen = [c for c in change.companions if (c.collection, c.document.get("type")) == (SAGAS, self._flow)]
            if not seen:
                return False
            self._saga_id, self.version = seen[0].id, seen[0].document["def_version"]
        ours = [c for c in change.companions if c.id == self._saga_id or c.document.get("saga_id") == self._saga_id]
        self._effects.update(c.id for c in ours if c.collection == EFFECTS)
        approved = any(c.collection == EFFECTS and c.id in self._effects for c in change.companions)
        return approved or any(c.collection == EVENTS for c in ours)

    def _told(self, change: Change) -> Commit:
        for each in change.companions:
            self.words.learn(each.document)
        written = [
            {"in": collection, "id": self.words.said(document_id), "is": self.words.said(document)}
            for each in change.companions
            if each.collection in KEPT
            for collection, document_id, document in _documents(each)
        ]
        return [*written, *({"posted": each.kind, "legs": self._legs(each)} for each in change.transactions)]

    def _legs(self, posted: Transaction) -> list[str]:
        return [
            self.words.said(f"{each.side.value} {each.account_id} {each.amount} {each.amount.asset.code}")
            for each in posted.legs
        ]

    def lie_as(self, history: list[Commit]) -> dict[tuple[str, str], Any]:
        """The documents that a stored history of so many commits has left, by collection and id, still in words."""
        left: dict[tuple[str, str], Any] = {}
        for written in (each for commit in history[: len(self.commits)] for each in commit if "in" in each):
            if written["in"] != EVENTS:
                key = (written["in"], self.words.meant(written["id"], None))
                left[key] = {**left.get(key, {}), **written["is"]}
        return left


def _documents(companion: Companion) -> Iterator[tuple[str, str, Document]]:
    """What a companion writes; of a page of history each event, as if it had a document of its own."""
    if companion.collection != EVENTS:
        yield companion.collection, companion.id, companion.document
        return
    for event in events_on(companion.document):
        yield EVENTS, page_id(event["saga_id"], event["seq"]), event


def path_of(flow: str, version: int, scenario: str) -> Path:
    """Where that history is stored."""
    return FOLDER / f"{flow}-v{version}" / f"{scenario.replace(', ', '-').replace(' ', '-')}.json"


def stored(path: Path) -> list[Commit]:
    """A stored history."""
    history: list[Commit] = json.loads(path.read_text())
    return history


def store(path: Path, commits: list[Commit]) -> None:
    """Store a new history, a line for each thing written. One that is there may have been released, so it stays."""
    if path.exists():
        raise FileExistsError(f"{path.name} is stored already: a definition that does otherwise is another version")
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (",\n".join(f"  {json.dumps(each, sort_keys=True)}" for each in commit) for commit in commits)
    path.write_text("[\n" + ",\n".join(f" [\n{each}\n ]" for each in lines) + "\n]\n")


def history_of(name: str) -> list[Commit]:
    """What is stored of a scenario; nothing before ./scripts/golden has stored it."""
    path = path_of(SCENARIOS[name].flow, SCENARIOS[name].version, name)
    return stored(path) if path.exists() else []


def events_in(history: list[Commit]) -> Iterator[dict[str, Any]]:
    """The saga's own events, in order."""
    return (each["is"] for commit in history for each in commit if each.get("in") == EVENTS)


def postings_in(history: list[Commit]) -> Iterator[str]:
    """The kinds of what was posted, in order."""
    return (each["posted"] for commit in history for each in commit if "posted" in each)


def sends_in(history: list[Commit]) -> Iterator[tuple[int, str]]:
    """Each commit, by its number, after which a call is made, and which: vendor and operation."""
    for number, commit in enumerate(history, start=1):
        if any(event["type"] == "sending" for event in events_in([commit])):
            effect = next(each["is"] for each in commit if each.get("in") == EFFECTS)
            yield number, f"{effect['provider']} {effect['operation']}"


def laid_over(words: Words, left: Document, present: Document) -> Document:
    """A stored document in the place of the one that today's code has written; its id and guards are today's."""
    own: Document = {name: present[name] for name in ("_id", "book", "woken_at", "claim_id") if name in present}
    meant: Document = words.meant(left, present)
    return {**meant, **own}
