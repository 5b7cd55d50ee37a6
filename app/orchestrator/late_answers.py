"""What a worker is answered after somebody else has taken its saga over: not to be written, and not to be lost. Pure.

The answer goes into the inbox like any event from outside, and is weighed there against what its effect has become.
"""

from datetime import datetime

from app.inbox.messages import received
from app.ledger.changes import ABSENT, Companion
from app.orchestrator.effects import Effect, Sent
from app.providers.events import WebhookEvent

LATE_ANSWER = "late-answer"
"""The type of such an event."""


def late_answer(effect: Effect, sent: Sent, refs: tuple[str, ...], now: datetime) -> Companion:
    """The companion that keeps an answer, once, however often it is written."""
    told = {"effect_id": effect.id, "ref": sent.ref}
    document = received(WebhookEvent(effect.provider, f"late:{effect.id}:{sent.ref}", LATE_ANSWER, refs, told), now)
    return Companion("inbox", document.pop("_id"), ABSENT, document)
