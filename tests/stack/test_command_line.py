"""The ``wallet`` command refuses in one sentence with exit code 2."""

import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from app.stack.folder import Folder

PROJECT = Path(__file__).parents[2]


def wallet(
    *arguments: str, environment: Mapping[str, str] | None = None, timeout_s: float = 60.0
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        cwd=PROJECT,
        env={"PATH": "/usr/bin:/bin", **(environment or {})},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def refused(result: subprocess.CompletedProcess[str]) -> str:
    """The one sentence on standard error."""
    assert result.returncode == 2, result.stderr
    (sentence,) = result.stderr.splitlines()
    return sentence


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port


def test_a_taken_port_is_named_with_the_option_that_chooses_another(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        sentence = refused(wallet("up", "--data", str(tmp_path), "--port", str(free_port()), "--sandbox-port", port))
    assert sentence.startswith(f"Port {port} of 127.0.0.1 is taken: ")
    assert sentence.endswith("--sandbox-port.")
    assert not list((tmp_path / "run").iterdir())


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    with Folder.at(tmp_path).locked():
        assert refused(wallet("up", "--data", str(tmp_path))).startswith(f"A stack is running in {tmp_path}: ")


def test_a_database_that_cannot_start_ends_the_stack_with_its_reason(tmp_path: Path) -> None:
    folder = Folder.at(tmp_path)
    (folder.root / "mongodb").mkdir()
    (folder.root / "mongodb" / "storage.bson").write_text("not a document")
    ports = ("--port", str(free_port()), "--sandbox-port", str(free_port()))
    assert refused(wallet("up", "--data", str(tmp_path), *ports)).startswith(
        "mongod did not start: it ended with code 14"
    )
    assert not list(folder.run.glob("*.pid"))


def test_embedded_servers_are_refused_in_production(tmp_path: Path) -> None:
    result = wallet("up", "--data", str(tmp_path / "data"), environment={"WALLET_ENV": "production"})
    assert "not for production: set WALLET_MONGODB_URI and WALLET_REDIS_URL" in refused(result)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("command", [("api",), ("worker",), ("sandbox",), ("token", "--user", "ada")])
def test_a_command_that_needs_a_stack_says_where_none_runs(command: tuple[str, ...], tmp_path: Path) -> None:
    sentence = refused(wallet(*command, "--data", str(tmp_path)))
    assert sentence.startswith(f"No stack is running in {tmp_path}: start one with ./scripts/run")


def test_a_wrong_setting_is_refused_by_name(tmp_path: Path) -> None:
    result = wallet("api", "--data", str(tmp_path), environment={"WALLET_ENV": "prod"})
    assert refused(result).startswith("WALLET_ENV is wrong (")


def test_once_without_a_story_is_refused(tmp_path: Path) -> None:
    assert "choose one of them" in refused(wallet("up", "--once", "--no-demo", "--data", str(tmp_path)))


def test_the_doctor_finds_what_is_wrong(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        sick = wallet("doctor", "--data", str(tmp_path), "--port", port, "--sandbox-port", str(free_port()))
    assert sick.returncode == 2
    assert f"problem  ports       Port {port} of 127.0.0.1 is taken: " in sick.stdout
    assert "ok       mongod      db version" in sick.stdout


@pytest.mark.parametrize("command", ["up", "api", "worker", "sandbox", "token", "doctor", "reset"])
def test_every_command_shows_an_example(command: str) -> None:
    shown = wallet(command, "--help")
    assert shown.returncode == 0
    assert "Example:" in shown.stdout


def test_reset_deletes_a_stack_and_nothing_else(tmp_path: Path) -> None:
    papers = tmp_path / "papers"
    papers.mkdir()
    assert "is not the folder of a stack" in refused(wallet("reset", "--yes", "--data", str(papers)))
    data = Folder.at(tmp_path / "data")
    with data.locked():
        assert "A stack is running" in refused(wallet("reset", "--yes", "--data", str(data.root)))
    assert wallet("reset", "--yes", "--data", str(data.root)).returncode == 0
    assert not data.root.exists()
    assert papers.is_dir()
