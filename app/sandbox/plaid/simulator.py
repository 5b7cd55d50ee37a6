"""Plaid, put together."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from app.sandbox import processor_tokens
from app.sandbox.plaid.link import ITEMS, PUBLIC_TOKENS, Link
from app.sandbox.plaid.notices import KEYS, Notices
from app.sandbox.plaid.wire import body_of, general, login_required, refusal
from app.sandbox.simulation import Simulation
from app.sandbox.vendor import Call, Operation, Vendor
from app.sandbox.webhooks import Sender


class LoginRequest(BaseModel):
    """The bank wants a new login of its customer, or has had it."""

    model_config = ConfigDict(extra="forbid")

    item_id: str
    required: bool


def plaid(simulation: Simulation) -> Vendor:
    """The vendor as data."""
    notices = Notices(simulation)
    link = Link(simulation, notices)
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
            Operation("fire_webhook", "POST", "/sandbox/item/fire_webhook", link.fire_webhook),
            Operation("reset_login", "POST", "/sandbox/item/reset_login", link.reset_login),
            Operation("get_verification_key", "POST", "/webhook_verification_key/get", notices.get_verification_key),
        ),
        refuse=general,
        decline=lambda _call: login_required(),
        authenticate=_authenticate,
        sender=Sender(f"{simulation.config.api_url}/webhooks/plaid", "application/json", notices.sign),
        book=link.book,
        collections={ITEMS: ("access_token",), PUBLIC_TOKENS: (), KEYS: (), processor_tokens.COLLECTION: ("item_id",)},
        lasting=frozenset({KEYS}),
        seed=notices.seed,
        desk=_desk(simulation, link),
    )


def _desk(simulation: Simulation, link: Link) -> APIRouter:
    desk = APIRouter()

    @desk.post("/login")
    async def set_login(body: LoginRequest) -> dict[str, Any]:
        change = link.break_login if body.required else link.repair_login
        await simulation.store.atomically(lambda: change(body.item_id))
        return {"item_id": body.item_id, "login_required": body.required}

    return desk


def _authenticate(call: Call) -> None:
    """Credentials in the body or in the headers; any that are not empty."""
    body = body_of(call)
    client = body.get("client_id") or call.header("plaid-client-id")
    secret = body.get("secret") or call.header("plaid-secret")
    if not client or not secret:
        raise refusal(400, "INVALID_INPUT", "INVALID_API_KEYS", "invalid client_id or secret provided")
