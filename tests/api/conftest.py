"""The whole application over real servers, with an issuer of its own, called as a client would."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from pymongo.asynchronous.database import AsyncDatabase
from redis.asyncio import Redis

from app.clock import ManualClock
from app.identity.configured import access_tokens
from app.main import create_app
from app.providers.outcomes import Declined
from app.providers.ports import Applicant, Person, Review, SdkToken
from app.runtime import Runtime, open_runtime
from app.settings import Settings
from tests.api.given import Tenant
from tests.issuer import AUDIENCE, ISSUER, TENANT_CLAIM, Issuer
from tests.wire import Nowhere

NOW = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)


class VerificationDesk:
    """A verification vendor that knows everybody it was asked about, and finds them again."""

    def __init__(self) -> None:
        self.applicants: dict[str, Applicant] = {}

    async def applicant_for(self, external_user_id: str) -> Applicant:
        number = len(self.applicants) + 1
        return self.applicants.setdefault(external_user_id, Applicant(f"applicant-{number}", external_user_id))

    async def sdk_token(self, external_user_id: str) -> SdkToken:
        return SdkToken(SecretStr(f"sdk-{external_user_id}"), NOW + timedelta(minutes=10))

    async def review(self, applicant_id: str) -> Review | None:
        known = next((each for each in self.applicants.values() if each.id == applicant_id), None)
        return Review(applicant_id, known.external_user_id, "pending") if known else None

    async def person(self, applicant_id: str) -> Person:
        raise Declined("sumsub", "not-verified" if applicant_id else "unknown")

    async def reuse(self, share_token: SecretStr, external_user_id: str) -> Applicant:
        raise Declined("sumsub", "token-unknown" if share_token and external_user_id else "malformed")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def issuer() -> Issuer:
    return Issuer(NOW)


@pytest.fixture
def desk() -> VerificationDesk:
    return VerificationDesk()


@pytest.fixture
async def runtime(
    mongodb_uri: str,
    redis_url: str,
    database: AsyncDatabase[dict[str, Any]],
    redis: Redis,
    clock: ManualClock,
    issuer: Issuer,
    desk: VerificationDesk,
) -> AsyncIterator[Runtime]:
    settings = Settings.model_validate(
        {
            "auth_issuer": ISSUER,
            "auth_audience": AUDIENCE,
            "auth_tenant_claim": TENANT_CLAIM,
            "mongodb_uri": mongodb_uri,
            "mongodb_database": database.name,
            "redis_url": redis_url,
        }
    )
    async with issuer.client() as http, open_runtime(settings, clock, Nowhere()) as runtime:
        tokens = access_tokens(settings, http, clock)
        yield replace(runtime, tokens=tokens, people=desk)


@pytest.fixture
def app(runtime: Runtime) -> FastAPI:
    return create_app(runtime)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://wallet.test") as client:
        yield client


@pytest.fixture
async def tenant(runtime: Runtime, client: httpx2.AsyncClient, issuer: Issuer) -> Tenant:
    """A tenant where Ada has 100 dollars and Bob none; both are verified."""
    tenant = Tenant(runtime, client, issuer)
    await tenant.welcome("ada", 100_00)
    await tenant.welcome("bob")
    return tenant
