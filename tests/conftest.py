"""Real servers for every test: one mongod and one Valkey per run, shared by all workers, started when first needed."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from hypothesis import settings as hypothesis_settings
from redis.asyncio import Redis

from app.plumbing import embedded, mongo
from app.plumbing.running import settle_collector
from app.stack import processes

if TYPE_CHECKING:
    from tests.databases import Databases

_MEMORY = Path("/dev/shm")  # noqa: S108 - a file system in memory: journaling stays on, the disk stays out
_MEMORY_FREE_MIN = 2 * 1024**3
_FOLDER = "wallet-tests-"
_HISTORY_S = 30
"""Of a database that is dropped some hundred files stay open that long; an audit on a busy machine takes seconds."""

_TESTS = Path(__file__).parent
_BEGINNING = ("chaos", "e2e", "stack", "orchestrator")
"""Whose tests take long one by one: they come first, so that no worker waits for another in the end."""

_LOG = (structlog.processors.add_log_level, structlog.processors.format_exc_info, structlog.processors.LogfmtRenderer())
"""Everything on a plain line: the colourful default draws an exception with all it knows, which takes seconds."""

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
    """Leave out the long rounds, unless asked for, and keep the tests of a room together, in their random order."""
    if not config.getoption("full"):
        left_out = {item for item in items if _is_long(item)}
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]
    places = {_room(item): number for number, item in reversed([*enumerate(items, len(_BEGINNING))])}
    places |= {room: number for number, room in enumerate(_BEGINNING)}
    items.sort(key=lambda item: places[_room(item)])


def _room(item: pytest.Item) -> str:
    return item.path.relative_to(_TESTS).parts[0]


def pytest_collection_finish() -> None:
    """What is loaded by now stays: the collector need not go through it again and again."""
    settle_collector()


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
    structlog.configure(processors=[*_LOG])
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
async def databases(mongodb_uri: str) -> AsyncIterator["Databases"]:
    """This worker's databases, to be lent, over one client."""
    from tests.databases import Databases  # noqa: PLC0415 - the process that controls the workers needs no product

    client, pattern = mongo.connect(mongodb_uri, "pattern")
    async with client:
        opened = Databases(pattern)
        yield opened
        await opened.close()


@pytest.fixture
async def database(databases: "Databases") -> AsyncIterator[mongo.Database]:
    """A database without documents, with the product's collections, read and written as the product does."""
    async with databases.lend() as lent:
        yield lent


@pytest.fixture
async def bare_database(databases: "Databases") -> AsyncIterator[mongo.Database]:
    """A database without collections."""
    async with databases.bare() as bare:
        yield bare


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
