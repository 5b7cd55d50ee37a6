"""Where the CPU time goes: the stack is looked at as often as the kernel's clock of CPU time allows.

A tracing profiler makes every small function look dear; this one costs little and shows what is really dear. Time in
C (encoding BSON, the system's calls) counts for the Python function that called it.
"""

import asyncio
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from types import FrameType

from bench.measuring import Window

_INTERVAL_S = 0.001
_LINES = 30
_LINES_WITHIN = 90
_INSTALLED = "site-packages"
_OURS = str(Path(__file__).parents[1])


@dataclass(slots=True)
class Stacks:
    """How often each part and function was running, and how often a function was on the stack."""

    taken: int = 0
    parts: Counter[str] = field(default_factory=Counter)
    own: Counter[str] = field(default_factory=Counter)
    within: Counter[str] = field(default_factory=Counter)

    def look(self, _number: int, frame: FrameType | None) -> None:
        """Note one stack; a signal handler."""
        self.taken += 1
        frames = list(_outward(frame))
        self.own[_named(frames[0])] += 1
        parts = filter(None, map(_part, frames))
        self.parts[next(parts, "the event loop")] += 1
        self.within.update({_named(each) for each in frames if _part(each)})

    def told(self) -> str:
        """Three tables, dearest first, in percent of all samples."""
        return "\n".join(
            [
                f"{self.taken:,} samples of CPU time",
                *_table("by part: the innermost that is not the standard library", self.parts, self.taken),
                *_table("in the function itself, and the C it calls", self.own, self.taken),
                *_table("in the function and all it calls", self.within, self.taken, _LINES_WITHIN),
            ]
        )

    def start(self) -> None:
        """Look from now on. Main thread only."""
        signal.signal(signal.SIGPROF, self.look)
        signal.setitimer(signal.ITIMER_PROF, _INTERVAL_S, _INTERVAL_S)

    def stop(self) -> None:
        """Look no more."""
        signal.setitimer(signal.ITIMER_PROF, 0)


async def profiled(window: Window, file: str) -> None:
    """Write the profile of the window to that file; without a file, do nothing."""
    if not file:
        return
    stacks = Stacks()
    await asyncio.sleep(max(0.0, window.begins_at - monotonic()))
    stacks.start()
    await asyncio.sleep(max(0.0, window.ends_at - monotonic()))
    stacks.stop()
    await asyncio.to_thread(Path(file).write_text, stacks.told())


def _outward(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _named(frame: FrameType) -> str:
    parts = Path(frame.f_code.co_filename).parts
    return f"{'/'.join(parts[-3:])}:{frame.f_code.co_qualname}"


def _part(frame: FrameType) -> str:
    """The package, ours by room; nothing for the standard library."""
    file = frame.f_code.co_filename
    if _INSTALLED in file:
        return file.partition(f"{_INSTALLED}/")[2].partition("/")[0]
    if file.startswith(_OURS):
        return "/".join(Path(file).relative_to(_OURS).parts[:2])
    return ""


def _table(title: str, counts: Counter[str], taken: int, lines_max: int = _LINES) -> list[str]:
    lines = [f"{100 * count / max(taken, 1):6.1f} %  {name}" for name, count in counts.most_common(lines_max)]
    return ["", title, *lines]
