"""The child's side of a conversation over standard input and output.

It reads a job of one line, says ``ready``, waits for a line, and answers with the sample as one line of JSON.
"""

import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, TypeVar

from app.plumbing.running import run, settle_collector
from bench.measuring import Sample

READY = "ready"

Job = TypeVar("Job")
Ready = Callable[[], Awaitable[None]]


def serve_one_job(read: Callable[[dict[str, Any]], Job], work: Callable[[Job, Ready], Awaitable[Sample]]) -> None:
    """Read a job, do it, answer. Ctrl-C is the parent's affair."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    async def ready() -> None:
        settle_collector()  # as whatever serves does, so that all that is compared has it
        _say(READY)
        await asyncio.to_thread(sys.stdin.readline)

    async def done() -> Sample:
        return await work(read(json.loads(sys.stdin.readline())), ready)

    _say(json.dumps(asdict(run(done()))))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
