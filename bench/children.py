"""The parent's side: start processes of load, let them begin at the same moment, and take their samples."""

import json
import select
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING

from bench.child import READY
from bench.measuring import Sample

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

ROOT = Path(__file__).parents[1]
_READY_TIMEOUT_S = 60.0
_ANSWER_TIMEOUT_S = 180.0


class LoadFailed(Exception):
    """A process of load ended or fell silent; the sentence ends with what it said last."""


def samples(loads: Sequence[tuple[str, "DataclassInstance"]], log: Path) -> list[Sample]:
    """One process per module and job, all loading during the same window. Raises LoadFailed."""
    with ExitStack() as stack:
        children = [stack.enter_context(_child(module, log)) for module, _ in loads]
        for child, (_, job) in zip(children, loads, strict=True):
            _tell(child, json.dumps(asdict(job)))
        for child, (module, _) in zip(children, loads, strict=True):
            if _line(child, log, _READY_TIMEOUT_S) != READY:
                raise LoadFailed(f"{module} was not ready: {_tail(log)}")
        for child in children:
            _tell(child, "go")
        return [Sample(**json.loads(_line(child, log, _ANSWER_TIMEOUT_S))) for child in children]


@contextmanager
def _child(module: str, log: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", module]
    with log.open("a") as errors:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,  # Ctrl-C reaches the parent, which ends the children in order
        )
    with process:
        try:
            yield process
        finally:
            process.kill()


def _tell(child: subprocess.Popen[str], line: str) -> None:
    pipe = _open(child.stdin)
    pipe.write(f"{line}\n")
    pipe.flush()


def _line(child: subprocess.Popen[str], log: Path, timeout_s: float) -> str:
    pipe = _open(child.stdout)
    readable, _, _ = select.select([pipe], [], [], timeout_s)
    line = pipe.readline().strip() if readable else ""
    if not line:
        raise LoadFailed(f"a process of load {'ended' if readable else 'fell silent'}: {_tail(log)}")
    return line


def _open(pipe: IO[str] | None) -> IO[str]:
    if pipe is None:
        raise RuntimeError("the child was started without pipes")
    return pipe


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
