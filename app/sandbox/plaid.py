"""Plaid: Link tokens, items, bank accounts, and the processor tokens that Unit accepts."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from joserfc.jwk import ECKey

from app.clock import rfc3339
from app.sandbox import processor_tokens
from app.sandbox.simulation import Simulation
from app.sandbox.store import Document
from app.sandbox.vendor import Answer, Call, Operation, Refusal, Vendor

ITEMS = "plaid_items"
PUBLIC_TOKENS = "plaid_public_tokens"
KEYS = "plaid_keys"
PUBLIC_TOKEN_LIFETIME = timedelta(minutes=30)
LINK_TOKEN_LIFETIME = timedelta(hours=4)
INSTITUTION_ID = "ins_109508"

ACCOUNTS: tuple[dict[str, Any], ...] = (
    {
        "account_id": "acc-checking",
        "name": "Plaid Checking",
        "mask": "0000",
        "subtype": "checking",
        "available": Decimal("25000.00"),
        "current": Decimal("25110.00"),
        "account": "1111222233330000",
    },
    {
        "account_id": "acc-savings",
        "name": "Plaid Saving",
        "mask": "1111",
        "subtype": "savings",
        "available": Decimal("200.00"),
        "current": Decimal("210.00"),
        "account": "1111222233331111",
    },
)
ROUTING_NUMBER = "011401533"


def refusal(status: int, error_type: str, code: str, message: str, *, display_message: str | None = None) -> Refusal:
    return Refusal(
        status,
        {
            "error_type": error_type,
            "error_code": code,
            "error_message": message,
            "display_message": display_message,
            "request_id": "sandbox-request",
            "documentation_url": "https://plaid.com/docs/errors/",
            "suggested_action": None,
        },
    )


class Link:
    """Items, and the tokens on the way to them."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._store = simulation.store

    async def create_link_token(self, call: Call) -> Answer:
        body = _body(call)
        user = body.get("user")
        named = user.get("client_user_id") if isinstance(user, dict) else body.get("user_id")
        if not isinstance(named, str):
            raise _missing("user.client_user_id")
        for name in ("client_name", "language", "country_codes"):
            if not body.get(name):
                raise _missing(name)
        if not body.get("products") and not body.get("access_token"):
            raise _missing("products")
        expiration = self._simulation.clock.real.now() + LINK_TOKEN_LIFETIME
        token = f"link-sandbox-{await self._simulation.new_uuid('plaid-link')}"
        return await self._answer({"link_token": token, "expiration": rfc3339(expiration)})

    async def create_public_token(self, call: Call) -> Answer:
        """What completing Link in the app would give."""
        body = _body(call)
        if not isinstance(body.get("institution_id"), str):
            raise _missing("institution_id")
        if not isinstance(body.get("initial_products"), list):
            raise _missing("initial_products")
        token = f"public-sandbox-{await self._simulation.new_uuid('plaid-public')}"
        expires_at = self._simulation.clock.real.now() + PUBLIC_TOKEN_LIFETIME
        await self._store.put(PUBLIC_TOKENS, {"_id": token, "expires_at": expires_at, "used": False})
        return await self._answer({"public_token": token})

    async def exchange_public_token(self, call: Call) -> Answer:
        token = _body(call).get("public_token")
        if not isinstance(token, str):
            raise _missing("public_token")
        public = await self._store.get(PUBLIC_TOKENS, token)
        now = self._simulation.clock.real.now()
        if public is None or public["used"] or public["expires_at"] <= now:
            message = "could not find matching public token, or it is used or expired"
            raise refusal(400, "INVALID_INPUT", "INVALID_PUBLIC_TOKEN", message)
        await self._store.put(PUBLIC_TOKENS, {**public, "used": True})
        item = {
            "_id": f"item-{await self._simulation.new_hex('plaid-item', 24)}",
            "access_token": f"access-sandbox-{await self._simulation.new_uuid('plaid-access')}",
            "login_required": False,
            "created_at": now,
        }
        await self._store.put(ITEMS, item)
        return await self._answer({"access_token": item["access_token"], "item_id": item["_id"]})

    async def get_accounts(self, call: Call) -> Answer:
        item = await self._item(call)
        return await self._answer({"accounts": _wanted(call), "item": _item_shown(item)})

    async def get_auth(self, call: Call) -> Answer:
        item = await self._item(call)
        numbers = [
            {
                "account": account["account"],
                "account_id": account["account_id"],
                "routing": ROUTING_NUMBER,
                "wire_routing": "021000021",
            }
            for account in ACCOUNTS
        ]
        body = {"accounts": _wanted(call), "numbers": {"ach": numbers, "eft": [], "bacs": [], "international": []}}
        return await self._answer({**body, "item": _item_shown(item)})

    async def create_processor_token(self, call: Call) -> Answer:
        body, item = _body(call), await self._item(call)
        if body.get("processor") != "unit":
            raise refusal(400, "INVALID_INPUT", "INVALID_PROCESSOR", "this processor is not enabled")
        account = next((account for account in ACCOUNTS if account["account_id"] == body.get("account_id")), None)
        if account is None:
            raise refusal(400, "INVALID_INPUT", "INVALID_ACCOUNT_ID", "account_id is not one of the item's")
        token = f"processor-sandbox-{await self._simulation.new_uuid('plaid-processor')}"
        await processor_tokens.issue(self._store, token, account=_bank_account(account), item_id=item["_id"])
        return await self._answer({"processor_token": token})

    async def get_item(self, call: Call) -> Answer:
        return await self._answer({"item": _item_shown(await self._item(call)), "status": None})

    async def remove_item(self, call: Call) -> Answer:
        item = await self._item(call)
        await self._store.delete(ITEMS, {"_id": item["_id"]})
        return await self._answer({})

    async def reset_login(self, call: Call) -> Answer:
        """Make the item ask for a new login, at Plaid and for the tokens Unit holds."""
        item = await self._item(call)
        await self._store.put(ITEMS, {**item, "login_required": True})
        await processor_tokens.require_login(self._store, item["_id"])
        return await self._answer({"reset_login": True})

    async def get_verification_key(self, call: Call) -> Answer:
        key_id = _body(call).get("key_id")
        stored = await self._store.get(KEYS, key_id) if isinstance(key_id, str) else None
        if stored is None:
            raise refusal(400, "INVALID_INPUT", "INVALID_WEBHOOK_VERIFICATION_KEY_ID", "there is no such key")
        public = {name: stored["jwk"][name] for name in ("crv", "kty", "x", "y")}
        created_at = int(stored["created_at"].timestamp())
        key = {**public, "alg": "ES256", "use": "sig", "kid": stored["_id"]}
        return await self._answer({"key": {**key, "created_at": created_at, "expired_at": None}})

    async def seed(self) -> None:
        """One webhook key, made once."""
        if not await self._store.find(KEYS, {}, limit=1):
            key = ECKey.generate_key("P-256", private=True)
            kid = await self._simulation.new_uuid("plaid-key")
            now = self._simulation.clock.real.now()
            await self._store.put(KEYS, {"_id": kid, "jwk": dict(key.as_dict(private=True)), "created_at": now})

    async def book(self) -> dict[str, Any]:
        items = await self._store.find(ITEMS, {}, sort=(("created_at", 1), ("_id", 1)), limit=100_000)
        return {"items": [{"id": item["_id"], "login_required": item["login_required"]} for item in items]}

    async def _item(self, call: Call) -> Document:
        token = _body(call).get("access_token")
        if not isinstance(token, str):
            raise _missing("access_token")
        found = await self._store.find(ITEMS, {"access_token": token}, limit=1)
        if not found:
            raise refusal(400, "INVALID_INPUT", "INVALID_ACCESS_TOKEN", "could not find matching access token")
        if found[0]["login_required"]:
            raise _login_required()
        return found[0]

    async def _answer(self, body: dict[str, Any]) -> Answer:
        return Answer({**body, "request_id": await self._simulation.new_hex("plaid-request", 15)})


