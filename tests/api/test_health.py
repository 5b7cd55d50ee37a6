from pathlib import Path
from typing import Any

import httpx2
from fastapi import FastAPI
from pymongo.asynchronous.database import AsyncDatabase

from app.main import create_app
from app.plumbing import embedded, mongo
from app.plumbing.redis import connect_redis
from app.runtime import Runtime


def over(runtime: Runtime, **changes: Any) -> FastAPI:
    parts = {name: getattr(runtime, name) for name in Runtime.__dataclass_fields__}
    return create_app(Runtime(**{**parts, **changes}))


async def ready(app: FastAPI) -> httpx2.Response:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://wallet.test") as client:
        return await client.get("/health/ready")


async def test_a_process_with_both_servers_is_ready(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/health/live")).json() == {"status": "live"}
    assert (await client.get("/health/ready")).json() == {"status": "ready", "mongodb": "writable", "redis": "up"}


async def test_without_redis_it_is_degraded_and_still_ready(runtime: Runtime, tmp_path: Path) -> None:
    server = embedded.start_valkey(tmp_path / "valkey", tmp_path / "run", tmp_path / "valkey.log")
    embedded.stop(server)
    async with connect_redis(server.url) as gone:
        answer = await ready(over(runtime, redis=gone))

    assert answer.status_code == 200
    assert answer.json() == {"status": "degraded", "mongodb": "writable", "redis": "down"}


async def test_without_a_writable_mongodb_it_is_not_ready_and_says_why(runtime: Runtime, tmp_path: Path) -> None:
    client, database = mongo.connect(f"mongodb://{str(tmp_path / 'none.sock').replace('/', '%2F')}", "wallet")
    async with client:
        gone: AsyncDatabase[dict[str, Any]] = database
        answer = await ready(over(runtime, database=gone))

    assert (answer.status_code, answer.json()["code"]) == (503, "not-ready")
    assert "mongodb" in answer.json()["detail"]
    assert answer.headers["Retry-After"] == "1"
