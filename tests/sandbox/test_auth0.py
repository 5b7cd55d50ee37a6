import time
from typing import Any

import httpx2
from joserfc import jwt
from joserfc.jwk import KeySet

from app.sandbox.auth0 import TENANT_CLAIM
from app.sandbox.config import SandboxConfig
from tests.sandbox.world import Wallet, running

ISSUER = "http://127.0.0.1:8001/auth0/"


async def token(client: httpx2.AsyncClient, **asked: Any) -> str:
    answer = await client.post("/auth0/oauth/token", json={"grant_type": "password", "username": "ada"} | asked)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


async def keys(client: httpx2.AsyncClient) -> KeySet:
    return KeySet.import_key_set((await client.get("/auth0/.well-known/jwks.json")).json())


async def test_a_users_token_has_the_documented_claims(client: httpx2.AsyncClient) -> None:
    decoded = jwt.decode(await token(client, tenant="acme"), await keys(client), algorithms=["RS256"])
    assert decoded.header["typ"] == "JWT"
    claims = decoded.claims
    assert (claims["iss"], claims["sub"], claims["aud"]) == (ISSUER, "auth0|ada", "https://api.wallet.example")
    assert claims["permissions"] == ["wallet:read", "wallet:transact"]
    assert claims["scope"] == "wallet:read wallet:transact"
    assert claims[TENANT_CLAIM] == "acme"
    assert claims["exp"] - claims["iat"] == 86_400
    assert abs(claims["iat"] - time.time()) < 60


async def test_permissions_and_any_claim_can_be_chosen_as_tests_need(client: httpx2.AsyncClient) -> None:
    signed = await token(client, permissions=["ops:act"], claims={"exp": 1, "aud": ["a", "b"]})
    claims = jwt.decode(signed, await keys(client), algorithms=["RS256"]).claims
    assert (claims["permissions"], claims["exp"], claims["aud"]) == (["ops:act"], 1, ["a", "b"])


async def test_a_machine_gets_a_token_from_a_form(client: httpx2.AsyncClient) -> None:
    form = {"grant_type": "client_credentials", "client_id": "robot", "permissions": "ops:read audit:read"}
    answer = await client.post("/auth0/oauth/token", data=form)
    claims = jwt.decode(answer.json()["access_token"], await keys(client), algorithms=["RS256"]).claims
    assert (claims["sub"], claims["gty"]) == ("robot@clients", "client-credentials")
    assert claims["permissions"] == ["ops:read", "audit:read"]


async def test_discovery_names_the_issuer_with_its_slash(client: httpx2.AsyncClient) -> None:
    found = (await client.get("/auth0/.well-known/openid-configuration")).json()
    assert found["issuer"] == ISSUER
    assert found["jwks_uri"] == f"{ISSUER}.well-known/jwks.json"


async def test_rotation_promotes_the_published_next_key_and_keeps_old_tokens_verifiable(
    client: httpx2.AsyncClient,
) -> None:
    before = await token(client)
    published = [key["kid"] for key in (await client.get("/auth0/.well-known/jwks.json")).json()["keys"]]
    current = (await client.post("/auth0/rotate")).json()["kid"]
    assert current == published[1]
    after = await token(client)
    assert jwt.decode(after, await keys(client), algorithms=["RS256"]).header["kid"] == current
    assert jwt.decode(before, await keys(client), algorithms=["RS256"]).header["kid"] == published[0]


async def test_no_private_part_of_a_key_is_published(client: httpx2.AsyncClient) -> None:
    published = (await client.get("/auth0/.well-known/jwks.json")).json()["keys"]
    assert all(set(key) == {"kty", "use", "alg", "kid", "n", "e"} for key in published)


async def test_tokens_survive_a_restart_and_a_reset(config: SandboxConfig, wallet: Wallet) -> None:
    async with running(config, wallet) as client:
        signed = await token(client)
    async with running(config, wallet) as client:
        await client.post("/control/reset")
        assert jwt.decode(signed, await keys(client), algorithms=["RS256"]).claims["sub"] == "auth0|ada"


async def test_a_bad_request_is_refused_in_the_issuers_format(client: httpx2.AsyncClient) -> None:
    for content in (b"[]", b"{", b'{"grant_type":"password"}', b'{"grant_type":"implicit"}'):
        answer = await client.post("/auth0/oauth/token", content=content)
        assert 400 <= answer.status_code < 500
        assert set(answer.json()) == {"error", "error_description"}
