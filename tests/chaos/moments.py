"""The moments of a run that can be named: what a commit says of which step, and which call is made of which vendor.

They are read off the wire. The product's processes know nothing of them, and run as they would anywhere.
"""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import bson

from app.orchestrator.flows import FLOWS
from app.orchestrator.journal import events_on
from app.orchestrator.lifecycle import is_call, may
from app.orchestrator.saga import Saga, Step

_BODY_AT = 21  # header (16), flags (4), section kind (1)
_SEQUENCE_HEAD_BYTES = 5  # section kind, size
_OWN_WORDS = re.compile(r"^(v\d|[a-z_-]+)$")
_BODY_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNK_BYTES = 65_536
_TELLING = re.compile(rb"saga|card_authorizations")
"""What the collections are called whose writes are read."""
_CARD = "card"

BEFORE, AFTER = "before", "after"
_CALLED = ("sending", "accepted")
ENOUGH = 3
"""How often a long run should have been killed at each moment."""
CARDS = ("card.question do answered", "card.question do linked")
"""The commits of what is no saga: the issuer's question about a card, and the authorization that came of the answer."""
CALLS = (
    "POST /unit/payments",
    "POST /tatum/v3/bitcoin/transaction",
    "POST /tatum/v3/ethereum/transaction",
    "POST /stripe/v1/payment_intents",
    "POST /stripe/v1/payment_intents/…/cancel",
    "POST /stripe/v1/transfers",
    "POST /stripe/v1/transfers/…/reversals",
    "POST /stripe/v1/payouts",
)
"""The calls that move money; whatever else is called is named when it is seen."""


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """``what`` is a commit, told as flow, step, phase and event, or a call; ``when`` is before it or after it."""

    what: str
    when: str

    def __str__(self) -> str:
        return f"{self.when} {self.what}"


def commit_name(flow: str, step: str, event: str, *, undoing: bool) -> str:
    """What a commit is called that says this of a step."""
    return f"{flow}.{step} {'undo' if undoing else 'do'} {event}"


def expected() -> list[Moment]:
    """Every moment that the definitions have, in their order."""
    commits = dict.fromkeys(name for flow in FLOWS.values() for step in flow.steps for name in _commits(flow, step))
    return [Moment(what, when) for what in (*commits, *CARDS, *CALLS) for when in (BEFORE, AFTER)]


def _commits(flow: Saga, step: Step) -> Iterator[str]:
    for event in (*(_CALLED if is_call(step.do) else ()), "done"):
        yield commit_name(flow.name, step.name, event, undoing=False)
    if not callable(step.do) and may(flow, f"do:{step.name}", "fail"):
        yield commit_name(flow.name, step.name, "failed", undoing=False)
    if step.undo is not None:
        for event in (*(_CALLED if is_call(step.undo) else ()), "undone"):
            yield commit_name(flow.name, step.name, event, undoing=True)
    if step.call_off is not None:
        for event in ("called-off", *_CALLED):
            yield commit_name(flow.name, step.name, event, undoing=True)


def least_covered(moments: Sequence[Moment], died_at: Mapping[Moment, int], most: int) -> list[Moment]:
    """So many of those that processes died at least often, the least covered first; equals stay in their order."""
    return sorted(moments, key=lambda moment: died_at.get(moment, 0))[:most]


@dataclass(slots=True)
class Transactions:
    """What the open transactions of one process have written of sagas, as their commands passed by."""

    _open: dict[bytes, tuple[int, dict[str, str], list[Mapping[str, Any]]]] = field(default_factory=dict)

    def note(self, command: str, message: bytes) -> None:
        """A write on its way; those of sagas, their events and answers about cards are kept in mind."""
        if command not in {"insert", "update"} or not _TELLING.search(message[_BODY_AT : _BODY_AT + 64]):
            return
        content, written = _read(message)
        if "autocommit" not in content:
            return
        flows, events = self._of(content)
        match content[command], command:
            case "saga_events", "insert":
                events.extend(event for page in written for event in events_on(page))
            case "sagas", "insert":
                flows.update({born["_id"]: born["type"] for born in written})
            case "card_authorizations", "insert" | "update":
                flows[_CARD] = _CARD
                told = "answered" if command == "insert" else "linked"
                events.append({"saga_id": _CARD, "step": "question", "type": told, "status": "running"})
            case "sagas", "update":
                flows.update({each["q"]["_id"]: each["u"]["$set"].get("type", "?") for each in written})

    def committed_by(self, message: bytes) -> frozenset[str]:
        """The names of what a commit makes durable; a commit that is asked for again has the same."""
        flows, events = self._of(_read(message)[0])
        return frozenset(_name(flows, event) for event in events if event["step"])

    def _of(self, content: Mapping[str, Any]) -> tuple[dict[str, str], list[Mapping[str, Any]]]:
        session, number = bytes(content["lsid"]["id"]), int(content["txnNumber"])
        if session not in self._open or self._open[session][0] != number:
            self._open[session] = (number, {}, [])
        return self._open[session][1], self._open[session][2]


def _name(flows: Mapping[str, str], event: Mapping[str, Any]) -> str:
    told = event["type"]
    undoing = told == "undone" or (event["status"] == "compensating" and told != "failed")
    return commit_name(flows.get(event["saga_id"], "?"), event["step"], told, undoing=undoing)


def _read(message: bytes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A command's body, and the documents that the driver sends behind it."""
    body_ends = _BODY_AT + int.from_bytes(message[_BODY_AT : _BODY_AT + 4], "little")
    if body_ends == len(message):
        return bson.decode(message[_BODY_AT:]), []
    documents_at = message.index(b"\0", body_ends + _SEQUENCE_HEAD_BYTES) + 1
    return bson.decode(message[_BODY_AT:body_ends]), bson.decode_all(message[documents_at:])


async def read_request(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    """The next HTTP request, and what it asks for: its method and path, without what stands for ids in it."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError as overrun:
        raise asyncio.IncompleteReadError(b"", None) from overrun
    length = _BODY_LENGTH.search(head)
    body = await reader.readexactly(int(length[1])) if length else b""
    method, target, _ = head.split(b"\r\n", 1)[0].decode(errors="replace").split(" ", 2)
    segments = target.partition("?")[0].split("/")
    path = "/".join(each if not each or _OWN_WORDS.match(each) else "…" for each in segments)
    return f"{method} {path}", head + body


async def read_chunk(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    """Whatever comes next: enough where commands have no names."""
    chunk = await reader.read(_CHUNK_BYTES)
    if not chunk:
        raise asyncio.IncompleteReadError(b"", None)
    return "", chunk
