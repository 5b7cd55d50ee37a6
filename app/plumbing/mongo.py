"""The MongoDB client, set up once: majority writes, journaled; times with a zone; a pool that does not starve."""

from typing import Any

from bson.codec_options import CodecOptions
from pymongo import AsyncMongoClient, ReadPreference
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

Database = AsyncDatabase[dict[str, Any]]

CODEC: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)

_POOL_MAX = 200
"""Above the number of requests a process admits at once: a pool below it turns 6 ms into seconds."""


def connect(uri: str, database: str) -> tuple[AsyncMongoClient[dict[str, Any]], AsyncDatabase[dict[str, Any]]]:
    """A client and its database. The client belongs to the event loop that first uses it."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        uri,
        maxPoolSize=_POOL_MAX,
        serverSelectionTimeoutMS=5_000,
        connectTimeoutMS=2_000,
        heartbeatFrequencyMS=1_000,  # how soon a frozen primary is noticed; the default is ten seconds
        socketTimeoutMS=20_000,
        tz_aware=True,
        appname="wallet",
    )
    return client, client.get_database(
        database,
        codec_options=CODEC,
        read_preference=ReadPreference.PRIMARY,
        write_concern=WriteConcern(w="majority", j=True, wtimeout=10_000),
        read_concern=ReadConcern("majority"),
    )
