"""Link: from a link token to an item, and from an item to what Unit may use."""

from datetime import timedelta
from typing import Any

from app.clock import rfc3339
from app.sandbox import processor_tokens
from app.sandbox.plaid.notices import Notices
from app.sandbox.plaid.wire import (
    ACCOUNTS,
    ROUTING_NUMBER,
    bank_account,
    body_of,
    item_shown,
    login_required,
    missing,
    refusal,
    wanted_accounts,
)
from app.sandbox.simulation import Simulation
from app.sandbox.store import Document
from app.sandbox.vendor import Answer, Call

ITEMS = "plaid_items"
PUBLIC_TOKENS = "plaid_public_tokens"
PUBLIC_TOKEN_LIFETIME = timedelta(minutes=30)
LINK_TOKEN_LIFETIME = timedelta(hours=4)
UPDATE_TOKEN_LIFETIME = timedelta(minutes=30)


class Link:
    """Items, and the tokens on the way to them."""

    def __init__(self, simulation: Simulation, notices: Notices) -> None:
        self._simulation = simulation
        self._store = simulation.store
        self._notices = notices

    async def create_link_token(self, call: Call) -> Answer:
        body = body_of(call)
        user = body.get("user")
        named = user.get("client_user_id") if isinstance(user, dict) else body.get("user_id")
        if not isinstance(named, str):
            raise missing("user.client_user_id")
        for name in ("client_name", "language", "country_codes"):
            if not body.get(name):
                raise missing(name)
        if not body.get("products") and not body.get("access_token"):
            raise missing("products")
        updates = body.get("access_token") is not None
        if updates:
            await self._item(call, broken=True)
        lifetime = UPDATE_TOKEN_LIFETIME if updates else LINK_TOKEN_LIFETIME
        expiration = self._simulation.clock.real.now() + lifetime
        token = f"link-sandbox-{await self._simulation.new_uuid('plaid-link')}"
        return await self._answer({"link_token": token, "expiration": rfc3339(expiration)})

    async def create_public_token(self, call: Call) -> Answer:
        """What completing Link in the app would give."""
        body = body_of(call)
        if not isinstance(body.get("institution_id"), str):
            raise missing("institution_id")
        if not isinstance(body.get("initial_products"), list):
            raise missing("initial_products")
        token = f"public-sandbox-{await self._simulation.new_uuid('plaid-public')}"
        expires_at = self._simulation.clock.real.now() + PUBLIC_TOKEN_LIFETIME
        await self._store.put(PUBLIC_TOKENS, {"_id": token, "expires_at": expires_at, "used": False})
        return await self._answer({"public_token": token})

    async def exchange_public_token(self, call: Call) -> Answer:
        token = body_of(call).get("public_token")
        if not isinstance(token, str):
            raise missing("public_token")
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
        return await self._answer({"accounts": wanted_accounts(call), "item": item_shown(item)})

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
        body = {
            "accounts": wanted_accounts(call),
            "numbers": {"ach": numbers, "eft": [], "bacs": [], "international": []},
        }
        return await self._answer({**body, "item": item_shown(item)})

    async def create_processor_token(self, call: Call) -> Answer:
        body, item = body_of(call), await self._item(call)
        if body.get("processor") != "unit":
            raise refusal(400, "INVALID_INPUT", "INVALID_PROCESSOR", "this processor is not enabled")
        account = next((account for account in ACCOUNTS if account["account_id"] == body.get("account_id")), None)
        if account is None:
            raise refusal(400, "INVALID_INPUT", "INVALID_ACCOUNT_ID", "account_id is not one of the item's")
        token = f"processor-sandbox-{await self._simulation.new_uuid('plaid-processor')}"
        await processor_tokens.issue(self._store, token, account=bank_account(account), item_id=item["_id"])
        return await self._answer({"processor_token": token})

    async def get_item(self, call: Call) -> Answer:
        return await self._answer({"item": item_shown(await self._item(call, broken=True)), "status": None})

    async def remove_item(self, call: Call) -> Answer:
        item = await self._item(call, broken=True)
        await self._store.delete(ITEMS, {"_id": item["_id"]})
        return await self._answer({})

    async def reset_login(self, call: Call) -> Answer:
        """Make the item ask for a new login, at Plaid and for the tokens Unit holds."""
        await self.break_login((await self._item(call))["_id"])
        return await self._answer({"reset_login": True})

    async def break_login(self, item_id: str) -> None:
        """The bank wants to see its customer again. Raises Refusal."""
        await self._set_login(item_id, required=True)
        await self._notices.tell(item_id, "ITEM", "ERROR", error=login_required().answer.body)

    async def repair_login(self, item_id: str) -> None:
        """What going through Link in update mode would do. Raises Refusal."""
        await self._set_login(item_id, required=False)
        await self._notices.tell(item_id, "ITEM", "LOGIN_REPAIRED")

    async def _set_login(self, item_id: str, *, required: bool) -> None:
        item = await self._store.get(ITEMS, item_id)
        if item is None:
            raise refusal(400, "INVALID_INPUT", "ITEM_NOT_FOUND", "there is no such item")
        await self._store.put(ITEMS, {**item, "login_required": required})
        await processor_tokens.set_login_required(self._store, item_id, required=required)

    async def fire_webhook(self, call: Call) -> Answer:
        """Send any webhook about an item."""
        body, item = body_of(call), await self._item(call)
        code = body.get("webhook_code")
        if not isinstance(code, str):
            raise missing("webhook_code")
        await self._notices.tell(item["_id"], str(body.get("webhook_type", "ITEM")), code)
        return await self._answer({"webhook_fired": True})

    async def book(self) -> dict[str, Any]:
        items = await self._store.find(ITEMS, {}, sort=(("created_at", 1), ("_id", 1)), limit=100_000)
        return {"items": [{"id": item["_id"], "login_required": item["login_required"]} for item in items]}

    async def _item(self, call: Call, *, broken: bool = False) -> Document:
        """The item of the call's access token; one that needs a new login only where that is welcome."""
        token = body_of(call).get("access_token")
        if not isinstance(token, str):
            raise missing("access_token")
        found = await self._store.find(ITEMS, {"access_token": token}, limit=1)
        if not found:
            raise refusal(400, "INVALID_INPUT", "INVALID_ACCESS_TOKEN", "could not find matching access token")
        if found[0]["login_required"] and not broken:
            raise login_required()
        return found[0]

    async def _answer(self, body: dict[str, Any]) -> Answer:
        return Answer({**body, "request_id": await self._simulation.new_hex("plaid-request", 15)})
