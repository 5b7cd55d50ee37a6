"""Every forgery at the application's own door: 401, the challenge of RFC 6750, and nothing of the token repeated."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import httpx2
import pytest

from app.clock import ManualClock
from app.identity.configured import access_tokens
from app.main import create_app
from app.runtime import open_runtime
from app.settings import Settings
from tests.attacks.forgeries import FORGERIES, Forgery
from tests.databases import Databases
from tests.issuer import AUDIENCE, ISSUER, Issuer
from tests.wire import Nowhere

NOW = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
async def door(mongodb_uri: str, redis_url: str, databases: Databases) -> AsyncIterator[httpx2.AsyncClient]:
    """The application of one process, for all forgeries."""
    clock = ManualClock(NOW)
    async with databases.lend() as database, Issuer(NOW).client() as keys:
        servers = {"mongodb_uri": mongodb_uri, "redis_url": redis_url, "mongodb_database": database.name}
        settings = Settings.model_validate({"auth_issuer": ISSUER, "auth_audience": AUDIENCE, **servers})
        async with open_runtime(settings, clock, Nowhere()) as runtime:
            app = create_app(replace(runtime, tokens=access_tokens(settings, keys, clock)))
            async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://wallet") as client:
                yield client


async def test_a_genuine_token_opens(door: httpx2.AsyncClient) -> None:
    assert (await door.get("/v1/me", headers=Issuer(NOW).authorization())).status_code == 200


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda each: each.name)
async def test_a_forged_token_opens_nothing(forgery: Forgery, door: httpx2.AsyncClient) -> None:
    forged = forgery.make(Issuer(NOW))
    answer = await door.get("/v1/me", headers={"Authorization": f"Bearer {forged}"})

    assert (answer.status_code, answer.json()["code"]) == (401, "token-invalid"), forgery.rule
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert forged not in answer.text
