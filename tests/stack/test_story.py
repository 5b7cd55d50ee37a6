"""The main job told, against a stack that really runs, and against one that does not."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from app.stack.folder import Folder
from app.stack.story import Story
from app.stack.telling import Teller
from tests.stack.test_command_line import free_port, wallet


async def test_a_story_that_nobody_answers_fails_in_one_sentence_that_names_the_logs(tmp_path: Path) -> None:
    printed = io.StringIO()
    nowhere = f"http://127.0.0.1:{free_port()}"

    async def verify(_timeout_s: float) -> tuple[int, str]:
        raise AssertionError

    assert not await Story(nowhere, nowhere, Teller(Console(file=printed)), tmp_path).tell(verify)
    remedy = "start it with ./scripts/run --no-demo"
    assert printed.getvalue() == f"The sandbox does not answer: {remedy}. The logs are in {tmp_path}.\n"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    folder = Folder.at(tmp_path / "data")
    yield folder
    folder.end_leftovers()


@pytest.mark.timeout(300)
def test_one_purchase_arrives_one_is_refunded_and_the_books_verify(folder: Folder) -> None:
    ports = ("--port", str(free_port()), "--sandbox-port", str(free_port()))
    told = wallet("up", "--once", "--data", str(folder.root), *ports, timeout_s=240)
    assert told.returncode == 0, told.stdout + told.stderr
    assert re.findall(r"^  purchase    (\w+) ", told.stdout, re.MULTILINE) == ["completed", "refunded"]
    assert "expected to fail at delivery" in told.stdout
    assert ", 0 breaks" in told.stdout
    assert not list(folder.run.glob("*.pid"))
