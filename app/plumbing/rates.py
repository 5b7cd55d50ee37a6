"""How often something may happen: the generic cell rate algorithm, kept in Redis, and here while Redis is away.

Each key holds one instant, the theoretical arrival time: how far ahead of the clock its uses have pushed it. A use
moves it on by the interval that the rate allows between uses; it may run ahead of the clock by no more than the burst.
So a rate is smooth, a burst is forgiven, and a key costs one small value that expires by itself (ATM Forum TM 4.0,
4.4.2).
"""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import structlog
from redis.exceptions import NoScriptError, RedisError

from app.clock import Clock

_KEYS_MAX = 50_000
"""How many keys are remembered here while Redis is away."""
_AWAY_S = 1.0

_TAKE = """
local now, spent = tonumber(ARGV[1]), {}
for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  spent[i] = math.max(now, tonumber(redis.call('GET', key) or now)) + interval
  if spent[i] - now > burst then return {i, spent[i] - now - burst} end
end
local least, left = 1, nil
for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  redis.call('SET', key, string.format('%.0f', spent[i]), 'PX', math.ceil((spent[i] - now) / 1000) + 1)
  local uses = math.floor((burst - spent[i] + now) / interval)
  if left == nil or uses < left then least, left = i, uses end
end
return {0, least, left}
"""
"""All keys or none: a use that one of them refuses is charged to no other. Times are whole microseconds."""
_TAKE_DIGEST = hashlib.sha1(_TAKE.encode(), usedforsecurity=False).hexdigest()

_log = structlog.get_logger()


class ExecutesCommands(Protocol):
    """Redis, or whoever carries commands to it."""

    async def execute_command(self, *words: Any, **options: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class Rate:
    """So many uses in so many seconds, evenly or all at once."""

    uses: int
    per_s: int

    @property
    def interval_us(self) -> int:
        """The time between uses that the rate allows for ever."""
        return self.per_s * 1_000_000 // self.uses

    @property
    def burst_us(self) -> int:
        """How far ahead of the clock a key may run."""
        return self.interval_us * self.uses


@dataclass(frozen=True, slots=True)
class Taken:
    """A use that is allowed. ``tightest`` is the index of the rate that leaves fewest, ``left`` how many those are."""

    tightest: int
    left: int


@dataclass(frozen=True, slots=True)
class TooSoon:
    """A use that the rate of that index does not allow before so many seconds, rounded up, have passed."""

    tightest: int
    after_s: int


class Rates:
    """Counts uses. While Redis is away each process counts for itself; nobody is turned away for want of a counter."""

    def __init__(self, redis: ExecutesCommands, clock: Clock) -> None:
        self._redis = redis
        self._clock = clock
        self._here: OrderedDict[str, int] = OrderedDict()
        self._away_until_us = 0

    async def take(self, wanted: Sequence[tuple[str, Rate]]) -> Taken | TooSoon:
        """Use every one of these keys once, or none."""
        now_us = round(self._clock.now().timestamp() * 1_000_000)
        if now_us < self._away_until_us:
            return self._take_here(wanted, now_us)
        bounds = [bound for _, rate in wanted for bound in (rate.interval_us, rate.burst_us)]
        keys = [f"rate:{key}" for key, _ in wanted]
        try:
            found = await self._run(len(keys), *keys, now_us, *bounds)
        except (RedisError, OSError) as failure:
            self._away_until_us = now_us + int(_AWAY_S * 1_000_000)
            _log.warning("rates counted here", error_type=type(failure).__name__)
            return self._take_here(wanted, now_us)
        if found[0]:
            return TooSoon(found[0] - 1, _seconds(found[1]))
        return Taken(found[1] - 1, found[2])

    async def _run(self, *words: str | int) -> list[int]:
        try:
            found = await self._redis.execute_command("EVALSHA", _TAKE_DIGEST, *words)
        except NoScriptError:
            found = await self._redis.execute_command("EVAL", _TAKE, *words)
        return cast("list[int]", found)

    def _take_here(self, wanted: Sequence[tuple[str, Rate]], now_us: int) -> Taken | TooSoon:
        spent: list[int] = []
        for index, (key, rate) in enumerate(wanted):
            spent.append(max(now_us, self._here.get(key, now_us)) + rate.interval_us)
            if spent[-1] - now_us > rate.burst_us:
                return TooSoon(index, _seconds(spent[-1] - now_us - rate.burst_us))
        for (key, _), until_us in zip(wanted, spent, strict=True):
            self._here[key] = until_us
            self._here.move_to_end(key)
        while len(self._here) > _KEYS_MAX:
            self._here.popitem(last=False)
        ahead = zip(wanted, spent, strict=True)
        left = [(now_us + rate.burst_us - until_us) // rate.interval_us for (_, rate), until_us in ahead]
        return Taken(left.index(min(left)), min(left))


def _seconds(microseconds: int) -> int:
    return -(-microseconds // 1_000_000)
