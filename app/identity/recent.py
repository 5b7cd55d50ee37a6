"""Verified users as they were a few seconds ago, so that a busy caller is not read for every request.

Only who is verified is remembered: a verification takes effect at once, and one that is taken away elsewhere within
these seconds. What must be exact to the moment, such as a frozen account, is judged in the commit.
"""

from collections import OrderedDict
from datetime import datetime, timedelta

from app.clock import Clock
from app.identity.users import User

_FRESH = timedelta(seconds=10)
_USERS_MAX = 20_000


class RecentUsers:
    """The verified users seen last, the longest unseen forgotten first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._users: OrderedDict[str, tuple[datetime, User]] = OrderedDict()

    def get(self, stored_user_id: str) -> User | None:
        """The user, if they were verified within the last seconds."""
        seen = self._users.get(stored_user_id)
        if seen is None or self._clock.now() - seen[0] >= _FRESH:
            return None
        return seen[1]

    def remember(self, user: User) -> User:
        """Take in what was just read, and hand it on."""
        self._users.pop(user.stored_id, None)
        if user.compliance_level == "verified":
            self._users[user.stored_id] = (self._clock.now(), user)
        while len(self._users) > _USERS_MAX:
            self._users.popitem(last=False)
        return user
