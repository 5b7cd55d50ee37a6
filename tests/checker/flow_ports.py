"""The third parties of a flow, as its steps reach them. What is made there is a question; what is read is there.

Reads are true and at once: what a lag or a lost key does to an effect is searched around one effect.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from app.ledger.accounts import Account
from app.ledger.documents import transaction_from
from app.ledger.transactions import Leg
from app.money import USD, Asset, Money, asset
from app.orchestrator.journal import SAGAS
from app.orchestrator.treasury_purse import Purse
from app.orchestrator.watches import WATCHES, WatchRecord, watch_from
from app.providers.bank_ports import Application, ApplicationStatus, DepositAccount, DepositAccountStatus
from app.providers.chain_ports import ChainTransaction, CoinOrder, Input, Paid, PendingSend
from app.providers.ports import AchOrder, AchPayment, PaymentStatus
from tests.checker.asking import ask
from tests.checker.flow_cards import Cards
from tests.checker.things import Thing

TREASURY = "treasury"
OURS = "0x66FA9F9D3186B9c13A66B004Fc8bb5F3359C4dEb"
"""An address of the treasury's: what is sent there goes nowhere."""
_DEEP = 1_000


@dataclass(frozen=True, slots=True)
class Ports:
    """The things as they stand, and the books as they are, in the shape of the ports."""

    things: tuple[Thing, ...]
    accounts: Mapping[str, Account]
    documents: Mapping[tuple[str, str], Mapping[str, Any]]
    posted: Mapping[str, Mapping[str, Any]]

    def outside(self) -> SimpleNamespace:
        """What a step is handed."""
        providers = SimpleNamespace(
            ach=self,
            coins=_Chain(self),
            receiving=_Receiving(self),
            rates=_Rates(),
            accounts=_Bank(self),
            people=_People(),
            card_payments=Cards(self),
            card_payouts=Cards(self),
        )
        house = SimpleNamespace(bank_links=self, kept=self, reviews=self, purse=Purse())
        return SimpleNamespace(sealer=_Sealer(), providers=providers, **vars(house))

    def named(self, ref: str, kind: str) -> Thing | None:
        """The thing of that reference."""
        number = int(ref.rpartition("#")[2])
        return self.things[number] if self.things[number].kind == kind else None

    def made_by(self, key: str, kind: str) -> str | None:
        """The reference of the thing that a key has made."""
        return next((f"#{n}" for n, each in enumerate(self.things) if (each.key, each.kind) == (key, kind)), None)

    # ACH, and the sealed tokens it needs.

    async def processor_token(self, bank_link_id: str) -> str:
        return bank_link_id

    async def create_payment(self, order: AchOrder, *, key: str) -> AchPayment:
        facts = (order.direction, order.amount.minor, order.amount.asset.code)
        return _payment(*await ask("make", Thing("payment", key, "pending", facts)))

    async def payment(self, payment_id: str) -> AchPayment | None:
        thing = self.named(payment_id, "payment")
        return _payment(payment_id, thing) if thing else None

    async def find_payment(self, reference: str) -> AchPayment | None:
        ref = self.made_by(reference, "payment")
        return await self.payment(ref) if ref else None

    async def cancel_payment(self, payment_id: str) -> AchPayment:
        return _payment(payment_id, await ask("cancel", payment_id))

    # What the house has kept.

    async def account(self, account_id: str) -> Account | None:
        return self.accounts.get(account_id)

    async def saga_status(self, saga_id: str) -> str | None:
        """One that is not of this world has ended well."""
        return str(self.documents.get((SAGAS, saga_id), {"status": "completed"})["status"])

    async def legs(self, transaction_id: str) -> Sequence[Leg]:
        found = self.posted.get(transaction_id)
        return transaction_from(dict(found)).legs if found else ()

    async def card_payee(self, user_id: str) -> str | None:
        found = self.documents.get(("users", user_id), {}).get("card_payee_id")
        return str(found) if found else None

    async def compliance_level(self, user_id: str) -> str:
        return "verified"

    async def watch(self, watch_id: str) -> WatchRecord | None:
        document = self.documents.get((WATCHES, watch_id))
        return watch_from({"_id": watch_id, **document}) if document else None

    async def numbering(self, address_id: str, mined: int) -> tuple[None, None]:
        return None, None

    async def named_beside(self, ref: str) -> Sequence[str]:
        return ()

    async def inputs_in_use(self, chain: str) -> list[dict[str, Any]]:
        return []

    async def inputs(self, chain: str, refs: Sequence[str]) -> dict[str, Any]:
        return {}

    async def fetch(self, applicant_id: str) -> SimpleNamespace | None:
        thing = self.named(applicant_id, "applicant")
        return SimpleNamespace(level=thing.stage) if thing else None