def plaid(simulation: Simulation) -> Vendor:
    """The vendor as data."""
    link = Link(simulation)
    return Vendor(
        name="plaid",
        operations=(
            Operation("create_link_token", "POST", "/link/token/create", link.create_link_token),
            Operation("create_public_token", "POST", "/sandbox/public_token/create", link.create_public_token),
            Operation("exchange_public_token", "POST", "/item/public_token/exchange", link.exchange_public_token),
            Operation("get_accounts", "POST", "/accounts/get", link.get_accounts),
            Operation("get_balance", "POST", "/accounts/balance/get", link.get_accounts),
            Operation("get_auth", "POST", "/auth/get", link.get_auth),
            Operation("create_processor_token", "POST", "/processor/token/create", link.create_processor_token),
            Operation("get_item", "POST", "/item/get", link.get_item),
            Operation("remove_item", "POST", "/item/remove", link.remove_item),
            Operation("reset_login", "POST", "/sandbox/item/reset_login", link.reset_login),
            Operation("get_verification_key", "POST", "/webhook_verification_key/get", link.get_verification_key),
        ),
        refuse=_general,
        decline=lambda _call: _login_required(),
        authenticate=_authenticate,
        book=link.book,
        collections={ITEMS: ("access_token",), PUBLIC_TOKENS: (), KEYS: (), processor_tokens.COLLECTION: ("item_id",)},
        lasting=frozenset({KEYS}),
        seed=link.seed,
    )


