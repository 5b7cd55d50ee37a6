"""A short storm of a fixed seed; ./scripts/chaos makes longer ones."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.stack.test_command_line import PROJECT

SEED = "short"


@pytest.mark.timeout(240)
async def test_nothing_is_lost_doubled_or_left_lying_about_in_a_storm(tmp_path: Path) -> None:
    storm = ("--seed", SEED, "--minutes", "0.1", "--pace", "0.2", "--data", str(tmp_path / "stack"))
    command = (sys.executable, "-m", "tests.chaos", *storm)
    process = await asyncio.create_subprocess_exec(
        *command, cwd=PROJECT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said = (await process.communicate())[0].decode()
    assert process.returncode == 0, said
    assert "Killed at" in said
    assert "0 differences" in said
