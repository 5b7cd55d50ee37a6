"""What is worth telling of a saga or an account, as companions of the commit that makes it true. Pure.

A saga's notification is derived from the saga and the number of its event, so whoever writes the same commit again
writes the same notification.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from app.identity.users import User
from app.ids import book_of, derived_id, public_id, stored_id
from app.ledger.changes import ABSENT, Companion
from app.ledger.standing import Act, StandingChange
from app.outbox.notifications import NOTIFICATIONS, Notification, notification_document

RECOVERY = "recovery"
OPENED = "opened"
ENDINGS = ("completed", "compensated", "cancelled", "parked")

_ACTS = {Act.FREEZE: "frozen", Act.UNFREEZE: "unfrozen", Act.CLOSE: "closed", Act.REOPEN: "reopened"}
_ALWAYS = (
    *(f"account.{word}" for word in _ACTS.values()),
    "endpoint.disabled",
    "endpoint.test",
    "kyc.level_changed",
    f"{RECOVERY}.{OPENED}",
)


class _Saga(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def user_id(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def events(self) -> int: ...
    @property
    def updated_at(self) -> datetime: ...


def notifications(before: _Saga | None, after: _Saga) -> tuple[Companion, ...]:
    """What a saga's commit tells: its end, that it stopped for a person, or that a recovery has begun.

    ``after`` counts the events of this commit already. ``before`` is None at a saga's birth.
    """
    if after.status in ENDINGS and (before is None or before.status != after.status):
        return (_told_of(after, after.status),)
    if before is None and after.type == RECOVERY:
        return (_told_of(after, OPENED),)
    return ()


def notification_types(flows: list[str]) -> tuple[str, ...]:
    """Every type that these flows can send, and those that no flow sends, in order of name."""
    return tuple(sorted({*_ALWAYS, *(f"{_noun(flow)}.{ending}" for flow in flows for ending in ENDINGS)}))


def told_of_standing(standing: StandingChange, user_id: str, at: datetime, because: Companion) -> Companion:
    """What an act on somebody's account tells; ``because`` is what the act's commit is known by."""
    shown = {"account_id": public_id(standing.account_id), "status": standing.act.after.value}
    causes = (standing.account_id, standing.act, because.collection, because.id, repr(sorted(because.guard.items())))
    return tell(book_of(standing.account_id), f"account.{_ACTS[standing.act]}", user_id, at, shown, *causes)


def told_of_level(user: User) -> Companion:
    """What a decision about somebody's identity tells."""
    causes = (user.stored_id, "level", str(user.version))
    at = user.level_at or user.created_at
    return tell(user.tenant, "kyc.level_changed", user.user_id, at, {"level": user.compliance_level}, *causes)


def tell(book: str, kind: str, user_id: str, at: datetime, data: Mapping[str, Any], *causes: str) -> Companion:
    """The companion that tells it, once for the same causes."""
    told = Notification(stored_id(book, derived_id("evt", *causes)), kind, user_id, at, data)
    return Companion(NOTIFICATIONS, told.id, ABSENT, notification_document(told))


def _told_of(saga: _Saga, word: str) -> Companion:
    data = {"saga_id": public_id(saga.id), "type": saga.type, "status": word, "reason": saga.reason}
    kind = f"{_noun(saga.type)}.{word}"
    return tell(book_of(saga.id), kind, saga.user_id, saga.updated_at, data, saga.id, str(saga.events))


def _noun(flow: str) -> str:
    return flow.replace("-", "_")
