"""A notification: something ended, or somebody should look. Pure.

It is written in the commit that makes it true, and *published* by a later one: that gives it its number in its user's
feed and a delivery to every endpoint of the tenant that wants it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from app.clock import rfc3339
from app.ids import book_of, public_id

NOTIFICATIONS = "notifications"
FEEDS = "feeds"

KEPT = timedelta(days=90)
"""How long a published notification can be read again."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Notification:
    """What is told. ``user_id`` is empty where it concerns the tenant and no customer; ``seq`` is 0 until published.

    ``data`` is the public view of what changed: ids and states, never personal data.
    """

    id: str
    type: str
    user_id: str
    at: datetime
    data: Mapping[str, Any] = field(default_factory=dict)
    seq: int = 0
    version: int = 1

    @property
    def content(self) -> bytes:
        """The JSON that a feed shows and an endpoint gets: the same bytes every time."""
        shown: Document = {
            "id": public_id(self.id),
            "type": self.type,
            "timestamp": rfc3339(self.at),
            "tenant_id": book_of(self.id),
            "user_id": self.user_id or None,
            "sequence": self.seq or None,
            "data": dict(self.data),
        }
        return orjson.dumps(shown)


def notification_document(notification: Notification) -> Document:
    """A notification as it is first written, without its id; ``pending`` says that it waits to be published."""
    return {
        "type": notification.type,
        "user_id": notification.user_id,
        "at": notification.at,
        "data": dict(notification.data),
        "seq": 0,
        "pending": True,
        "version": 1,
    }


def published_fields(notification: Notification, seq: int, at: datetime) -> Document:
    """What publishing changes about it."""
    return {"seq": seq, "pending": False, "expires_at": at + KEPT, "version": notification.version + 1}


def notification_from(document: Document) -> Notification:
    """A notification as read."""
    names = Notification.__dataclass_fields__.keys() - {"id"}
    return Notification(id=document["_id"], **{name: document[name] for name in names})
