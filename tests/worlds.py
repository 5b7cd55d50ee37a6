"""A world: the product and the third parties in one process, on one clock that stands still until it is moved.

Nothing sleeps and nothing runs by itself. ``settle`` lets everybody do what is due, then moves the clock to the moment
at which the next thing is, until nothing is any more; so a run is repeatable, and sixty days take no time.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import httpx2
from fastapi import FastAPI
from pydantic import SecretStr

from app.clock import ManualClock
from app.compliance import kyc
from app.compliance.kyc import Reviews
from app.identity.principals import DEFAULT_TENANT, Principal
from app.ids import derived_id, new_id, public_id, stored_id
from app.inbox.store import InboxStore
from app.ledger import verbs
from app.ledger.accounts import AccountStatus
from app.ledger.changes import Door
from app.ledger.transactions import Transaction, credit, debit
from app.ledger.verify import Audit
from app.main import create_app
from app.money import BTC, USD, Asset, Money
from app.orchestrator.approvals import Approvals
from app.orchestrator.arrivals import Arrivals
from app.orchestrator.audit import audit_books
from app.orchestrator.departures import first_of
from app.orchestrator.driver import Driver
from app.orchestrator.engine import Engine
from app.orchestrator.flows import FLOWS
from app.orchestrator.flows.chart import bank, custody
from app.orchestrator.inventory import fund_inventory
from app.orchestrator.journal import SagaRecord
from app.orchestrator.lookout import Lookout
from app.orchestrator.observations import Observations
from app.orchestrator.onboarding import Onboardings
from app.orchestrator.orders import Orders
from app.orchestrator.orders.trades import Destination, Funding
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Saga
from app.orchestrator.scribe import Scribe
from app.orchestrator.starting import Asked, Flows
from app.orchestrator.store import SagaStore
from app.orchestrator.watch_store import WatchStore
from app.plumbing.collections import ids_of_book
from app.runtime import Runtime, open_runtime
from app.runtime.orchestration import policies_of
from app.settings import Settings, sandbox_addresses
from app.wallets.configured import cooling_of, limits_of
from app.wallets.opening import open_account, passing_account
from tests.third_parties import ThirdParties, config_of
from tests.wire import Wire

NOW = datetime(2026, 11, 20, 5, tzinfo=UTC)
ADDRESS = "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7"
BOOK = DEFAULT_TENANT
DEBIT_CARD = "tok_visa_debit"
INVENTORY = Money(1_000 * BTC.one, BTC)
PACE_S = 1.0

CLAIMABLE = ["running", "waiting", "compensating"]
_ROUNDS_MAX = 1_000
_ADDRESS_TURN_S = 600.0
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Customer:
    """A verified customer with a linked bank and two accounts; ids are public ones."""

    name: str
    user_id: str
    bank_link_id: str
    dollars_id: str
    coins_id: str


class World:
    """Everybody, and the verbs of a test."""

    def __init__(self, clock: ManualClock, wire: Wire, third_parties: ThirdParties, settings: Settings) -> None:
        self.clock = clock
        self.wire = wire
        self.settings = settings
        self.desk = httpx2.AsyncClient(transport=wire, base_url="http://sandbox")
        self.api = httpx2.AsyncClient(transport=wire, base_url="http://wallet")
        self._third_parties = third_parties
        self._open = AsyncExitStack()
        self.surprises_welcome = False
        self._arrived: dict[str, str] = {}
        self.runtime: Runtime
        self.wallet: FastAPI

    # The product's processes.

    async def start(self) -> None:
        """Open a runtime, as a fresh process does, with the API in front of it."""
        self.runtime = await self._open.enter_async_context(open_runtime(self.settings, self.clock, self.wire))
        self.wallet = create_app(self.runtime)
        self.wire.hosts["wallet"] = self.wallet

    async def stop(self) -> None:
        await self._open.aclose()

    async def restart(self) -> None:
        """End this process and start another on the same database; a dead one's leases run out."""
        await self.wire.idle()
        await self.expire_leases()
        await self.stop()
        await self.start()

    async def take_over(self) -> None:
        """Other workers go on, through the open door, once a dead one's leases have run out."""
        await self.wire.idle()
        await self.expire_leases()
        self.work_through(self.runtime.door)

    async def calm_down(self) -> None:
        """Everything that went wrong is over."""
        (await self.desk.delete("/control/faults")).raise_for_status()
        await self.webhooks_travel("normal")
        self.surprises_welcome = False
        await self.take_over()

    async def forget(self) -> None:
        """Leave what an earlier test left unfinished lying where it is."""
        sagas = self.runtime.database["sagas"]
        await sagas.update_many({"status": {"$in": CLAIMABLE}}, {"$set": {"status": "forgotten"}})
        await sagas.update_many({"errors": {"$gt": 0}}, {"$set": {"errors": 0}})

    async def forget_payees(self) -> None:
        """Nobody was paid to a card before."""
        await self.runtime.database["users"].update_many({}, {"$unset": {"card_payee_id": ""}})

    def work_through(self, door: Door, flows: Mapping[tuple[str, int], Saga] = FLOWS) -> None:
        """Let everything that writes sagas write through that door from now on."""
        runtime = self.runtime
        outside, starting = self.outside(), Flows(runtime.sagas, door, self.clock, runtime.hints.give)
        watches, poll_s = WatchStore(runtime.database), self.settings.poll_s
        lookout = Lookout(watches, runtime.sagas, starting, outside, door, self.clock, poll_s=poll_s)
        arrivals = Arrivals(
            starting, door, runtime.ledger, runtime.addresses, runtime.providers, self.clock, lookout.hear
        )
        self.runtime = replace(
            runtime,
            engine=self.engine(door, flows),
            lookout=lookout,
            orders=Orders(
                starting,
                runtime.ledger,
                runtime.quotes,
                runtime.bank_links,
                network=outside.providers.network,
                refund_rest=self.settings.refund_hold,
                limits=limits_of(self.settings),
                network_fees=runtime.network_fees,
                sealer=runtime.sealer,
                clock=self.clock,
                topup_lifetime=self.settings.card_topup_lifetime,
                cooling=cooling_of(self.settings, runtime.database, door, self.clock),
            ),
            onboardings=Onboardings(starting),
            approvals=Approvals(runtime.sagas, door, runtime.providers.coins, runtime.keeping),
            observations=Observations(
                InboxStore(runtime.database),
                runtime.sagas,
                runtime.users,
                runtime.people,
                door,
                self.clock,
                lambda: None,
                lookout,
                hearing={**runtime.hearing, "tatum": first_of(arrivals.hear, runtime.hearing["tatum"])},
                poll_s=poll_s,
            ),
        )
        self.wallet.state.runtime = self.runtime

    def outside(self) -> Outside:
        """What every worker's steps may reach."""
        runtime = self.runtime
        reviews = Reviews(runtime.people, runtime.users)
        return Outside(runtime.providers, runtime.bank_links, runtime.keeping, reviews, runtime.sealer)

    def engine(
        self,
        door: Door,
        flows: Mapping[tuple[str, int], Saga] = FLOWS,
        store: SagaStore | None = None,
        drives: type[Driver] = Driver,
    ) -> Engine:
        """One more worker; its own way to the sagas is ``store``, if given, and ``drives`` what it does with them."""
        runtime, poll_s = self.runtime, self.settings.poll_s
        outside = self.outside()
        scribe = Scribe(door, self.clock, poll_s)
        driver = drives(flows, runtime.sagas, scribe, outside, policies_of(self.settings), self.clock)
        return Engine(store or runtime.sagas, driver, door, self.clock, lease_s=self.settings.lease_s, poll_s=poll_s)

    async def expire_leases(self) -> None:
        """Whoever held a saga is gone for longer than a lease."""
        await self.runtime.database["sagas"].update_many({}, {"$set": {"lease_until": _LONG_AGO}})

    # Time.

    async def act(self) -> int:
        """Everybody does once what is due now; how much that was."""
        await self.runtime.lookout.sweep()
        return await self._third_parties.act() + await self.runtime.observations.work_off() + await self.work()

    async def work(self) -> int:
        """The workers alone do what is due now; how many sagas that were."""
        done = 0
        while await self.runtime.engine.claim_and_drive():
            done += 1
        await self._require_no_surprises()
        return done

    async def third_parties_act(self, until: datetime) -> None:
        """The third parties alone go on until that moment."""
        while (due := await self._third_parties.next_due()) is not None and due <= until:
            self.clock.advance(max(0.0, (due - self.clock.now()).total_seconds()))
            await self._third_parties.act()

    async def settle(self) -> None:
        """Go on until no saga and no third party has anything to do. Waiting in vain for it fails."""
        for _ in range(_ROUNDS_MAX):
            if not await self.pass_on():
                return
        raise AssertionError("the world does not come to rest")

    async def until(self, *, saga: str, step: str, status: str) -> None:
        """Go on until that saga's step has that status."""
        while (record := await self.saga(saga)).steps.get(step, {}).get("status") != status:
            assert await self.pass_on(), f"{step} will never be {status}: the saga is {record.state}"

    async def pass_on(self) -> bool:
        """Do what is due, or move to the moment at which the next thing is; False: there is nothing any more."""
        if await self.act():
            return True
        await self.wire.idle()
        due = await self.next_due()
        if due is None:
            return False
        self.clock.advance(max(0.001, (due - self.clock.now()).total_seconds()))
        return True

    async def next_due(self) -> datetime | None:
        """When the next thing happens by itself; unclaimed events of the inbox do not count."""
        saga = await self.runtime.database["sagas"].find_one(
            {"status": {"$in": CLAIMABLE}, "wake_at": {"$type": "date"}}, sort=[("wake_at", 1)]
        )
        moments = [saga["wake_at"] if saga else None, await self._third_parties.next_due()]
        return min((moment for moment in moments if moment is not None), default=None)

    async def _require_no_surprises(self) -> None:
        failed = await self.runtime.database["sagas"].find_one({"errors": {"$gt": 0}})
        assert failed is None or self.surprises_welcome, "a step failed unexpectedly"

    # What people do.

    async def customer(self, name: str) -> Customer:
        """A customer as the API makes one: token, verified identity, linked bank, an account in USD and one in BTC."""
        headers = await self.signed_in(name)
        session = await self._post("/v1/kyc/sessions", {}, headers)
        verdict = {"applicant_id": session["applicant_id"], "reviewAnswer": "GREEN"}
        (await self.desk.post("/control/sumsub/review", json=verdict)).raise_for_status()
        await self.act()
        link = await self._post("/v1/bank-links", await self.bank_login(), headers)
        me = (await self.api.get("/v1/me", headers=headers)).json()
        assert me["compliance_level"] == "verified"
        accounts = {
            currency: (await self._post("/v1/accounts", {"currency": currency}, headers))["id"]
            for currency in ("USD", "BTC")
        }
        return Customer(name, me["user_id"], link["id"], accounts["USD"], accounts["BTC"])

    async def onboard(self, name: str, *, ssn: str, verdict: str = "GREEN") -> str:
        """Let somebody verify themselves, who turns out to be whoever has that number; their onboarding's stored id."""
        stranger = Principal(derived_id("usr", "onboarding", name), BOOK, self.settings.auth_issuer, name, frozenset())
        user, _ = await kyc.start_session(stranger, self.runtime.users, self.runtime.people)
        described = {"applicant_id": user.applicant_id, "info": {"tin": ssn}}
        (await self.desk.post("/control/sumsub/person", json=described)).raise_for_status()
        decided = {"applicant_id": user.applicant_id, "reviewAnswer": verdict}
        (await self.desk.post("/control/sumsub/review", json=decided)).raise_for_status()
        return (await self.runtime.onboardings.start(user)).id

    async def signed_in(self, name: str) -> dict[str, str]:
        """The header of somebody who has just signed in."""
        asked = {"grant_type": "password", "username": name, "tenant": BOOK}
        token = (await self.desk.post("/auth0/oauth/token", json=asked)).json()["access_token"]
        return {"Authorization": f"Bearer {token}"}

    async def with_new_accounts(self, customer: Customer, dollars: str, coins: str = "0.01") -> Customer:
        """The customer with two more accounts, and so much in the one in USD and the one in BTC."""
        door = self.runtime.door
        opened = [await open_account(door, BOOK, customer.user_id, each) for each in (USD, BTC)]
        amounts = (Money.parse(dollars, USD), Money.parse(coins, BTC))
        for source, account, amount in zip((bank(BOOK, USD), custody(BOOK, BTC)), opened, amounts, strict=True):
            legs = (debit(source, amount), credit(account, amount))
            await verbs.post(door, Transaction(stored_id(BOOK, new_id("txn")), "opening", legs))
        return replace(customer, dollars_id=public_id(opened[0].id), coins_id=public_id(opened[1].id))

    async def set_status(self, account_id: str, status: AccountStatus) -> None:
        """What a compliance officer decides about an account."""
        await self.runtime.database["accounts"].update_one(
            {"_id": stored_id(BOOK, account_id)}, {"$set": {"status": status.value}, "$inc": {"version": 1}}
        )

    async def bank_login(self) -> dict[str, str]:
        """What the bank's own dialogue hands to the app."""
        asked = {"client_id": "any", "secret": "any", "institution_id": "ins_109508", "initial_products": ["auth"]}
        created = await self.desk.post("/plaid/sandbox/public_token/create", json=asked)
        return {"public_token": created.json()["public_token"], "account_id": "acc-checking"}

    async def quote(self, customer: Customer, amount: str = "100.00", *, chain: str | None = "bitcoin") -> str:
        """A quote's public id."""
        total = Money.parse(amount, USD)
        quote = await self.runtime.quotes.quote_purchase(BOOK, customer.user_id, total, BTC, chain)
        return public_id(quote.id)

    async def buy(
        self,
        customer: Customer,
        amount: str = "100.00",
        *,
        paying: str = "bank",
        to: str = "address",
        key: str = "",
        quote: str = "",
    ) -> str:
        """Order a purchase; its saga's stored id. Raises what orders are refused for."""
        chain = "bitcoin" if to == "address" else None
        quote = quote or await self.quote(customer, amount, chain=chain)
        content = {"quote_id": quote, "paying": paying, "to": to}
        bank, account = Funding("bank", customer.bank_link_id), Funding("account", customer.dollars_id)
        outside, inside = Destination(chain="bitcoin", address=ADDRESS), Destination(account_id=customer.coins_id)
        saga = await self.runtime.orders.trades.purchase(
            Asked(BOOK, customer.user_id, key or new_id("key"), content),
            quote,
            bank if paying == "bank" else account,
            outside if to == "address" else inside,
        )
        return saga.id

    async def deposit(self, customer: Customer, amount: str = "100.00", *, key: str = "") -> str:
        """Order a deposit; its saga's stored id. Raises what orders are refused for."""
        asked = Asked(BOOK, customer.user_id, key or new_id("key"), {"amount": amount})
        saga = await self.runtime.orders.bank.deposit(asked, customer.dollars_id, customer.bank_link_id, amount)
        return saga.id

    async def withdraw(self, customer: Customer, amount: str = "100.00", *, key: str = "") -> str:
        """Order a withdrawal; its saga's stored id. Raises what orders are refused for."""
        asked = Asked(BOOK, customer.user_id, key or new_id("key"), {"amount": amount})
        bank_orders = self.runtime.orders.bank
        return (await bank_orders.withdrawal(asked, customer.dollars_id, customer.bank_link_id, amount)).id

    async def top_up(self, customer: Customer, amount: str = "100.00", *, key: str = "") -> str:
        """Order a payment by card; its saga's stored id. Raises what orders are refused for."""
        asked = Asked(BOOK, customer.user_id, key or new_id("key"), {"amount": amount})
        return (await self.runtime.orders.cards.topup(asked, customer.dollars_id, amount)).id

    async def pay_card(
        self, customer: Customer, amount: str = "100.00", *, token: str = DEBIT_CARD, key: str = ""
    ) -> str:
        """Order a payout to a debit card; its saga's stored id. Raises what orders are refused for."""
        asked = Asked(BOOK, customer.user_id, key or new_id("key"), {"amount": amount, "token": token})
        cards = self.runtime.orders.cards
        return (await cards.payout(asked, customer.dollars_id, SecretStr(token), amount)).id

    async def quote_sale(self, customer: Customer, coins: str = "0.001") -> str:
        """A quote's public id."""
        quote = await self.runtime.quotes.quote_sale(BOOK, customer.user_id, Money.parse(coins, BTC), USD)
        return public_id(quote.id)

    async def sell(self, customer: Customer, coins: str = "0.001", *, key: str = "", quote: str = "") -> str:
        """Order a sale; its saga's stored id. Raises what orders are refused for."""
        quote = quote or await self.quote_sale(customer, coins)
        asked = Asked(BOOK, customer.user_id, key or new_id("key"), {"quote_id": quote})
        return (await self.runtime.orders.trades.sale(asked, quote, customer.coins_id, customer.dollars_id)).id

    async def send_coins(
        self,
        customer: Customer,
        amount: str = "0.001",
        *,
        chain: str = "bitcoin",
        address: str = ADDRESS,
        account_id: str = "",
        key: str = "",
    ) -> str:
        """Order a crypto withdrawal; its saga's stored id. Raises what orders are refused for."""
        asked = Asked(BOOK, customer.user_id, key or new_id("key"), {"amount": amount, "address": address})
        from_account = account_id or customer.coins_id
        saga = await self.runtime.orders.chains.withdrawal(asked, from_account, chain, address, amount)
        return saga.id

    async def buy_on(self, customer: Customer, coin: Asset, chain: str, address: str) -> str:
        """Order a purchase of 100 dollars from the account in USD, delivered on that chain; its saga's stored id."""
        await fund_inventory(self.runtime.door, BOOK, Money(1_000 * coin.one, coin), "opening")
        runtime, total = self.runtime, Money.parse("100.00", USD)
        quote = public_id((await runtime.quotes.quote_purchase(BOOK, customer.user_id, total, coin, chain)).id)
        asked = Asked(BOOK, customer.user_id, new_id("key"), {"quote_id": quote})
        funding, destination = Funding("account", customer.dollars_id), Destination(chain=chain, address=address)
        return (await runtime.orders.trades.purchase(asked, quote, funding, destination)).id

    async def receiving_address(self, account_id: str, chain: str) -> str:
        """Where coins for that public account id are to be sent on that chain."""
        account = await self.runtime.ledger.account(stored_id(BOOK, account_id))
        assert account is not None
        return (await self.runtime.addresses.address_for(BOOK, account, chain)).address

    async def deposit_coins(self, customer: Customer, amount: str = "0.001", *, key: str = "") -> str:
        """Somebody sends the customer coins, once a key; its saga's stored id, once the coins were seen."""
        if key not in self._arrived:
            address = await self.receiving_address(customer.coins_id, "bitcoin")
            self._arrived[key] = await self.coins_arrive("bitcoin", address, Money.parse(amount, BTC))
        sought = {"_id": ids_of_book(BOOK), "type": "crypto_deposit", "params.tx_id": self._arrived[key]}
        while not (found := await self.runtime.sagas.sagas(sought, 1)):
            if not await self.pass_on():
                self.clock.advance(_ADDRESS_TURN_S)
                assert await self.runtime.chain_news.address_sweeping.sweep(), "the coins will never be seen"
        return found[0].id

    async def coins_arrive(self, chain: str, address: str, amount: Money) -> str:
        """Somebody out there sends coins; the transaction's hash."""
        body = {"chain": chain, "address": address, "amount": str(amount), "currency": amount.asset.code}
        answer = (await self.desk.post("/control/tatum/incoming", json=body)).raise_for_status()
        return str(answer.json()["hash"])

    async def with_coins(self, customer: Customer, amount: Money) -> str:
        """The public id of a new account of the customer with so much in it, which the treasury has in custody."""
        door = self.runtime.door
        opened = await open_account(door, BOOK, customer.user_id, amount.asset)
        held = debit(custody(BOOK, amount.asset), amount)
        await verbs.post(door, Transaction(stored_id(BOOK, new_id("txn")), "opening", (held, credit(opened, amount))))
        return public_id(opened.id)

    async def dial(self, call: str, fault: str, *, times: int = 1, delay_ms: int = 5) -> None:
        """Turn the sandbox's fault dial for a vendor's operation, named as in ``unit create_payment``."""
        vendor, operation = call.split()
        body = {"vendor": vendor, "operation": operation, "fault": fault, "times": times, "delay_ms": delay_ms}
        (await self.desk.post("/control/faults", json=body)).raise_for_status()

    async def webhooks_travel(self, mode: str, *, delay_ms: int = 3_000) -> None:
        """How the webhooks of the vendors that drive sagas travel from now on."""
        for vendor in ("unit", "tatum", "stripe", "sumsub"):
            body = {"vendor": vendor, "mode": mode, "delay_ms": delay_ms}
            (await self.desk.post("/control/webhooks", json=body)).raise_for_status()

    # What there is to see.

    def is_call(self, request: httpx2.Request, vendor: str, operation: str) -> bool:
        """Whether that is what a request asks a vendor for."""
        return self._third_parties.is_call(request, vendor, operation)

    async def saga(self, saga_id: str) -> SagaRecord:
        saga = await self.runtime.sagas.saga(saga_id)
        assert saga is not None
        return saga

    async def trace(self, saga_id: str) -> list[str]:
        """The saga's history, one line an event: what, and in which step."""
        events = await self.runtime.sagas.events(saga_id, 0, 1_000)
        return [f"{event['type']} {event['step']}".strip() for event in events]

    async def story(self, saga_id: str, customer: Customer) -> list[str]:
        """The saga's history as its owner reads it."""
        path = f"/v1/sagas/{public_id(saga_id)}/story"
        told = (await self.api.get(path, headers=await self.signed_in(customer.name))).json()["story"]
        return [each["sentence"] for each in told]

    async def postings(self, saga_id: str) -> list[str]:
        """The kinds of the saga's ledger transactions, in order."""
        return [each["kind"] for each in await self.runtime.ledger.transactions_of_saga(saga_id)]

    async def bank_payments(self) -> list[dict[str, Any]]:
        """Every payment that the bank knows."""
        payments: list[dict[str, Any]] = (await self.desk.get("/control/unit/book")).json()["payments"]
        return payments

    async def card_book(self) -> dict[str, list[dict[str, Any]]]:
        """What the card processor holds, by kind of object."""
        held: dict[str, list[dict[str, Any]]] = (await self.desk.get("/control/stripe/book")).json()
        return held

    async def chain_transactions(self) -> list[dict[str, Any]]:
        """Every transaction that the chains know."""
        found: list[dict[str, Any]] = (await self.desk.get("/control/tatum/book")).json()["transactions"]
        return found

    async def available(self, account_id: str) -> str:
        """What a public account id has available."""
        account = await self.runtime.ledger.account(stored_id(BOOK, account_id))
        assert account is not None
        return str(Money(account.available, account.asset))

    async def passing_account(self, customer: Customer) -> str:
        """The public id of the account that a bank's dollars pass through."""
        return public_id(await passing_account(self.runtime.ledger, BOOK, customer.user_id, USD))

    async def inventory(self) -> str:
        """The coins that may still be sold."""
        return await self.available(f"acc_trading-{BTC.code}")

    async def audit(self) -> Audit:
        """The books derived again; fails on any break."""
        audit = await audit_books(self.runtime.ledger, self.runtime.sagas)
        assert audit.breaks == []
        return audit

    async def _post(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        answer = await self.api.post(path, json=body, headers={**headers, "Idempotency-Key": new_id("key")})
        assert answer.is_success, answer.text
        posted: dict[str, Any] = answer.json()
        return posted


@asynccontextmanager
async def open_world(
    mongodb_uri: str, redis_url: str, wallet: str, sandbox: str, *, pace_s: float = PACE_S, **settings: Any
) -> AsyncIterator[World]:
    """A world over those two databases, with coins to sell."""
    clock = ManualClock(NOW)
    given = {"provider_timeout_s": 5.0, "quiet_period_s": 7.5, "lease_s": 15.0, **settings}
    wired = Settings.model_validate(
        {
            "mongodb_uri": mongodb_uri,
            "mongodb_database": wallet,
            "redis_url": redis_url,
            **sandbox_addresses("http://sandbox"),
            **given,
        }
    )
    async with asyncio.TaskGroup() as servers:
        wire = Wire(servers)
        third_parties = ThirdParties(config_of(wired, sandbox, pace_s), clock, wire)
        wire.hosts["sandbox"] = third_parties.application
        await third_parties.open()
        world = World(clock, wire, third_parties, wired)
        await world.start()
        await fund_inventory(world.runtime.door, BOOK, INVENTORY, "opening")
        yield world
        await wire.idle()
        await world.stop()
        await third_parties.close()
