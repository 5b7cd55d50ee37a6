"""How a serving process runs: on uvloop, with a garbage collector that lets a busy process work.

Python looks for reference cycles after every 700 new objects that stay, under load several times a request, and goes
through everything that lives again and again. What a process has loaded by the time it serves is set aside here, and
the rest is looked through seldomer; what becomes garbage without a cycle is freed at once, as ever.
"""

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")

_NEW_OBJECTS = 20_000
_GENERATIONS = 20


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a process's main coroutine to its end."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


def settle_collector() -> None:
    """To be called once everything that stays is loaded."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, _GENERATIONS, _GENERATIONS)
