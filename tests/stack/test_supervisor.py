"""The supervisor keeps programs running, and ends them all."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from app.plumbing.embedded import CannotStart
from app.stack import processes
from app.stack.folder import Folder
from app.stack.problem import GaveUp, Problem
from app.stack.supervisor import DEATHS_MAX, Starts, Supervisor

SLEEPS = "import time; time.sleep(600)"
IGNORES_TERM = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
)


async def until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder.at(tmp_path / "data")
    folder.make()
    return folder


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(folder: Folder, said: list[str]) -> Iterator[Supervisor]:
    supervisor = Supervisor(folder, said.append, stop_timeout_s=1.0)
    yield supervisor
    supervisor.stop()


def program(folder: Folder, name: str, source: str) -> Starts:
    def start() -> subprocess.Popen[bytes]:
        with folder.log(name).open("ab") as log:
            return subprocess.Popen([sys.executable, "-c", source, str(folder.root)], stdout=log, stderr=log)

    return start


def recorded(folder: Folder, name: str) -> int:
    return int(folder.noted(f"{name}.pid"))


def is_another(folder: Folder, pid: int) -> bool:
    return recorded(folder, "worker") != pid


async def test_a_program_that_dies_is_started_again_with_a_line_saying_so(
    folder: Folder, supervisor: Supervisor, said: list[str]
) -> None:
    supervisor.start("worker", program(folder, "worker", SLEEPS))
    first = recorded(folder, "worker")
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(supervisor.watch())
        os.kill(first, signal.SIGKILL)
        await until(lambda: recorded(folder, "worker") != first)
        watching.cancel()
    assert processes.is_alive(recorded(folder, "worker"))
    assert said == [f"worker ended with code -9; starting it again in 0.2 s (log: {folder.log('worker')})"]


async def test_a_program_that_is_killed_again_and_again_is_always_started_again(
    folder: Folder, supervisor: Supervisor, said: list[str]
) -> None:
    supervisor.start("worker", program(folder, "worker", SLEEPS))
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(supervisor.watch())
        for _ in range(DEATHS_MAX + 1):
            killed = recorded(folder, "worker")
            os.kill(killed, signal.SIGKILL)
            await until(partial(is_another, folder, killed))
        watching.cancel()
    assert len(said) == DEATHS_MAX + 1
    assert all("starting it again in 0.2 s" in each for each in said)


async def test_a_program_that_keeps_dying_ends_the_watch_with_the_tail_of_its_log(
    folder: Folder, supervisor: Supervisor, said: list[str]
) -> None:
    supervisor.start("worker", program(folder, "worker", "raise SystemExit('no ledger to work on')"))
    with pytest.raises(GaveUp, match="no ledger to work on") as failure:
        await supervisor.watch()
    assert f"for the {DEATHS_MAX}th time" in failure.value.sentence
    assert len(said) == DEATHS_MAX - 1


async def test_a_server_that_cannot_be_started_again_counts_as_dying(folder: Folder, supervisor: Supervisor) -> None:
    runs = iter([program(folder, "mongod", SLEEPS)])

    def start() -> subprocess.Popen[bytes]:
        for run in runs:
            return run()
        raise CannotStart("mongod", "the disk is full")

    supervisor.start("mongod", start)
    os.kill(recorded(folder, "mongod"), signal.SIGKILL)
    with pytest.raises(GaveUp, match="the disk is full"):
        await supervisor.watch()


async def test_all_end_in_reverse_order_even_one_that_does_not_listen(folder: Folder, supervisor: Supervisor) -> None:
    ends = folder.root / "ends"
    tells = (
        "import signal, sys, time\n"
        "def end(*_):\n"
        f"    open({str(ends)!r}, 'a').write(NAME + ' ')\n"
        "    sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)\n"
    )
    for name in ("mongod", "api"):
        supervisor.start(name, program(folder, name, f"NAME = {name!r}\n{tells}"))
    supervisor.start("worker", program(folder, "worker", IGNORES_TERM))
    await until(lambda: all(folder.log(name).stat().st_size for name in ("mongod", "api", "worker")))
    pids = [recorded(folder, name) for name in ("mongod", "api", "worker")]
    supervisor.stop()
    assert ends.read_text().split() == ["api", "mongod"]
    assert not any(processes.is_alive(pid) for pid in pids)
    assert not list(folder.run.glob("*.pid"))


async def test_what_a_killed_supervisor_left_running_is_ended(folder: Folder) -> None:
    left = program(folder, "api", SLEEPS)()
    folder.note("api.pid", str(left.pid))
    async with asyncio.TaskGroup() as group:
        ending = group.create_task(asyncio.to_thread(folder.end_leftovers))
        await asyncio.to_thread(left.wait)
    assert ending.result() == ("api",)
    assert folder.noted("api.pid") == ""


def test_a_recorded_pid_that_now_belongs_to_somebody_else_is_left_alone(folder: Folder) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", SLEEPS])
    try:
        folder.note("api.pid", str(stranger.pid))
        assert folder.end_leftovers() == ()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_busy_folder_is_refused(folder: Folder) -> None:
    with folder.locked():
        assert folder.running()
        with pytest.raises(Problem, match=r"A stack is running in .*: end it first .* or choose another .* --data"):
            folder.locked().__enter__()
    assert not folder.running()


def test_the_lock_of_a_killed_process_does_not_last(folder: Folder) -> None:
    holds = (
        f"import fcntl, time; lock = open({str(folder.root / 'lock')!r}, 'a'); fcntl.flock(lock, fcntl.LOCK_EX)\n"
        "print('held', flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen([sys.executable, "-c", holds], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    with holder.stdout as output:
        assert output.readline() == b"held\n"
        assert folder.running()
        holder.kill()
        holder.wait()
    with folder.locked():
        pass


def test_logs_are_kept_from_one_start_to_the_next_and_bounded(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.log("api").write_text("yesterday")
    folder.turn_logs()
    assert not folder.log("api").exists()
    monkeypatch.setattr("app.stack.folder.LOG_BYTES_MAX", 4)
    with folder.log("api").open("ab", buffering=0) as writer:
        writer.write(b"today")
        folder.bound_logs()
        writer.write(b"now")
    assert folder.log("api").read_text() == "now"
    assert folder.log("api").with_suffix(".log.1").read_text() == "today"
