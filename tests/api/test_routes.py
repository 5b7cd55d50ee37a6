"""The whole route table, pinned: a new route appears here with its permission, or the build fails."""

from typing import Annotated

import httpx2
import pytest
from fastapi import Depends, FastAPI
from fastapi.routing import iter_route_contexts

from app.api.deps import Reader, Transactor
from app.api.strict import StrictRoute
from app.errors import TokenMissing
from app.identity.permissions import Permission
from app.identity.principals import Principal
from app.middleware.declarations import NeedsPermission
from app.middleware.route_table import RouteTable

ROUTES = {
    # method and template: the permission, and whether an Idempotency-Key is needed or welcome
    "GET /": (None, None),
    "GET /docs": (None, None),
    "GET /openapi.json": (None, None),
    "HEAD /openapi.json": (None, None),
    "GET /.well-known/wallet-receipt-key": (None, None),
    "GET /health/live": (None, None),
    "GET /health/ready": (None, None),
    "GET /v1/me": ("wallet:read", None),
    "PUT /v1/me/handle": ("wallet:transact", None),
    "DELETE /v1/me/handle": ("wallet:transact", None),
    "POST /v1/recipients/lookup": ("wallet:transact", None),
    "POST /v1/kyc/sessions": ("wallet:read", None),
    "POST /v1/kyc/share-tokens": ("wallet:read", None),
    "GET /v1/accounts": ("wallet:read", None),
    "POST /v1/accounts": ("wallet:read", "welcome"),
    "GET /v1/accounts/{account_id}": ("wallet:read", None),
    "GET /v1/accounts/{account_id}/balance": ("wallet:read", None),
    "GET /v1/accounts/{account_id}/entries": ("wallet:read", None),
    "GET /v1/accounts/{account_id}/statement": ("wallet:read", None),
    "POST /v1/transfers": ("wallet:transact", "needed"),
    "GET /v1/transactions": ("wallet:read", None),
    "GET /v1/transactions/{transaction_id}": ("wallet:read", None),
    "GET /v1/transactions/{transaction_id}/receipt": ("wallet:read", None),
    "GET /v1/bank-links": ("wallet:read", None),
    "POST /v1/bank-links": ("wallet:transact", None),
    "POST /v1/bank-links/token": ("wallet:transact", None),
    "POST /v1/bank-links/{bank_link_id}/token": ("wallet:transact", None),
    "POST /v1/cards": ("wallet:transact", "needed"),
    "GET /v1/cards": ("wallet:read", None),
    "POST /v1/cards/{card_id}/freeze": ("wallet:transact", None),
    "POST /v1/cards/{card_id}/unfreeze": ("wallet:transact", None),
    "GET /v1/deposit-account": ("wallet:read", None),
    "GET /v1/deposit-account/numbers": ("wallet:read", None),
    "POST /v1/quotes": ("wallet:transact", None),
    "POST /v1/purchases": ("wallet:transact", "needed"),
    "GET /v1/purchases/{purchase_id}": ("wallet:read", None),
    "POST /v1/deposits": ("wallet:transact", "needed"),
    "GET /v1/deposits/{deposit_id}": ("wallet:read", None),
    "POST /v1/sales": ("wallet:transact", "needed"),
    "GET /v1/sales/{sale_id}": ("wallet:read", None),
    "POST /v1/withdrawals": ("wallet:transact", "needed"),
    "GET /v1/withdrawals/{withdrawal_id}": ("wallet:read", None),
    "POST /v1/card-topups": ("wallet:transact", "needed"),
    "GET /v1/card-topups/{topup_id}": ("wallet:read", None),
    "POST /v1/card-payouts": ("wallet:transact", "needed"),
    "GET /v1/card-payouts/{payout_id}": ("wallet:read", None),
    "POST /v1/crypto-withdrawals": ("wallet:transact", "needed"),
    "GET /v1/crypto-withdrawals/{withdrawal_id}": ("wallet:read", None),
    "POST /v1/crypto/addresses": ("wallet:transact", None),
    "GET /v1/crypto/addresses": ("wallet:read", None),
    "GET /v1/crypto/fees": ("wallet:read", None),
    "GET /v1/dashboard": ("wallet:read", None),
    "GET /v1/sagas/{saga_id}": ("wallet:read", None),
    "GET /v1/sagas/{saga_id}/story": ("wallet:read", None),
    "GET /v1/sagas/{saga_id}/outcome": ("wallet:read", None),
    "GET /v1/sagas/{saga_id}/events": ("wallet:read", None),
    "GET /v1/admin/ledger/trial-balance": ("audit:read", None),
    "GET /v1/admin/audit": ("audit:read", None),
    "GET /v1/admin/sagas": ("ops:read", None),
    "GET /v1/admin/sagas/{saga_id}": ("ops:read", None),
    "POST /v1/admin/sagas/{saga_id}/commands": ("ops:act", "needed"),
    "GET /v1/admin/proposals": ("ops:read", None),
    "GET /v1/admin/cases": ("compliance:read", None),
    "GET /v1/admin/cases/{case_id}": ("compliance:read", None),
    "POST /v1/admin/cases/{case_id}/decisions": ("compliance:act", "welcome"),
    "POST /v1/admin/cases/{case_id}/assignment": ("compliance:act", "welcome"),
    "POST /v1/admin/cases/{case_id}/notes": ("compliance:act", "welcome"),
    "POST /v1/admin/cases/{case_id}/reopening": ("compliance:act", "welcome"),
    "GET /v1/admin/webhooks": ("ops:read", None),
    "POST /v1/admin/webhooks/{webhook_id}/replay": ("ops:act", "welcome"),
    "GET /v1/admin/users": ("compliance:read", None),
    "GET /v1/admin/users/{user_id}": ("compliance:read", None),
    "POST /v1/admin/users/{user_id}/level": ("compliance:act", "welcome"),
    "POST /v1/admin/users/{user_id}/{act}": ("compliance:act", "welcome"),
    "POST /v1/admin/accounts/{account_id}/{act}": ("compliance:act", "needed"),
    "POST /v1/admin/transfers/batch": ("ops:act", "needed"),
    "POST /v1/admin/transactions/{transaction_id}/reverse": ("ops:act", "needed"),
    "POST /v1/admin/transactions/{transaction_id}/refunds": ("ops:act", "needed"),
    "GET /v1/events": ("wallet:read", None),
    "GET /v1/admin/notification-endpoints": ("ops:read", None),
    "POST /v1/admin/notification-endpoints": ("ops:act", "welcome"),
    "GET /v1/admin/notification-endpoints/{endpoint_id}": ("ops:read", None),
    "DELETE /v1/admin/notification-endpoints/{endpoint_id}": ("ops:act", None),
    "GET /v1/admin/notification-endpoints/{endpoint_id}/deliveries": ("ops:read", None),
    "POST /v1/admin/notification-endpoints/{endpoint_id}/secrets": ("ops:act", "welcome"),
    "POST /v1/admin/notification-endpoints/{endpoint_id}/enable": ("ops:act", None),
    "POST /v1/admin/notification-endpoints/{endpoint_id}/test": ("ops:act", "welcome"),
    "POST /webhooks/unit": (None, None),
    "POST /webhooks/unit/authorizations": (None, None),
    "POST /webhooks/tatum": (None, None),
    "POST /webhooks/stripe": (None, None),
    "POST /webhooks/sumsub": (None, None),
    "POST /webhooks/plaid": (None, None),
    "POST /webhooks/dialogflow": (None, None),
    "GET /webhooks/tatum/kms/{pending_id}": (None, None),
}


