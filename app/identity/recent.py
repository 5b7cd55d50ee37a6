"""Users as they were at most a second ago, so that a busy caller is not read for every request.

A level that is taken away elsewhere takes effect here within that second; one set by this process, at once.
"""

from collections import OrderedDict
from datetime import datetime, timedelta

from app.clock import Clock
from app.identity.users import User

_FRESH = timedelta(seconds=1)
_USERS_MAX = 20_000


class RecentUsers:
    """The users seen last, the longest unseen forgotten first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._users: OrderedDict[str, tuple[datetime, User]] = OrderedDict()

    def get(self, stored_user_id: str) -> User | None:
        """The user, if they were read within the last second."""
        seen = self._users.get(stored_user_id)
        if seen is None or self._clock.now() - seen[0] >= _FRESH:
            return None
        return seen[1]

    def remember(self, user: User) -> User:
        """Keep what was just read, and hand it on."""
        self._users[user.stored_id] = (self._clock.now(), user)
        self._users.move_to_end(user.stored_id)
        while len(self._users) > _USERS_MAX:
            self._users.popitem(last=False)
        return user
