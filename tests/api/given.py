"""What the tests of routes begin with: a tenant, its people, and their money."""

from dataclasses import dataclass, field
from typing import Any

import httpx2

from app.identity.principals import Principal
from app.ids import derived_id, stored_id
from app.ledger import verbs
from app.ledger.accounts import system_account
from app.ledger.transactions import Transaction, credit, debit
from app.money import USD, Money
from app.runtime import Runtime
from app.wallets.opening import open_account
from tests.issuer import ISSUER, TENANT_CLAIM, Issuer

TENANT = "acme"


@dataclass
class Tenant:
    """A tenant whose people are told apart by their names. Every request has a key of its own unless it names one."""

    runtime: Runtime
    client: httpx2.AsyncClient
    issuer: Issuer
    keys: int = 0
    accounts: dict[str, str] = field(default_factory=dict)

    def person(self, name: str) -> Principal:
        subject = f"auth0|{name}"
        return Principal(derived_id("usr", ISSUER, subject), TENANT, ISSUER, subject, frozenset())

    async def welcome(self, name: str, minor: int = 0) -> str:
        """Make somebody a verified customer with an account of that many cents; its public id."""
        person = self.person(name)
        user = await self.runtime.users.get_or_create(person)
        await self.runtime.users.set_level(user.stored_id, "verified", self.runtime.clock.now())
        account = await open_account(self.runtime.door, TENANT, person.user_id, USD)
        if minor:
            bank = system_account(TENANT, "bank", USD)
            legs = (debit(bank, Money(minor, USD)), credit(account, Money(minor, USD)))
            transaction_id = stored_id(TENANT, derived_id("txn", account.id, "funding"))
            await verbs.post(self.runtime.door, Transaction(transaction_id, "funding", legs))
        self.accounts[name] = account.id.partition("/")[2]
        return self.accounts[name]

    def claims(self, name: str) -> dict[str, Any]:
        """What a person's token says of them."""
        return {"sub": f"auth0|{name}", TENANT_CLAIM: TENANT}

    async def call(
        self, method: str, path: str, *permissions: str, by: str = "ada", key: str | None = None, **request: Any
    ) -> httpx2.Response:
        """Ask as that person, with those permissions instead of a customer's."""
        self.keys += 1
        token = self.claims(by)
        if permissions:
            token["permissions"] = list(permissions)
        headers = {**self.issuer.authorization(**token), "Idempotency-Key": key or f"key-{self.keys}"}
        return await self.client.request(method, path, headers=headers, **request)

    def order(
        self, source: str = "ada", destination: str = "bob", amount: str = "60.00", **more: Any
    ) -> dict[str, Any]:
        """The body of a transfer."""
        return {
            "source_account_id": self.accounts[source],
            "destination_account_id": self.accounts[destination],
            "amount": amount,
            "currency": "USD",
            **more,
        }

    async def balance(self, name: str) -> str:
        account = await self.runtime.ledger.account(stored_id(TENANT, self.accounts[name]))
        assert account is not None
        return str(account.balance_money)
