"""The main job told: what a customer's app, the bank, the chain and an auditor would do, one after the other.

A client of the API like any other. It can be told again on the same data: what exists already is used.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from app.ids import new_id
from app.stack.api_client import ApiClient, Refused
from app.stack.problem import Problem
from app.stack.sandbox_client import SandboxClient
from app.stack.telling import Teller

_CUSTOMER = "ada"
_AMOUNT = "100.00"
_CURRENCIES = ("USD", "BTC")
_ADDRESS = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"
_TERMINAL = frozenset({"completed", "compensated", "cancelled", "parked"})
_PHASE_TIMEOUT_S = 60.0
_PURCHASE_TIMEOUT_S = 120.0
_LOOK_S = 0.2

Verify = Callable[[float], Awaitable[tuple[int, str]]]
"""Runs ``wallet verify`` within so many seconds: its exit code and what it said."""


class StoryFailed(Exception):
    """The story took a turn that it should not have taken; the message says which, in one sentence."""


class Story:
    """One telling."""

    def __init__(self, api_url: str, sandbox_url: str, teller: Teller, logs: Path) -> None:
        self._api_url = api_url
        self._sandbox_url = sandbox_url
        self._teller = teller
        self._logs = logs

    async def tell(self, verify: Verify) -> bool:
        """Whether everything ended as it should: one purchase completed, one refunded, and the books verified."""
        try:
            async with AsyncExitStack() as stack:
                sandbox = await stack.enter_async_context(SandboxClient(self._sandbox_url))
                token = await sandbox.token(_CUSTOMER, role="customer")
                customer = await stack.enter_async_context(ApiClient(self._api_url, token.value))
                await self._customer_story(customer, sandbox)
                token = await sandbox.token("otto", role="auditor")
                auditor = await stack.enter_async_context(ApiClient(self._api_url, token.value))
                await self._trial_balance(auditor)
            await self._verify(verify)
        except (StoryFailed, Problem, Refused) as failure:
            self._teller.trouble(f"{failure} The logs are in {self._logs}.")
            return False
        except KeyError as missing:
            self._teller.trouble(f"An answer lacks the field {missing}. The logs are in {self._logs}.")
            return False
        return True

    async def _customer_story(self, customer: ApiClient, sandbox: SandboxClient) -> None:
        self._teller.heading(f"{_CUSTOMER.title()} opens a wallet")
        await self._be_verified(customer, sandbox)
        link = await self._link_bank(customer, sandbox)
        await self._open_account(customer, "BTC")

        self._teller.heading(f"She buys {_AMOUNT} USD of BTC, delivered on chain")
        await self._buy(customer, link, expected="completed")

        self._teller.heading("She buys again; this delivery is declined (expected to fail at delivery)")
        await sandbox.decline_next_send()
        await self._buy(customer, link, expected="refunded")

    async def _be_verified(self, customer: ApiClient, sandbox: SandboxClient) -> None:
        me = await customer.get("/v1/me")
        if me["compliance_level"] != "verified":
            session = await customer.post("/v1/kyc/sessions", {})
            await sandbox.approve_applicant(session["applicant_id"])
            with self._teller.waiting("waiting for the verdict on her identity"):
                await self._until_verified(customer)
        self._teller.step("identity", "verified by Sumsub")

    async def _until_verified(self, customer: ApiClient) -> None:
        deadline = time.monotonic() + _PHASE_TIMEOUT_S
        while (level := (await customer.get("/v1/me"))["compliance_level"]) != "verified":
            if time.monotonic() > deadline:
                raise StoryFailed(f"Her identity is still {level} after {_PHASE_TIMEOUT_S:.0f} s.")
            await asyncio.sleep(_LOOK_S)

    async def _link_bank(self, customer: ApiClient, sandbox: SandboxClient) -> str:
        links = (await customer.get("/v1/bank-links"))["items"]
        if links:
            link = links[0]
        else:
            await customer.post("/v1/bank-links/token", {})
            public_token = await sandbox.public_token()
            asked = {"public_token": public_token, "account_id": "acc-checking"}
            link = await customer.post("/v1/bank-links", asked)
        self._teller.step("bank", f"linked through Plaid, account ending in {link['mask']}")
        return str(link["id"])

    async def _open_account(self, customer: ApiClient, currency: str) -> None:
        accounts = (await customer.get("/v1/accounts"))["items"]
        if not any(account["currency"] == currency for account in accounts):
            await customer.post("/v1/accounts", {"currency": currency})
        self._teller.step("account", f"{currency} account open")

    async def _buy(self, customer: ApiClient, link: str, *, expected: str) -> None:
        quote = await customer.post(
            "/v1/quotes",
            {"side": "buy", "base": "BTC", "quote_currency": "USD", "amount": _AMOUNT, "chain": "bitcoin"},
        )
        costs = f"fee {quote['fee']} USD, network {quote['network_fee']} USD"
        self._teller.step("quote", f"{quote['base_amount']} BTC at {quote['price']} USD ({costs})")
        asked = {
            "quote_id": quote["id"],
            "funding": {"type": "bank", "bank_link_id": link},
            "destination": {"type": "address", "chain": "bitcoin", "address": _ADDRESS},
        }
        purchase = await customer.post("/v1/purchases", asked, key=new_id("key"))
        with self._teller.waiting("the bank and the chain take a moment"):
            await self._follow(customer, purchase["saga_id"])
        ended = (await customer.get(f"/v1/purchases/{purchase['id']}"))["status"]
        if ended != expected:
            raise StoryFailed(f"Purchase {purchase['id']} ended {ended}, not {expected}.")
        self._teller.step("purchase", f"{ended} ({purchase['id']})")

    async def _follow(self, customer: ApiClient, saga_id: str) -> None:
        """Tell each step when it moves, until the saga has ended."""
        deadline = time.monotonic() + _PURCHASE_TIMEOUT_S
        told: dict[str, str] = {}
        while True:
            saga = await customer.get(f"/v1/sagas/{saga_id}")
            for name, status in _moved(saga, told):
                self._teller.step(name, status)
            if saga["status"] in _TERMINAL:
                return
            if time.monotonic() > deadline:
                at = f"{saga['status']} at {saga['step']}"
                raise StoryFailed(f"Saga {saga_id} is still {at} after {_PURCHASE_TIMEOUT_S:.0f} s.")
            await asyncio.sleep(_LOOK_S)

    async def _verify(self, verify: Verify) -> None:
        try:
            code, said = await verify(_PHASE_TIMEOUT_S)
        except TimeoutError:
            raise StoryFailed(f"wallet verify took longer than {_PHASE_TIMEOUT_S:.0f} s.") from None
        self._teller.step("verify", said)
        if code != 0:
            raise StoryFailed("The books do not verify.")

    async def _trial_balance(self, auditor: ApiClient) -> None:
        self._teller.heading("The books")
        rows: list[dict[str, Any]] = (await auditor.get("/v1/admin/ledger/trial-balance"))["items"]
        for row in rows:
            if row["currency"] in _CURRENCIES:
                self._teller.step(row["currency"], f"debits {row['debits']}, credits {row['credits']}")
        unequal = [row["currency"] for row in rows if row["debits"] != row["credits"]]
        if unequal:
            raise StoryFailed(f"The trial balance is unequal in {', '.join(unequal)}.")
        self._teller.step("balance", f"debits equal credits in all {len(rows)} assets")


def _moved(saga: dict[str, Any], told: dict[str, str]) -> list[tuple[str, str]]:
    """The steps whose status is news, in the order in which they moved; notes them as told."""
    undoing = saga["status"] == "compensating"
    news = []
    for step in sorted(saga["steps"], key=lambda step: step["at"] or ""):
        name, status = step["name"], step["status"]
        shown = "being undone" if undoing and status in {"running", "waiting"} else status
        if told.get(name, "pending") != shown:
            told[name] = shown
            news.append((name, shown))
    return news
