"""The data folder of a stack: who runs there, where they listen, what they said.

DIR/lock                                          held by the supervisor while it lives
DIR/run/{mongod,valkey,sandbox,api,worker}.pid    who runs
DIR/run/mongodb.uri, redis.url                    where the embedded servers listen
DIR/run/api.url, sandbox.url                      where the product's own processes listen
DIR/log/NAME.log                                  what NAME said; NAME.log.1 is the part before
DIR/mongodb, DIR/valkey                           the data
"""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.stack import processes
from app.stack.problem import Problem

LOG_BYTES_MAX = 50 * 1024**2

NAMES = ("mongod", "valkey", "sandbox", "api", "worker")
"""In starting order; they end in the reverse."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A data folder; its path is absolute, because the processes in it are recognised by it."""

    root: Path

    @classmethod
    def at(cls, path: Path) -> "Folder":
        return cls(path.expanduser().resolve())

    @property
    def run(self) -> Path:
        return self.root / "run"

    def log(self, name: str) -> Path:
        return self.root / "log" / f"{name}.log"

    def pid_file(self, name: str) -> Path:
        return self.run / f"{name}.pid"

    def make(self) -> None:
        """Only its owner may enter: what is in there opens the databases."""
        for each in (self.root, self.run, self.root / "log"):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One at a time; the lock ends with its holder, however that ends."""
        self.make()
        with (self.root / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                remedy = "end it first (Ctrl-C where it runs), or choose another folder with --data"
                raise Problem(f"A stack is running in {self.root}: {remedy}.") from None
            yield

    def end_leftovers(self) -> tuple[str, ...]:
        """End what a killed supervisor left running; the names of those."""
        return tuple(name for name in reversed(NAMES) if processes.end_leftover(self.pid_file(name), str(self.root)))

    def still_runs(self, name: str) -> bool:
        """Whether the process of that name runs, whoever started it."""
        return processes.runs(self.pid_file(name), str(self.root))

    def note(self, name: str, content: str) -> None:
        """Write a file below ``run`` at once and whole: readers never see half of it."""
        draft = self.run / f"{name}.draft"
        draft.write_text(content)
        draft.chmod(0o600)
        draft.replace(self.run / name)

    def noted(self, name: str) -> str:
        """What was noted there; empty when nothing runs."""
        try:
            return (self.run / name).read_text().strip()
        except FileNotFoundError:
            return ""

    def forget(self, name: str) -> None:
        (self.run / name).unlink(missing_ok=True)

    def forget_addresses(self) -> None:
        for name in ("mongodb.uri", "redis.url", "api.url", "sandbox.url"):
            self.forget(name)

    def turn_logs(self) -> None:
        """Before a start: what was said so far becomes the part before."""
        for log in (self.root / "log").glob("*.log"):
            log.replace(log.with_suffix(".log.1"))

    def bound_logs(self) -> None:
        """While they are written to: past the bound, keep a copy and go on with an empty file."""
        for log in (self.root / "log").glob("*.log"):
            if log.stat().st_size > LOG_BYTES_MAX:
                shutil.copyfile(log, log.with_suffix(".log.1"))
                with log.open("r+b") as file:
                    file.truncate()

    def running(self) -> bool:
        """Whether a supervisor holds the folder now."""
        try:
            with (self.root / "lock").open("r") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def is_ours(self) -> bool:
        """Whether a stack has made this folder."""
        return (self.root / "lock").is_file() and self.run.is_dir()

    def delete(self) -> None:
        """Delete everything in it; refuses while a stack runs there."""
        with self.locked():
            self.end_leftovers()
            shutil.rmtree(self.root)
