"""The embedded servers keep what they were given, however they end."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.asynchronous.database import AsyncDatabase
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from app.plumbing import embedded
from app.stack import processes


@contextmanager
def _mongod(folder: Path) -> Iterator[embedded.Server]:
    server = embedded.start_mongod(folder / "mongodb", folder / "run", folder / "mongod.log", cache_gb=0.25)
    try:
        yield server
    finally:
        embedded.stop(server)


@contextmanager
def _valkey(folder: Path) -> Iterator[embedded.Server]:
    server = embedded.start_valkey(folder / "valkey", folder / "run", folder / "valkey.log")
    try:
        yield server
    finally:
        embedded.stop(server)


def _kill(server: embedded.Server) -> None:
    os.kill(server.pid, signal.SIGKILL)
    server.process.wait()


def _notes(url: str) -> Any:
    # Closing says goodbye to the server, which may be dead by then: do not look for it long.
    client: MongoClient[dict[str, Any]] = MongoClient(url, w="majority", journal=True, serverSelectionTimeoutMS=500)
    return client


def test_what_a_killed_mongod_acknowledged_is_there_after_a_restart(tmp_path: Path) -> None:
    with _mongod(tmp_path) as server, _notes(server.url) as client:
        client.books.notes.insert_one({"_id": "kept"})
        _kill(server)
    with _mongod(tmp_path) as server, _notes(server.url) as client:
        assert client.books.notes.find_one() == {"_id": "kept"}


def test_a_folder_that_was_moved_starts_again_even_where_no_socket_fits(tmp_path: Path) -> None:
    first, second = tmp_path / "here", tmp_path / ("far" * 40)
    with _mongod(first) as server, _notes(server.url) as client:
        client.books.notes.insert_one({"_id": "kept"})
    first.rename(second)
    with _mongod(second) as server, _notes(server.url) as client:
        assert "127.0.0.1" in server.url
        with client.start_session() as session, session.start_transaction():
            client.books.notes.insert_one({"_id": "added"}, session=session)
        assert client.books.notes.count_documents({}) == 2


def test_what_a_killed_valkey_was_given_is_there_after_a_restart(tmp_path: Path) -> None:
    with _valkey(tmp_path) as server, Redis.from_url(server.url) as client:
        client.set("claim", "kept")
        client.execute_command("WAITAOF", 1, 0, 5_000)
        _kill(server)
    with _valkey(tmp_path) as server, Redis.from_url(server.url) as client:
        assert client.get("claim") == b"kept"
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_sockets_stand_in_a_folder_that_only_the_owner_enters(tmp_path: Path) -> None:
    with _valkey(tmp_path) as server:
        assert server.url.startswith("unix://")
        assert (tmp_path / "run").stat().st_mode & 0o777 == 0o700


def test_the_command_line_of_valkey_names_its_folder_and_no_password(tmp_path: Path) -> None:
    long = tmp_path / ("far" * 40)
    with _valkey(long) as server:
        shown = processes.command_line(server.pid)
        assert str(long / "valkey") in shown
        assert server.url.split("@")[0].rpartition(":")[2] not in shown


def test_a_server_that_cannot_start_says_why_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "mongodb").mkdir()
    (tmp_path / "mongodb" / "storage.bson").write_text("not a document")
    with pytest.raises(embedded.CannotStart) as refusal:
        embedded.start_mongod(tmp_path / "mongodb", tmp_path / "run", tmp_path / "mongod.log")
    said = "it ended with code 14; it said: Unable to read the storage engine metadata file"
    assert refusal.value.sentence == f"mongod did not start: {said} (log: {tmp_path / 'mongod.log'})"


async def test_each_test_has_an_empty_database_with_transactions(bare_database: AsyncDatabase[dict[str, Any]]) -> None:
    assert await bare_database.list_collection_names() == []
    async with bare_database.client.start_session() as session, await session.start_transaction():
        await bare_database.notes.insert_one({"_id": 1}, session=session)
    assert await bare_database.notes.count_documents({}) == 1


async def test_each_test_has_an_empty_redis(redis: AsyncRedis) -> None:
    assert await redis.dbsize() == 0
    await redis.set("note", "1")
