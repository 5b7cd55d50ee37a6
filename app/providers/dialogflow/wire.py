"""What Dialogflow CX asks and is answered: WebhookRequest and WebhookResponse, protobuf as JSON, in our words.

Fields that its pages do not show do appear (``redactedText`` is one), so unknown ones are passed over. Webhooks of the
*flexible* kind, whose bodies agents make up, are not read.

Parameters went through a protobuf Struct, where every number is a double. They are read digit for digit as they are
written, as ints and Decimals; an amount of money among them is what somebody may have said, and is confirmed with the
customer before anything comes of it. In an answer an amount is text.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from app.errors import Malformed
from app.providers import exact_json

ANSWER_BYTES_MAX = 64 * 1_024
_NAME_CHARACTERS_MAX = 1_024

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_TURNS: Mapping[str, Literal["text", "intent", "speech", "event", "digits"]] = {
    "text": "text",
    "triggerIntent": "intent",
    "transcript": "speech",
    "triggerEvent": "event",
    "dtmfDigits": "digits",
}
"""The member that holds the customer's turn, one of these, and what kind of turn it is."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What the customer did last: their words or digits, or the name of an intent or event that was triggered."""

    kind: Literal["text", "intent", "speech", "event", "digits"]
    said: str


@dataclass(frozen=True, slots=True)
class Intent:
    """What the agent takes the turn for, and the parameters it found in it, as it resolved them."""

    name: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """A turn of a conversation that an agent wants answered.

    ``id`` stays the same when the vendor asks again, as it does once by itself when an answer is late. ``session``
    names the conversation, and never says who its customer is. ``form``: the page's parameters that are filled.
    """

    id: str
    tag: str
    session: str
    language: str
    turn: Turn | None
    intent: Intent | None
    form: Mapping[str, Any]
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the customer hears, and what their session keeps: a parameter that is None is forgotten.

    It may lead on to a page or to a flow, not to both. ``replaces``: said in place of what the agent has prepared.
    """

    says: tuple[str, ...]
    replaces: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)
    payload: Mapping[str, Any] = field(default_factory=dict)
    page: str = ""
    flow: str = ""

    def __post_init__(self) -> None:
        if self.page and self.flow:
            raise ValueError("an answer leads to a page or to a flow, not to both")

    def body(self) -> bytes:
        """The WebhookResponse. Raises ValueError for more than the vendor reads."""
        said = {
            "messages": [{"text": {"text": [each]}} for each in self.says],
            "mergeBehavior": "REPLACE" if self.replaces else "APPEND",
        }
        response: dict[str, Any] = {
            "fulfillmentResponse": said,
            "sessionInfo": {"parameters": dict(self.parameters)} if self.parameters else None,
            "payload": dict(self.payload),
            "targetPage": self.page,
            "targetFlow": self.flow,
        }
        body = exact_json.dumps({name: value for name, value in response.items() if value}).encode()
        if len(body) > ANSWER_BYTES_MAX:
            raise ValueError(f"an answer has at most {ANSWER_BYTES_MAX} bytes")
        return body


def question_of(told: object) -> Question:
    """The question of a WebhookRequest. Raises Malformed."""
    request = _object(told)
    response_id = _name(request.get("detectIntentResponseId"), "detectIntentResponseId")
    tag = _name(_object(request.get("fulfillmentInfo")).get("tag"), "fulfillmentInfo.tag")
    session, language = _object(request.get("sessionInfo")), request.get("languageCode")
    return Question(
        id=f"{response_id}:{tag}",
        tag=tag,
        session=_name(session.get("session"), "sessionInfo.session"),
        language=language if isinstance(language, str) else "",
        turn=_turn(request),
        intent=_intent(_object(request.get("intentInfo"))),
        form=_filled(_object(_object(request.get("pageInfo")).get("formInfo")).get("parameterInfo")),
        parameters=_object(session.get("parameters")),
    )


def _turn(request: Mapping[str, Any]) -> Turn | None:
    for member, kind in _TURNS.items():
        if isinstance(said := request.get(member), str):
            return Turn(kind, said)
    return None


def _intent(found: Mapping[str, Any]) -> Intent | None:
    name = found.get("displayName") or found.get("lastMatchedIntent")
    if not isinstance(name, str):
        return None
    parameters = _object(found.get("parameters"))
    return Intent(name, {key: _object(each).get("resolvedValue") for key, each in parameters.items()})


def _filled(listed: object) -> Mapping[str, Any]:
    entries = map(_object, listed if isinstance(listed, list) else [])
    return {
        name: entry.get("value")
        for entry in entries
        if entry.get("state") == "FILLED" and isinstance(name := entry.get("displayName"), str)
    }


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else _NOTHING


def _name(value: object, where: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _NAME_CHARACTERS_MAX:
        raise Malformed(f"A question of Dialogflow has a {where}.")
    return value
