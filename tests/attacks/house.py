"""The house that is broken into: a world with somebody to rob in it, and whoever tries."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from app.identity.permissions import Permission
from app.identity.principals import Principal
from app.ids import derived_id, new_id, public_id, stored_id
from app.money import USD
from app.providers.events import WebhookEvent
from app.wallets.opening import open_account
from tests.issuer import TENANT_CLAIM
from tests.worlds import BOOK, Customer, World, open_world

ELSEWHERE = "globex"
EVERYTHING = tuple(Permission)


class House:
    """Ada lives here and owns one of everything; Mallory is another customer; Eve is one of another tenant.

    Each is verified and is given every permission unless a row says otherwise, so that nothing but what the row is
    about stands in the way.
    """

    def __init__(self, world: World, ada: Customer, mallory: Customer) -> None:
        self.world = world
        self.ada = ada
        self.mallory = mallory
        self.owned: dict[str, str] = {}
        self._tokens: dict[tuple[str, tuple[str, ...]], str] = {}

    async def token(
        self, name: str, permissions: tuple[str, ...] = EVERYTHING, claims: Mapping[str, object] | None = None
    ) -> str:
        """An access token of that person; one with claims of its own is made anew."""
        if claims is None and (name, permissions) in self._tokens:
            return self._tokens[name, permissions]
        tenant = ELSEWHERE if name == "eve" else BOOK
        asked = {"grant_type": "password", "username": name, "permissions": list(permissions), "tenant": tenant}
        issued = await self.world.desk.post("/auth0/oauth/token", json={**asked, "claims": dict(claims or {})})
        token = str(issued.json()["access_token"])
        if claims is None:
            self._tokens[name, permissions] = token
        return token

    async def ask(
        self,
        method: str,
        path: str,
        *,
        by: str = "mallory",
        permissions: tuple[str, ...] = EVERYTHING,
        headers: Mapping[str, str | bytes] | None = None,
        **request: Any,
    ) -> httpx2.Response:
        """Ask as that person, under a key of its own unless ``headers`` name one."""
        sent = {"Authorization": f"Bearer {await self.token(by, permissions)}", "Idempotency-Key": new_id("key")}
        named = {**sent, **(headers or {})}.items()
        encoded = {name.encode(): value if isinstance(value, bytes) else value.encode() for name, value in named}
        return await self.world.api.request(method, path, headers=encoded, **request)

    async def transfer(self, by: str = "mallory", **changes: Any) -> httpx2.Response:
        """Ask for a transfer of one cent from Mallory to Ada, with those members changed."""
        body = {
            "source_account_id": self.mallory.dollars_id,
            "destination_account_id": self.ada.dollars_id,
            "amount": "0.01",
            "currency": "USD",
            **changes,
        }
        return await self.ask("POST", "/v1/transfers", by=by, json=body)

    async def furnish(self) -> None:
        """Let Ada come to own one of everything that a path can name."""
        world, ada = self.world, self.ada
        purchase, sale = await world.buy(ada, "10.00", paying="account", to="account"), await world.sell(ada, "0.0001")
        deposit, withdrawal = await world.deposit(ada, "10.00"), await world.withdraw(ada, "10.00")
        coins = await world.send_coins(ada, "0.0001")
        await world.settle()
        orders = {"pur": purchase, "sal": sale, "dep": deposit, "wdr": withdrawal, "cwd": coins}
        self.owned = {kind: public_id(saga).replace("sag_", f"{kind}_", 1) for kind, saga in orders.items()}
        second = (await self.ask("POST", "/v1/accounts", by="ada", json={"currency": "USD"})).json()["id"]
        between_hers = {"source_account_id": ada.dollars_id, "destination_account_id": second}
        transaction = await self.transfer("ada", **between_hers)
        card = await self.ask("POST", "/v1/cards", by="ada", json={"account_id": ada.dollars_id})
        endpoint = await self.ask("POST", "/v1/admin/notification-endpoints", json={"url": "http://127.0.0.1:9/"})
        await world.runtime.inbox.receive([WebhookEvent("unit", "7", "payment.sent", ("unit:payment:7",), {})])
        card_money = {"account_id": ada.dollars_id, "amount": "5.00"}
        topup = await self.ask("POST", "/v1/card-topups", by="ada", json=card_money)
        payout = await self.ask(
            "POST", "/v1/card-payouts", by="ada", json={**card_money, "card_token": "tok_visa_debit"}
        )
        self.owned |= {
            "ctu": topup.json()["id"],
            "cpo": payout.json()["id"],
            "acc": ada.dollars_id,
            "lnk": ada.bank_link_id,
            "sag": public_id(purchase),
            "txn": transaction.json()["id"],
            "crd": card.json()["id"],
            "cas": await self._open_case(),
            "webhook_id": "unit:7",
            "usr": ada.user_id,
            "nep": endpoint.json()["id"],
            "quo": await world.quote(ada),
        }

    async def _open_case(self) -> str:
        case = {
            "_id": stored_id(BOOK, new_id("cas")),
            "book": BOOK,
            "kind": "ach-pull",
            "account_id": stored_id(BOOK, self.ada.dollars_id),
            "status": "open",
            "opened_at": self.world.clock.now(),
            "version": 1,
        }
        await self.world.runtime.database["cases"].insert_one(case)
        return public_id(str(case["_id"]))


@asynccontextmanager
async def open_house(
    mongodb_uri: str, redis_url: str, database: str, sandbox: str, **settings: Any
) -> AsyncIterator[House]:
    """A furnished house over those two databases."""
    given = {"auth_tenant_claim": TENANT_CLAIM, **settings}
    async with open_world(mongodb_uri, redis_url, database, sandbox, **given) as world:
        ada, mallory = [
            await world.with_new_accounts(await world.customer(each), "1000.00", "1") for each in ("ada", "mallory")
        ]
        house = House(world, ada, mallory)
        await house.furnish()
        await _welcome_eve(world)
        yield house


async def _welcome_eve(world: World) -> None:
    issuer, subject = world.settings.auth_issuer, "auth0|eve"
    eve = Principal(derived_id("usr", issuer, subject), ELSEWHERE, issuer, subject, frozenset())
    user = await world.runtime.users.get_or_create(eve)
    await world.runtime.users.set_level(user.stored_id, "verified", world.clock.now())
    await open_account(world.runtime.door, ELSEWHERE, eve.user_id, USD)
