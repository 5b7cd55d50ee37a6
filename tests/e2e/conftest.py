"""One stack for the module: every process real, every one of them mortal."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.stack import Stack


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    root: Path = tmp_path_factory.mktemp("stack")
    stack = Stack(root)
    try:
        await stack.start()
        yield stack
    finally:
        stack.stop()
        stack.folder.end_leftovers()
