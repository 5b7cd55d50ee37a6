"""A mongod and a Valkey of the benchmark's own, in a folder that is gone afterwards."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.plumbing import embedded


@dataclass(frozen=True, slots=True)
class Servers:
    """Two running servers. ``kept_in`` says for people where their data is."""

    mongod: embedded.Server
    valkey: embedded.Server
    folder: Path
    kept_in: str
    cache_gb: float

    @property
    def log(self) -> Path:
        """Where everything else that is started writes what it has to complain about."""
        return self.folder / "load.log"


@contextmanager
def started(parent: Path | None, cache_gb: float) -> Iterator[Servers]:
    """Start both below ``parent`` (None: the system's folder for temporary files); stop both, delete all.

    Refuses with embedded.CannotStart.
    """
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="wallet-bench-", dir=parent))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        run = folder / "run"
        mongod = embedded.start_mongod(folder / "mongodb", run, folder / "mongod.log", cache_gb=cache_gb)
        stack.callback(embedded.stop, mongod)
        valkey = embedded.start_valkey(folder / "valkey", run, folder / "valkey.log")
        stack.callback(embedded.stop, valkey)
        stack.callback(_finish_undisturbed)
        yield Servers(mongod, valkey, folder, f"memory, {parent}" if parent else f"disk, {folder.parent}", cache_gb)


def _finish_undisturbed() -> None:
    """A second Ctrl-C, from someone in a hurry, would leave a server running."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
