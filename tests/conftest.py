"""Real servers for every test: one mongod and one Valkey per run, shared by all workers, started when first needed."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from redis.asyncio import Redis

from app.ids import new_id
from app.plumbing import embedded, mongo
from app.stack import processes

_MEMORY = Path("/dev/shm")  # noqa: S108 - a file system in memory: journaling stays on, the disk stays out
_MEMORY_FREE_MIN = 2 * 1024**3
_FOLDER = "wallet-tests-"
_HISTORY_S = 5
"""Every test drops a database of some hundred files; with the default they would stay open for five minutes."""

hypothesis_settings.register_profile("short", max_examples=50, deadline=None)
hypothesis_settings.register_profile("full", max_examples=1000, deadline=None)


class Servers:
    """The run's mongod and Valkey, owned by the process that the user started."""

    def __init__(self) -> None:
        self._running: tuple[embedded.Server, embedded.Server] | None = None
        self._folder: Path | None = None

    def urls(self) -> tuple[str, str]:
        """Where both listen; the first call starts them."""
        if self._running is None:
            self._running = self._start()
        mongod, valkey = self._running
        return mongod.url, valkey.url

    def stop(self) -> None:
        for server in self._running or ():
            embedded.stop(server)
        self._running = None
        if self._folder is not None:
            shutil.rmtree(self._folder)

    def _start(self) -> tuple[embedded.Server, embedded.Server]:
        parent = _roomy_folder()
        _end_leftovers(parent)
        self._folder = folder = Path(tempfile.mkdtemp(prefix=f"{_FOLDER}{os.getpid()}-", dir=parent))
        log = folder / "mongod.log"
        mongod = embedded.start_mongod(folder / "mongodb", folder / "run", log, history_s=_HISTORY_S)
        (folder / "mongod.pid").write_text(str(mongod.pid))
        try:
            valkey = embedded.start_valkey(folder / "valkey", folder / "run", folder / "valkey.log")
        except BaseException:
            embedded.stop(mongod)
            raise
        (folder / "valkey.pid").write_text(str(valkey.pid))
        return mongod, valkey


_SERVERS = pytest.StashKey[Servers]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run the long rounds too: more examples, more crashes")
    parser.addoption("--golden", action="store_true", help="store the histories of sagas that are not stored yet")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without --full, leave out the rounds whose parameters their test calls long."""
    if config.getoption("full"):
        return
    left_out = [item for item in items if _is_long(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _is_long(item: pytest.Item) -> bool:
    mark = item.get_closest_marker("long_when")
    if mark is None or not isinstance(item, pytest.Function):
        return False
    condition, *parameters = mark.args
    return bool(condition(**{name: item.callspec.params[name] for name in parameters}))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "long_when(condition, *parameters): a round for --full, where that holds of them"
    )
    hypothesis_settings.load_profile("full" if config.getoption("full") else "short")
    if not hasattr(config, "workerinput"):
        config.stash[_SERVERS] = Servers()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Called by xdist in the controlling process, once per worker."""
    node.workerinput["urls"] = node.config.stash[_SERVERS].urls()


def pytest_unconfigure(config: pytest.Config) -> None:
    servers = config.stash.get(_SERVERS, None)
    if servers is not None:
        servers.stop()


@pytest.fixture(scope="session")
def full(pytestconfig: pytest.Config) -> bool:
    """Whether this run takes the long rounds."""
    return bool(pytestconfig.getoption("full"))


@pytest.fixture(scope="session")
def _urls(pytestconfig: pytest.Config) -> tuple[str, str]:
    given: dict[str, Any] | None = getattr(pytestconfig, "workerinput", None)
    if given is not None:
        mongodb, redis = given["urls"]
        return mongodb, redis
    return pytestconfig.stash[_SERVERS].urls()


@pytest.fixture(scope="session")
def _worker(pytestconfig: pytest.Config) -> int:
    given: dict[str, Any] = getattr(pytestconfig, "workerinput", {})
    return int(given.get("workerid", "gw0").removeprefix("gw"))


@pytest.fixture(scope="session")
def mongodb_uri(_urls: tuple[str, str]) -> str:
    """The run's replica set."""
    return _urls[0]


@pytest.fixture(scope="session")
def redis_url(_urls: tuple[str, str], _worker: int) -> str:
    """This worker's own numbered database of the run's Valkey."""
    return f"{_urls[1]}?db={_worker}"


@pytest.fixture(scope="session")
async def _connected(
    mongodb_uri: str,
) -> AsyncIterator[tuple[AsyncMongoClient[dict[str, Any]], AsyncDatabase[dict[str, Any]]]]:
    """One client per worker, and a database whose concerns every test's own takes over."""
    client, pattern = mongo.connect(mongodb_uri, "pattern")
    async with client:
        yield client, pattern


@pytest.fixture
async def database(
    _connected: tuple[AsyncMongoClient[dict[str, Any]], AsyncDatabase[dict[str, Any]]],
) -> AsyncIterator[AsyncDatabase[dict[str, Any]]]:
    """A database that only this test knows, read and written as the product does."""
    client, pattern = _connected
    fresh = client.get_database(
        new_id("test"),
        codec_options=pattern.codec_options,
        read_preference=pattern.read_preference,
        write_concern=pattern.write_concern,
        read_concern=pattern.read_concern,
    )
    yield fresh
    await client.drop_database(fresh.name)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """This worker's database of the Valkey, empty."""
    async with Redis.from_url(redis_url) as client:
        await client.flushdb()
        yield client


def _roomy_folder() -> Path | None:
    if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _MEMORY_FREE_MIN:
        return _MEMORY
    return None


def _end_leftovers(parent: Path | None) -> None:
    """A run that was killed could not stop its servers; the next one does."""
    for folder in Path(parent or tempfile.gettempdir()).glob(f"{_FOLDER}*"):
        if processes.is_alive(int(folder.name.removeprefix(_FOLDER).partition("-")[0])):
            continue
        for pid_file in folder.glob("*.pid"):
            processes.end_leftover(pid_file, str(folder))
        shutil.rmtree(folder, ignore_errors=True)
