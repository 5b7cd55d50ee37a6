"""One stretch of load, as the process that makes it sees it: a window that counts, waits, and CPU time used."""

import asyncio
from array import array
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic

from bench.figures import percentile
from bench.machine import cpu_seconds


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a run that counts, in seconds of the monotonic clock; before it caches and pools fill."""

    begins_at: float
    ends_at: float

    @classmethod
    def from_now(cls, warmup_s: float, length_s: float) -> "Window":
        """A window that begins after the warm-up."""
        begins_at = monotonic() + warmup_s
        return cls(begins_at, begins_at + length_s)

    @property
    def length_s(self) -> float:
        """How long it is."""
        return self.ends_at - self.begins_at

    def holds(self, moment: float) -> bool:
        """Whether the moment counts."""
        return self.begins_at <= moment < self.ends_at


@dataclass(frozen=True, slots=True)
class Sample:
    """What one process saw in its window. ``cpu`` is in cores: 0.5 is half of one."""

    per_s: float
    p50_ms: float
    p99_ms: float
    longest_s: float
    refused: Mapping[str, int]
    cpu: Mapping[str, float]
    commits_per_s: float = 0.0


@dataclass(slots=True)
class Tally:
    """Counts what was done and how long each waited. A refusal is no deed, but its caller waited too."""

    window: Window
    waits_s: "array[float]" = field(default_factory=lambda: array("d"))
    refused: Counter[str] = field(default_factory=Counter)
    longest_s: float = 0.0
    also_done: int = 0
    """Deeds that were not waited for one by one."""

    def note(self, started: float, finished: float, refusal: str = "") -> None:
        """One call ended. The longest wait includes those that end after the window."""
        if finished < self.window.begins_at:
            return
        self.longest_s = max(self.longest_s, finished - started)
        if refusal:
            self.refused[refusal] += 1
        elif self.window.holds(finished):
            self.waits_s.append(finished - started)

    def sample(self, usage: "Usage") -> Sample:
        """What it comes to."""
        ordered = sorted(self.waits_s)
        return Sample(
            per_s=(len(ordered) + self.also_done) / self.window.length_s,
            p50_ms=percentile(ordered, 50) * 1_000,
            p99_ms=percentile(ordered, 99) * 1_000,
            longest_s=self.longest_s,
            refused=dict(self.refused),
            cpu=usage.cpu,
            commits_per_s=usage.commits / self.window.length_s,
        )


@dataclass(frozen=True, slots=True)
class Usage:
    """What a window used: cores by process, and transactions that the server committed."""

    cpu: Mapping[str, float]
    commits: int


async def no_commits() -> int:
    """For a load that does not know the server."""
    return 0


async def metered(
    window: Window,
    pids: Mapping[str, int],
    commits: Callable[[], Awaitable[int]] = no_commits,
) -> Usage:
    """Wait until the window is over, and say what these processes used in it."""
    await asyncio.sleep(max(0.0, window.begins_at - monotonic()))
    before, commits_before, began = _cpu(pids), await commits(), monotonic()
    await asyncio.sleep(max(0.0, window.ends_at - monotonic()))
    after, lasted_s = _cpu(pids), monotonic() - began
    used = {name: (after[name] - before[name]) / lasted_s for name in before if name in after}
    return Usage(used, await commits() - commits_before)


def _cpu(pids: Mapping[str, int]) -> dict[str, float]:
    read = {name: cpu_seconds(pid) for name, pid in pids.items()}
    return {name: seconds for name, seconds in read.items() if seconds is not None}