@dataclass(frozen=True, slots=True)
class _Chain:
    ports: Ports

    def treasury(self, chain: str) -> str:
        return TREASURY

    def paid_at(self, chain: str, to: str, asset: Asset) -> str:
        return to

    async def send(self, order: CoinOrder) -> str:
        inputs = frozenset(each.ref for each in order.inputs)
        facts = (order.chain, order.to, order.amount.minor, order.amount.asset.code, order.nonce, inputs)
        return str((await ask("make", Thing("send", "", "queued", facts)))[0])

    async def pending_send(self, pending_id: str) -> PendingSend | None:
        thing = self.ports.named(pending_id, "send")
        return pending_send(pending_id, thing) if thing and thing.stage != "gone" else None

    async def pending_sends(self, chain: str) -> tuple[PendingSend, ...]:
        waiting = ((n, each) for n, each in enumerate(self.ports.things) if each.stage in {"queued", "approved"})
        return tuple(pending_send(f"#{n}", each) for n, each in waiting if each.facts[0] == chain)

    async def cancel_send(self, pending_id: str) -> None:
        return None

    async def transaction(self, chain: str, tx_id: str, *, enough: int | None = None) -> ChainTransaction | None:
        thing = self.ports.named(tx_id, "send")
        if thing is None or thing.stage not in {"mined", "reverted"}:
            return None
        fee = Money(1, asset(thing.facts[3]))
        return ChainTransaction(tx_id, "mined" if thing.stage == "mined" else "reverted", 1, _DEEP, fee, ())

    async def next_nonce(self, chain: str) -> int:
        return sum(each.stage in {"mined", "reverted"} for each in self.ports.things)

    async def unspent(self, chain: str, at_least: Money) -> tuple[Input, ...]:
        return (Input("mined", 0, at_least),)

    async def spenders(self, chain: str) -> tuple[ChainTransaction, ...]:
        return ()


@dataclass(frozen=True, slots=True)
class _Receiving:
    ports: Ports

    async def transaction(self, chain: str, tx_id: str) -> ChainTransaction | None:
        thing = self.ports.named(tx_id, "incoming")
        if thing is None or thing.stage == "replaced":
            return None
        _, to, minor, code = thing.facts
        amount = Money(minor, asset(code))
        if thing.stage == "reverted":
            return ChainTransaction(tx_id, "reverted", 1, _DEEP, Money(0, amount.asset), ())
        depth = _DEEP if thing.stage == "deep" else 0
        return ChainTransaction(tx_id, "mined", 1, depth, Money(0, amount.asset), (Paid("0", to, amount),))


class _Rates:
    async def network_fee(self, chain: str, to: str | None, amount: Money | None = None) -> Money:
        return Money(1, asset("BTC"))


class _Sealer:
    def open_text(self, sealed: str, belongs_to: str) -> str:
        return sealed


class _People:
    async def applicant_for(self, external_user_id: str) -> SimpleNamespace:
        return SimpleNamespace(id="applicant")

    async def person(self, applicant_id: str) -> SimpleNamespace:
        return SimpleNamespace()


@dataclass(frozen=True, slots=True)
class _Bank:
    ports: Ports

    async def apply(self, person: object, *, reference: str, key: str) -> Application:
        return _application(*await ask("make", Thing("application", key, "pending")))

    async def application(self, application_id: str) -> Application | None:
        thing = self.ports.named(application_id, "application")
        return _application(application_id, thing) if thing else None

    async def find_application(self, reference: str) -> Application | None:
        ref = self.ports.made_by(reference, "application")
        return await self.application(ref) if ref else None

    async def open_account(self, customer_id: str, *, reference: str, key: str) -> DepositAccount:
        return _account(*await ask("make", Thing("account", key, "open")))

    async def account(self, account_id: str) -> DepositAccount | None:
        thing = self.ports.named(account_id, "account")
        return _account(account_id, thing) if thing else None

    async def find_account(self, reference: str) -> DepositAccount | None:
        ref = self.ports.made_by(reference, "account")
        return await self.account(ref) if ref else None


def _payment(ref: str, thing: Thing) -> AchPayment:
    direction, minor, code = thing.facts
    status = PaymentStatus(thing.stage)
    reason = None if status in {PaymentStatus.PENDING, PaymentStatus.SENT} else thing.stage
    return AchPayment(ref, direction, Money(minor, asset(code)), status, reason, thing.key)


def pending_send(ref: str, thing: Thing) -> PendingSend:
    """A queued operation as it can be read."""
    chain, to, minor, code, nonce, inputs = thing.facts
    tx_id = f"tx#{ref[1:]}" if thing.stage in {"broadcast", "mined", "reverted", "replaced"} else None
    return PendingSend(ref, chain, to, Money(minor, asset(code)), tx_id, nonce, inputs)


def _application(ref: str, thing: Thing) -> Application:
    approved = thing.stage == "approved"
    return Application(ref, ApplicationStatus(thing.stage), "customer" if approved else None, thing.key)


def _account(ref: str, thing: Thing) -> DepositAccount:
    return DepositAccount(ref, "customer", DepositAccountStatus(thing.stage), "0000", thing.key, Money(0, USD))
