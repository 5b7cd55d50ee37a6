import httpx2
from fastapi import FastAPI

from app.identity.permissions import Permission
from app.middleware.route_table import RouteTable
from tests.issuer import TENANT_CLAIM, Issuer


async def test_every_route_that_moves_ones_own_money_asks_for_verified_people_first(
    app: FastAPI, client: httpx2.AsyncClient, issuer: Issuer
) -> None:
    moving = [
        route
        for route in RouteTable.of(app.routes)
        if route.needs_key and route.permission is Permission.WALLET_TRANSACT  # others act on somebody else's money
    ]
    assert moving

    for number, route in enumerate(moving):
        headers = {**issuer.authorization(**{TENANT_CLAIM: "acme"}), "Idempotency-Key": f"k-{number}"}
        answer = await client.request(route.method, route.template, json={}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "kyc-required"), route
        assert answer.json()["compliance_level"] == "none"
