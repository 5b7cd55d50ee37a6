"""Plaid as the one who links banks: translate, call, translate.

Every call is a POST. Those that create nothing of value (a token more does no harm) count as safe; only the exchange
spends something, and the removal ends something.
"""

from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr

from app.providers.capabilities import Capabilities
from app.providers.outcomes import Declined, Unavailable
from app.providers.plaid import wire
from app.providers.ports import BankAccount, BankItem, Login
from app.providers.replies import Reply
from app.providers.transport import Transport

PROVIDER = "plaid"
CAPABILITIES = Capabilities(
    idempotency="none",
    key_lifetime=None,
    safe_resend_age=None,
    read_lag=timedelta(seconds=5),
    cancels=False,
    provider_fence="none",
    finality="no money moves here; a link may break at any time",
    differs={
        "exchange_public_token": "a public token works once: when the answer is lost, the customer links again",
        "create_processor_token": "may be asked for again; the older one stays good",
        "remove_item": "asked again, it is found gone",
    },
)

_API_VERSION = "2020-09-14"
_PROCESSOR = "unit"


def request_headers(client_id: str, secret: SecretStr) -> dict[str, str]:
    """What every call to Plaid carries."""
    return {
        "PLAID-CLIENT-ID": client_id,
        "PLAID-SECRET": secret.get_secret_value(),
        "Plaid-Version": _API_VERSION,
    }


class PlaidAdapter:
    """Satisfies LinksBanks."""

    capabilities = CAPABILITIES

    def __init__(self, transport: Transport, *, client_name: str = "Wallet") -> None:
        self._transport = transport
        self._client_name = client_name

    async def link_token(self, user_ref: str) -> tuple[SecretStr, datetime]:
        body = wire.link_token_request(user_ref, client_name=self._client_name)
        return (await self._ask("create_link_token", "/link/token/create", body)).read(wire.link_token)

    async def update_token(self, user_ref: str, access_token: SecretStr) -> tuple[SecretStr, datetime]:
        """A token for update mode: it names the login, and no products. Raises Declined for a login that is gone."""
        body = wire.update_token_request(user_ref, access_token, client_name=self._client_name)
        return (await self._ask("create_link_token", "/link/token/create", body)).read(wire.link_token)

    async def login(self, access_token: SecretStr) -> Login:
        """How the login stands. The vendor says so in the item, or by refusing to show it; both are read."""
        body = {"access_token": access_token.get_secret_value()}
        try:
            return (await self._ask("get_item", "/item/get", body)).read(wire.login)
        except Declined as declined:
            if (state := wire.LOGIN_ERRORS.get(declined.reason)) is None:
                raise
            return state

    async def exchange(self, public_token: str) -> BankItem:
        body = {"public_token": public_token}
        reply = await self._ask("exchange_public_token", "/item/public_token/exchange", body, safe=False)
        return reply.read(wire.item)

    async def remove(self, access_token: SecretStr) -> None:
        body = {"access_token": access_token.get_secret_value()}
        try:
            await self._ask("remove_item", "/item/remove", body, safe=False)
        except Declined as declined:
            if wire.LOGIN_ERRORS.get(declined.reason) is not Login.GONE:
                raise

    async def accounts(self, access_token: SecretStr) -> tuple[BankAccount, ...]:
        body = {"access_token": access_token.get_secret_value()}
        return (await self._ask("get_accounts", "/accounts/get", body)).read(wire.accounts)

    async def processor_token(self, access_token: SecretStr, account_id: str) -> SecretStr:
        body = {"access_token": access_token.get_secret_value(), "account_id": account_id, "processor": _PROCESSOR}
        reply = await self._ask("create_processor_token", "/processor/token/create", body)
        return reply.read(wire.processor_token)

    async def webhook_key(self, key_id: str) -> dict[str, str] | None:
        """The public key, as a JWK, that signs webhooks under that id; None once it has expired."""
        reply = await self._ask("get_webhook_key", "/webhook_verification_key/get", {"key_id": key_id})
        return reply.read(wire.webhook_key)

    async def _ask(self, operation: str, path: str, body: dict[str, Any], *, safe: bool = True) -> Reply:
        reply = await self._transport.request(operation, "POST", path, json=body, safe=safe, accept={400})
        if reply.succeeded:
            return reply
        if wire.is_unauthorized(reply.code):
            raise Unavailable(PROVIDER, "unauthorized")
        if reply.code is not None and wire.is_later(reply.body, reply.code):
            raise Unavailable(PROVIDER, reply.code)
        raise reply.refusal()
