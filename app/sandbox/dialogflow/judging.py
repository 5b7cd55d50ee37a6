"""What the vendor takes for an answer: a WebhookResponse, as strictly as protobuf reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.sandbox import exact_json

ANSWER_BYTES_MAX = 65_536
_MEMBERS = {"fulfillmentResponse", "pageInfo", "sessionInfo", "payload", "targetPage", "targetFlow"}
_MERGES = {"MERGE_BEHAVIOR_UNSPECIFIED", "APPEND", "REPLACE"}
_MESSAGES = {
    "text",
    "payload",
    "conversationSuccess",
    "outputAudioText",
    "liveAgentHandoff",
    "endInteraction",
    "playAudio",
    "mixedAudio",
    "telephonyTransferCall",
    "knowledgeInfoCard",
    "channel",
}
_REFUSED = {
    400: "webhook.error.bad-request",
    401: "webhook.error.rejected",
    403: "webhook.error.rejected",
    404: "webhook.error.not-found",
}


@dataclass(frozen=True, slots=True)
class Heard:
    """What an answer says. A parameter that is None is to be forgotten."""

    texts: tuple[str, ...]
    replaces: bool
    parameters: Mapping[str, Any]
    target: str | None


class Misread(Exception):
    """It is no answer; ``str`` says why."""


def event_of(status: int) -> str:
    """The event that an agent meets when a webhook answers with that status."""
    return "webhook.error.unavailable" if status >= 500 else _REFUSED.get(status, "webhook.error")


def heard(content: bytes) -> Heard:
    """What the answer says. Raises Misread."""
    if len(content) > ANSWER_BYTES_MAX:
        raise Misread("the answer is larger than 64 KiB")
    try:
        answer = exact_json.read(content)
    except ValueError:
        raise Misread("the answer is not JSON") from None
    _require_object(answer, _MEMBERS, "the answer")
    if "targetPage" in answer and "targetFlow" in answer:
        raise Misread("targetPage and targetFlow are members of one oneof")
    said = answer.get("fulfillmentResponse", {})
    _require_object(said, {"messages", "mergeBehavior"}, "fulfillmentResponse")
    if said.get("mergeBehavior", "APPEND") not in _MERGES:
        raise Misread("mergeBehavior is no value of its enumeration")
    session = answer.get("sessionInfo", {})
    _require_object(session, {"session", "parameters"}, "sessionInfo")
    parameters = session.get("parameters", {})
    for name, member in (("sessionInfo.parameters", parameters), ("payload", answer.get("payload", {}))):
        _require_object(member, None, name)
    return Heard(
        texts=_texts(said.get("messages", [])),
        replaces=said.get("mergeBehavior") == "REPLACE",
        parameters=parameters,
        target=_text_or_none(answer, "targetPage") or _text_or_none(answer, "targetFlow"),
    )


def _texts(messages: object) -> tuple[str, ...]:
    if not isinstance(messages, list):
        raise Misread("messages is a list")
    return tuple(text for message in messages for text in _texts_of(message))


def _texts_of(message: object) -> list[str]:
    _require_object(message, _MESSAGES, "a message")
    shown = message.get("text", {}) if isinstance(message, dict) else {}
    _require_object(shown, {"text", "allowPlaybackInterruption"}, "a message's text")
    texts = shown.get("text", [])
    if not isinstance(texts, list) or not all(isinstance(each, str) for each in texts):
        raise Misread("text.text is a list of texts")
    return texts


def _text_or_none(answer: Mapping[str, Any], name: str) -> str | None:
    value = answer.get(name)
    if value is not None and not isinstance(value, str):
        raise Misread(f"{name} is text")
    return value


def _require_object(value: object, members: set[str] | None, name: str) -> None:
    if not isinstance(value, dict):
        raise Misread(f"{name} is an object")
    if members is not None and (unknown := sorted(value.keys() - members)):
        raise Misread(f"{name} has no member {unknown[0]}")