def test_the_route_table_is_exactly_this(app: FastAPI) -> None:
    table = {
        f"{route.method} {route.template}": (
            route.permission,
            "needed" if route.needs_key else "welcome" if route.takes_key else None,
        )
        for route in RouteTable.of(app.routes)
    }

    assert table == ROUTES


def test_every_customer_route_has_a_permission_and_reads_its_body_strictly(app: FastAPI) -> None:
    for route in RouteTable.of(app.routes):
        if route.template.startswith("/v1/"):
            assert route.permission is not None, route
    for context in iter_route_contexts(app.routes):
        if (context.path or "").startswith("/v1/"):
            assert isinstance(context.original_route, StrictRoute), context.path


def test_the_framework_serves_no_pages_of_its_own(app: FastAPI) -> None:
    assert app.docs_url is None
    assert app.redoc_url is None
    assert not app.router.redirect_slashes


def test_a_route_with_two_permissions_cannot_be_served() -> None:
    app = FastAPI()

    @app.get("/v1/muddle")
    async def muddle(reader: Reader, transactor: Transactor) -> None: ...

    with pytest.raises(ValueError, match="several permissions"):
        RouteTable.of(app.routes)


def test_a_check_that_would_never_run_cannot_be_served() -> None:
    async def check(caller: Reader) -> Principal:
        return caller

    app = FastAPI()

    @app.get("/v1/muddle")
    async def muddle(caller: Annotated[Reader, Depends(check)]) -> None: ...

    with pytest.raises(ValueError, match="only the last would run"):
        RouteTable.of(app.routes)


def test_a_permission_declared_deeper_or_on_a_router_counts() -> None:
    async def nested(caller: Reader) -> str:
        return caller.user_id

    app = FastAPI()

    @app.get("/nested")
    async def by_nesting(user_id: Annotated[str, Depends(nested)]) -> None: ...

    @app.get("/listed", dependencies=[Depends(NeedsPermission(Permission.OPS_ACT))])
    async def by_listing() -> None: ...

    permissions = {route.template: route.permission for route in RouteTable.of(app.routes)}
    assert permissions["/nested"] == Permission.WALLET_READ
    assert permissions["/listed"] == Permission.OPS_ACT


async def test_without_the_layers_the_signature_still_holds() -> None:
    app = FastAPI()

    @app.get("/v1/things")
    async def things(caller: Reader) -> str:
        return caller.user_id

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://wallet.test") as client:
        with pytest.raises(TokenMissing):
            await client.get("/v1/things")
