"""Processes that an earlier run left behind: recognised by their command line, and ended only then.

A recorded pid alone proves nothing, because the system gives numbers out again.
"""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

_LOOK_S = 0.05
_PROC = Path("/proc")  # Linux; slim images have no ps


def is_alive(pid: int) -> bool:
    """Whether a process with this number exists, and has not merely stayed in the table after its end."""
    if _PROC.is_dir():
        with suppress(FileNotFoundError, ProcessLookupError):
            return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
        return False
    return _described(pid, "stat")[:1] not in {"", "Z"}


def command_line(pid: int) -> str:
    """How the process was started, or what it calls itself; empty when there is none."""
    if _PROC.is_dir():
        with suppress(FileNotFoundError, ProcessLookupError):
            return (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        return ""
    return _described(pid, "command")


def runs(pid_file: Path, marker: str) -> bool:
    """Whether the process that the file names lives, and its command line holds the marker."""
    pid = _recorded(pid_file)
    return pid is not None and marker in command_line(pid)


def end_leftover(pid_file: Path, marker: str, *, timeout_s: float = 15.0) -> bool:
    """End the process that the file names, if its command line holds the marker; the file is removed either way.

    Whether there was one to end.
    """
    pid, ours = _recorded(pid_file), runs(pid_file, marker)
    if pid is not None and ours:
        _end(pid, timeout_s)
    pid_file.unlink(missing_ok=True)
    return ours


def _end(pid: int, timeout_s: float) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + timeout_s
        while is_alive(pid) and time.monotonic() < deadline:
            time.sleep(_LOOK_S)
        if is_alive(pid):
            os.kill(pid, signal.SIGKILL)
        while is_alive(pid):
            time.sleep(_LOOK_S)


def _recorded(pid_file: Path) -> int | None:
    try:
        pid = int(pid_file.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return pid if pid > 1 else None


def _described(pid: int, what: str) -> str:
    command = ["/bin/ps", "-ww", "-p", str(pid), "-o", f"{what}="]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 - numbers only
