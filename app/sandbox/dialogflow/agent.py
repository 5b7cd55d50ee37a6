"""Conversations: each turn asks the wallet, once more if no answer comes, and takes what it says into the session."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

import httpx2

from app.sandbox import exact_json
from app.sandbox.dialogflow.google import Google
from app.sandbox.dialogflow.judging import Heard, Misread, event_of, heard
from app.sandbox.simulation import Simulation
from app.sandbox.store import Document

SESSIONS = "dialogflow_sessions"
ATTEMPTS_MAX = 2
_AGENT = "projects/sandbox/locations/global/agents/00000000-0000-0000-0000-000000000001"
_MEMBERS = {
    "text": "text",
    "intent": "triggerIntent",
    "speech": "transcript",
    "event": "triggerEvent",
    "digits": "dtmfDigits",
}

TurnKind = Literal["text", "intent", "speech", "event", "digits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a customer does, and what the agent makes of it."""

    session: str
    tag: str
    kind: TurnKind
    said: str
    language: str = "en"
    intent: str = ""
    found: Mapping[str, Any] = field(default_factory=dict)
    """The intent's parameters, as resolved."""
    secret: str = ""
    """Sent in a header in place of a token."""
    timeout_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a turn ended: ``event`` is None when it was answered."""

    event: str | None
    reason: str = ""
    heard: Heard | None = None


class Agent:
    """One agent and its sessions."""

    def __init__(self, simulation: Simulation, google: Google) -> None:
        self._simulation = simulation
        self._store = simulation.store
        self._google = google

    async def take(self, turn: Turn) -> Document:
        """One turn of a conversation; how it ended."""
        known = await self._session(turn.session)
        session = {**known, "parameters": {**known["parameters"], **turn.found}}
        response_id = await self._simulation.new_uuid("dialogflow-response")
        body = exact_json.write(_question(turn, session, response_id)).encode()
        outcome = await self._asked(turn, body)
        said = outcome.heard
        taken = {
            "response_id": response_id,
            "tag": turn.tag,
            "event": outcome.event,
            "reason": outcome.reason,
            "messages": list(said.texts) if said else [],
            "target": said.target if said else None,
        }
        parameters = {**session["parameters"], **(said.parameters if said else {})}
        kept = {name: value for name, value in parameters.items() if value is not None}
        turns = [*session["turns"], exact_json.write(taken)]
        await self._store.put(SESSIONS, {"_id": session["_id"], "parameters": exact_json.write(kept), "turns": turns})
        return {**taken, "parameters": kept}

    async def book(self) -> dict[str, Any]:
        sessions = await self._store.find(SESSIONS, {}, limit=10_000)
        return {
            "sessions": [
                {
                    "session": each["_id"],
                    "parameters": exact_json.read(each["parameters"]),
                    "turns": [exact_json.read(turn) for turn in each["turns"]],
                }
                for each in sessions
            ]
        }

    async def _asked(self, turn: Turn, body: bytes) -> Outcome:
        """The wallet's answer, to the second question if there was none to the first."""
        outcome = Outcome("webhook.error")
        for _ in range(ATTEMPTS_MAX):
            outcome = await self._ask(turn, body)
            if outcome.event not in {"webhook.error.timeout", "webhook.error.unavailable"}:
                break
        return outcome

    async def _ask(self, turn: Turn, body: bytes) -> Outcome:
        proof = {"X-Dialogflow-Secret": turn.secret} if turn.secret else await self._token_header()
        url = f"{self._simulation.config.api_url}/webhooks/dialogflow"
        headers = {"Content-Type": "application/json", "User-Agent": "Google-Dialogflow", **proof}
        try:
            response = await self._simulation.http.post(url, content=body, headers=headers, timeout=turn.timeout_s)
        except httpx2.TimeoutException:
            return Outcome("webhook.error.timeout", "no answer in time")
        except httpx2.RequestError:
            return Outcome("webhook.error.unavailable", "no answer")
        if response.status_code != 200:
            return Outcome(event_of(response.status_code), f"status {response.status_code}")
        try:
            return Outcome(None, heard=heard(response.content))
        except Misread as misread:
            return Outcome("webhook.error", str(misread))

    async def _token_header(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {await self._google.token()}"}

    async def _session(self, name: str) -> Document:
        path = f"{_AGENT}/sessions/{name}"
        stored = await self._store.get(SESSIONS, path)
        if stored is None:
            return {"_id": path, "parameters": {}, "turns": []}
        return {**stored, "parameters": exact_json.read(stored["parameters"])}


def _question(turn: Turn, session: Document, response_id: str) -> dict[str, Any]:
    """A WebhookRequest, with a field that no page shows: there are such."""
    found = {name: {"originalValue": str(value), "resolvedValue": value} for name, value in turn.found.items()}
    filled = [
        {"displayName": name, "required": True, "state": "FILLED", "value": value, "justCollected": True}
        for name, value in turn.found.items()
    ]
    question: dict[str, Any] = {
        "detectIntentResponseId": response_id,
        _MEMBERS[turn.kind]: turn.said,
        "languageCode": turn.language,
        "fulfillmentInfo": {"tag": turn.tag},
        "pageInfo": {"currentPage": f"{_AGENT}/flows/1/pages/2", "formInfo": {"parameterInfo": filled}},
        "sessionInfo": {"session": session["_id"], "parameters": session["parameters"]},
        "messages": [],
        "payload": {},
        "redactedText": turn.said if turn.kind == "text" else "",
    }
    if turn.intent:
        question["intentInfo"] = {
            "lastMatchedIntent": f"{_AGENT}/intents/3",
            "displayName": turn.intent,
            "parameters": found,
            "confidence": Decimal("0.93"),
        }
    return question
