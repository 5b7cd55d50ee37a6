"""Keeps programs running: one that dies is started again, one that keeps dying ends the stack, all end in order."""

import asyncio
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

from app.plumbing.embedded import CannotStart
from app.stack.folder import Folder
from app.stack.problem import GaveUp

Starts = Callable[[], subprocess.Popen[bytes]]
"""Starts the program; refuses with CannotStart."""

DEATHS_MAX = 5
DEATHS_WINDOW_S = 60.0
STEADY_S = 10.0
_BACKOFF_FIRST_S = 0.2
_LOOK_S = 0.1
_LOGS_LOOK_S = 10.0
_TAIL_LINES = 12
_TAIL_BYTES = 8192


@dataclass(slots=True)
class _Child:
    name: str
    starts: Starts
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    again_at: float = 0.0
    deaths: deque[float] = field(default_factory=deque)


class Supervisor:
    """The running programs of one data folder."""

    def __init__(self, folder: Folder, warn: Callable[[str], None], *, stop_timeout_s: float = 15.0) -> None:
        self._folder = folder
        self._warn = warn
        self._stop_timeout_s = stop_timeout_s
        self._children: list[_Child] = []

    def start(self, name: str, starts: Starts) -> None:
        """Start a program and keep it running from now on; what is started later ends earlier."""
        child = _Child(name, starts)
        self._children.append(child)
        self._run(child)

    async def watch(self) -> NoReturn:
        """Start again what dies, until one gives up: then GaveUp tells what it said last."""
        logs_at = 0.0
        while True:
            now = time.monotonic()
            for child in self._children:
                self._look_after(child, now)
            if now >= logs_at:
                self._folder.bound_logs()
                logs_at = now + _LOGS_LOOK_S
            await asyncio.sleep(_LOOK_S)

    def restart(self, *names: str) -> None:
        """End these, latest first; ``watch`` starts them again at once."""
        for child in reversed(self._children):
            if child.name in names and child.process is not None:
                self._end(child.process)
                child.process, child.again_at = None, 0.0

    def stop(self) -> None:
        """End all, latest first, each within its time; nothing is left running."""
        for child in reversed(self._children):
            if child.process is not None:
                self._end(child.process)
            self._folder.forget(f"{child.name}.pid")
        self._children.clear()

    def _look_after(self, child: _Child, now: float) -> None:
        if child.process is not None:
            code = child.process.poll()
            if code is not None:
                self._forgive(child, now, code)
                self._mourn(child, now, f"{child.name} ended with code {code}")
        elif now >= child.again_at:
            try:
                self._run(child)
            except CannotStart as refusal:
                self._mourn(child, now, refusal.sentence)

    def _forgive(self, child: _Child, now: float, code: int) -> None:
        """A program that was killed, or had run steadily, is not one that cannot start: its count begins anew."""
        if code == -signal.SIGKILL or now - child.started_at >= STEADY_S:
            child.deaths.clear()

    def _mourn(self, child: _Child, now: float, what: str) -> None:
        child.process = None
        child.deaths.append(now)
        while child.deaths[0] < now - DEATHS_WINDOW_S:
            child.deaths.popleft()
        if len(child.deaths) >= DEATHS_MAX:
            often = f"{what}, for the {len(child.deaths)}th time within {DEATHS_WINDOW_S:.0f} s"
            raise GaveUp(f"{often}. Its log ({self._folder.log(child.name)}) ends with:\n{self._tail(child.name)}")
        wait_s = _BACKOFF_FIRST_S * 2 ** (len(child.deaths) - 1)
        child.again_at = now + wait_s
        self._warn(f"{what}; starting it again in {wait_s:.1f} s (log: {self._folder.log(child.name)})")

    def _run(self, child: _Child) -> None:
        child.process = child.starts()
        child.started_at = time.monotonic()
        self._folder.note(f"{child.name}.pid", str(child.process.pid))

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(self._stop_timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()

    def _tail(self, name: str) -> str:
        log = self._folder.log(name)
        if not log.exists():
            return ""
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
        return "\n".join(lines[-_TAIL_LINES:])