def _authenticate(call: Call) -> None:
    """Credentials in the body or in the headers; any that are not empty."""
    body = _body(call)
    client = body.get("client_id") or call.header("plaid-client-id")
    secret = body.get("secret") or call.header("plaid-secret")
    if not client or not secret:
        raise refusal(400, "INVALID_INPUT", "INVALID_API_KEYS", "invalid client_id or secret provided")


def _general(status: int, message: str) -> Refusal:
    if status == 429:
        return refusal(429, "RATE_LIMIT_EXCEEDED", "RATE_LIMIT", message)
    if status >= 500:
        return refusal(status, "API_ERROR", "INTERNAL_SERVER_ERROR", message)
    return refusal(status, "INVALID_REQUEST", "NOT_FOUND", message)


def _login_required() -> Refusal:
    return refusal(
        400,
        "ITEM_ERROR",
        "ITEM_LOGIN_REQUIRED",
        "the login details of this item have changed",
        display_message="Please sign in to your bank again.",
    )


def _missing(name: str) -> Refusal:
    return refusal(400, "INVALID_REQUEST", "MISSING_FIELDS", f"the following required fields are missing: {name}")


def _body(call: Call) -> dict[str, Any]:
    try:
        body = call.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise refusal(400, "INVALID_REQUEST", "INVALID_BODY", "body could not be parsed as JSON")
    return body


def _wanted(call: Call) -> list[dict[str, Any]]:
    options = _body(call).get("options")
    chosen = options.get("account_ids") if isinstance(options, dict) else None
    return [_account_shown(account) for account in ACCOUNTS if not chosen or account["account_id"] in chosen]


def _account_shown(account: dict[str, Any]) -> dict[str, Any]:
    """Balances are JSON numbers of dollars."""
    return {
        "account_id": account["account_id"],
        "balances": {
            "available": account["available"],
            "current": account["current"],
            "limit": None,
            "iso_currency_code": "USD",
            "unofficial_currency_code": None,
        },
        "mask": account["mask"],
        "name": account["name"],
        "official_name": None,
        "type": "depository",
        "subtype": account["subtype"],
    }


def _bank_account(account: dict[str, Any]) -> Document:
    """The account as a counterparty of a payment."""
    return {
        "name": account["name"],
        "routingNumber": ROUTING_NUMBER,
        "accountNumber": account["account"],
        "accountType": account["subtype"].capitalize(),
        "available_cents": int(account["available"] * 100),
    }


def _item_shown(item: Document) -> dict[str, Any]:
    return {
        "item_id": item["_id"],
        "institution_id": INSTITUTION_ID,
        "webhook": None,
        "error": None,
        "available_products": ["balance"],
        "billed_products": ["auth"],
        "products": ["auth"],
        "consent_expiration_time": None,
        "update_type": "background",
    }
