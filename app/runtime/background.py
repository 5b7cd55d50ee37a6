"""Loops that run for as long as the runtime is open, beside whatever the process is there for."""

import asyncio
from contextlib import AsyncExitStack
from typing import Protocol


class Loop(Protocol):
    """Something that works until it is closed."""

    async def run(self) -> None:
        """Work; return once closed and drained."""
        ...

    def close(self) -> None:
        """Take nothing more."""
        ...


class Background:
    """Starts loops, and closes the last one first before it waits for all of them to end."""

    def __init__(self, stack: AsyncExitStack, tasks: asyncio.TaskGroup) -> None:
        self._stack = stack
        self._tasks = tasks

    def start(self, *loops: Loop) -> None:
        """Run them until the runtime closes; one that fails ends the runtime."""
        for loop in loops:
            self._tasks.create_task(loop.run(), name=type(loop).__name__)
            self._stack.callback(loop.close)


async def open_background(stack: AsyncExitStack, *loops: Loop) -> Background:
    """A background that runs those loops already. What they work with is to be on the stack before."""
    background = Background(stack, await stack.enter_async_context(asyncio.TaskGroup()))
    background.start(*loops)
    return background
