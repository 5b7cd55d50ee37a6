"""``wallet up`` as a user meets it: it comes up, mends itself, and leaves nothing behind, however it ends."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from app.stack import processes
from app.stack.folder import NAMES, Folder
from tests.stack.test_command_line import free_port, wallet

PROJECT = Path(__file__).parents[2]


def until(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class Up:
    """A stack started with the command, and what it has printed."""

    def __init__(self, folder: Folder, printed: Path, *options: str) -> None:
        self.folder, self.port, self.printed = folder, free_port(), printed
        ports = ("--port", str(self.port), "--sandbox-port", str(free_port()))
        command = [sys.executable, "-m", "app.cli", "up", "--data", str(folder.root), *ports, *options]
        with printed.open("wb") as output:
            self.process = subprocess.Popen(command, cwd=PROJECT, stdout=output, stderr=subprocess.STDOUT)

    def wait_until_serving(self) -> None:
        until(lambda: "curl -s" in self.said() or self.process.poll() is not None)
        assert self.process.poll() is None, self.said()

    def said(self) -> str:
        return self.printed.read_text()

    def pids(self) -> dict[str, int]:
        return {name: int(self.folder.noted(f"{name}.pid")) for name in NAMES}

    def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        return self.process.wait(60)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[[], Up]]:
    folder = Folder.at(tmp_path / "data")
    started: list[Up] = []

    def start() -> Up:
        started.append(Up(folder, tmp_path / f"printed-{len(started)}", "--no-demo"))
        started[-1].wait_until_serving()
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()
    folder.end_leftovers()


def test_a_killed_api_and_a_killed_database_come_back_and_a_signal_ends_everything(up: Callable[[], Up]) -> None:
    stack = up()
    token = re.findall(r"^export TOKEN=(\S+)$", stack.said(), re.MULTILINE)[0]
    first = stack.pids()
    for name in ("mongod", "valkey", "api", "worker"):
        os.kill(first[name], signal.SIGKILL)
    until(lambda: len(set(stack.pids().items()) - set(first.items())) == 4)

    def answers() -> bool:
        with httpx2.Client(trust_env=False, timeout=5.0, headers={"Authorization": f"Bearer {token}"}) as client:
            try:
                return client.get(f"http://127.0.0.1:{stack.port}/v1/me").status_code == 200
            except httpx2.TransportError:
                return False

    until(answers)
    assert "api ended with code -9; starting it again in 0.2 s" in stack.said()
    last = stack.pids()
    assert stack.end(signal.SIGTERM) == 0
    assert not [name for name, pid in last.items() if processes.is_alive(pid)]
    assert not [file for file in stack.folder.run.iterdir() if file.suffix in {".pid", ".uri", ".url"}]


def test_what_a_killed_supervisor_left_behind_is_ended_before_the_next_start(up: Callable[[], Up]) -> None:
    killed = up()
    left = killed.pids()
    killed.end(signal.SIGKILL)
    assert processes.is_alive(left["api"])
    again = up()
    for name, pid in left.items():
        assert f"{name} was left running by an earlier run; ended it" in again.said()
        assert not processes.is_alive(pid)
    issued = wallet("token", "--user", "ada", "--data", str(again.folder.root))
    assert (issued.returncode, len(issued.stdout.splitlines())) == (0, 1)
    assert again.end(signal.SIGINT) == 0
