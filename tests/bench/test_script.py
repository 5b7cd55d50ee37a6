"""The one-screen script in front of it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
STAMP = "{ pwd; cat requirements.lock pyproject.toml; } | cksum >.venv/stamp-requirements.lock"
EVERY_SECTION = ("door", "http", "two", "sagas", "purchases", "providers", "webhooks", "scale")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The scripts and a lock, as someone has them who has just cloned the project."""
    shutil.copytree(PROJECT / "scripts", tmp_path / "scripts")
    for name in ("pyproject.toml", "requirements.lock"):
        shutil.copy(PROJECT / name, tmp_path)
    return tmp_path


def run(checkout: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.defpath, "HOME": str(checkout), "PIP_NO_INDEX": "1"}
    return subprocess.run(
        command, cwd=checkout, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_help_names_every_section_and_installs_nothing(checkout: Path) -> None:
    result = run(checkout, "./scripts/bench", "--quick", "--help")
    assert result.returncode == 0
    assert all(f"\n  {section} " in result.stdout for section in EVERY_SECTION)
    assert "./scripts/bench --quick\n" in result.stdout
    assert not (checkout / ".venv").exists()


def test_what_is_asked_for_reaches_the_benchmark(checkout: Path) -> None:
    programs = checkout / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("wallet", "python"):
        (programs / name).write_text(f'#!/bin/sh\necho "{name} $*"\n')
        (programs / name).chmod(0o755)
    subprocess.run(["/bin/sh", "-c", STAMP], cwd=checkout, check=True)
    result = run(checkout, "./scripts/bench", "--quick", "door")
    assert (result.returncode, result.stdout, result.stderr) == (0, "python -m bench --quick door\n", "")
