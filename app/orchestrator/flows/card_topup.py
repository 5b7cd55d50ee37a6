"""Card top-up: the customer pays into their account with a card, in the vendor's own dialogue.

The payment is created, and its secret handed to the customer's app, which confirms it; no card's number comes here. It
is waited for until it expires. Then it is cancelled, unless the customer was faster. What was paid is theirs in full;
the vendor's fee is ours to pay. A payment may be refunded or disputed long after, so it is watched.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.ids import book_of
from app.ledger.accounts import Account
from app.ledger.transactions import credit, debit
from app.money import Money
from app.orchestrator.effects import Effect, Sent
from app.orchestrator.flows import chart
from app.orchestrator.flows.params import Params, StoredMoney, money, read_money
from app.orchestrator.flows.stops import stop_of
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Failed, Outcome, Progress, Run, Saga, Settled, Step, Stuck, Unwanted, Waiting
from app.orchestrator.watches import Watch
from app.providers.card_ports import CardCharge, CardPayment, CardPaymentStatus

STRIPE = "stripe"

CARD_REFUND, CARD_DISPUTE = "card-refund", "card-dispute"
"""Kinds of watches on payments that succeeded."""

DISPUTE_WINDOW = timedelta(days=540)
"""How long a payment may be disputed: card networks give a cardholder 120 days, counted from when what was paid for was
to be had, and at most 540 from the payment.
"""

CHARGE = "create_payment_intent"
"""The call that has a customer pay."""

_FIRST_LOOK = timedelta(seconds=5)
"""When an unpaid payment of which nothing is told is first looked at; then after as long again as it has waited."""

CLIENT_SECRET = "client_secret"  # noqa: S105 - a name, and no secret
"""Where the payment's secret is kept in the step's result, sealed for the saga."""


class CardTopup(Params):
    """Which account, how much, and until when it may be paid; the account's id is a stored one."""

    account_id: str
    amount: StoredMoney
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class PaymentSeen:
    """A payment as it stands, its charge if it succeeded; ``stop``: why it should not be paid any more."""

    payment: CardPayment | None
    charge: CardCharge | None = None
    stop: str | None = None


def accept(_run: Run) -> Outcome:
    """Nothing is reserved: the money is not here yet."""
    return Outcome()


def became(run: Run, payment_id: str, seen: PaymentSeen) -> Progress:
    """What has become of the payment; an open one is waited for."""
    payment = seen.payment
    refs = (f"{STRIPE}:payment_intent:{payment_id}",)
    if payment is None:
        return Stuck("payment-vanished")
    if payment.status is CardPaymentStatus.CANCELED:
        return Failed("cancelled")
    if payment.status is CardPaymentStatus.SUCCEEDED and seen.charge is not None and seen.charge.fee is not None:
        account_id = run.params.account_id
        return Settled(
            paid(run, account_id, seen.charge.amount, seen.charge.fee),
            watches_on(run, account_id, payment_id, seen.charge),
        )
    return Waiting(refs=refs)


def paid(run: Run, account: Account | str, amount: Money, fee: Money) -> Outcome:
    """The money is the customer's, and the fee was taken."""
    legs = (
        debit(chart.card_balance(run.book, amount.asset), amount - fee),
        *((debit(chart.card_fees(run.book, fee.asset), fee),) if fee else ()),
        credit(account, amount),
    )
    return Outcome((run.transaction("paid", *legs),), result={"paid_at": run.now})


def watches_on(run: Run, account_id: str, payment_id: str, charge: CardCharge) -> tuple[Watch, Watch]:
    """The watches on a payment that may yet be refunded, or disputed."""
    none = money(charge.amount - charge.amount)
    until = run.now + DISPUTE_WINDOW
    facts = {"amount": money(charge.amount), "account_id": account_id, "payment_id": payment_id}
    refund = Watch(CARD_REFUND, f"{STRIPE}:payment_intent:{payment_id}", until, {**facts, "refunded": none})
    disputed = {**facts, "disputed": none, "dispute_fee": none}
    return refund, Watch(CARD_DISPUTE, f"{STRIPE}:charge:{charge.id}", until, disputed)


async def see(payment_id: str, outside: Outside) -> PaymentSeen:
    """The payment as it stands, with its charge if it succeeded."""
    cards = outside.providers.card_payments
    payment = await cards.payment(payment_id)
    if payment is None or payment.status is not CardPaymentStatus.SUCCEEDED:
        return PaymentSeen(payment)
    return PaymentSeen(payment, await cards.charge_of(payment_id))


@dataclass(frozen=True, slots=True)
class Charge:
    """Have the customer pay. Nothing is booked before they have: until then there is no money.

    | Moment | DR / CR |
    |---|---|
    | paid | cards, cardfee_out / customer |
    """

    provider: str = STRIPE
    operation: str = CHARGE

    async def examine(self, run: Run, outside: Outside) -> Progress | None:
        """A customer who was stopped since acceptance is not asked to pay."""
        stop = await stop_of(run.book, run.params.account_id, outside)
        return None if stop is None else Stuck(stop)

    def request(self, run: Run) -> Mapping[str, Any]:
        topup: CardTopup = run.params
        return {"price": money(topup.amount), "account_id": topup.account_id}

    def sending(self, run: Run) -> Outcome:  # noqa: ARG002
        return Outcome()

    async def send(self, effect: Effect, outside: Outside) -> Sent:
        price = read_money(effect.request["price"])
        cards = outside.providers.card_payments
        return _sent(await cards.create_payment(price, reference=effect.id, key=effect.id), effect, outside)

    async def find(self, effect: Effect, outside: Outside) -> Sent | None:
        payment = await outside.providers.card_payments.find_payment(effect.id, effect.first_sent_at)
        return _sent(payment, effect, outside) if payment else None

    def accepted(self, run: Run, effect: Effect) -> Outcome:  # noqa: ARG002
        return Outcome(result={"payment_id": effect.ref})

    def refused(self, run: Run) -> Outcome:  # noqa: ARG002
        return Outcome()

    def waits_for(self, effect: Effect) -> tuple[str, ...]:
        return (f"{STRIPE}:payment_intent:{effect.ref}",)

    async def look(self, effect: Effect, outside: Outside) -> PaymentSeen:
        """The payment, and while nobody has paid, whether they still should."""
        seen = await see(effect.ref, outside)
        if seen.payment is None or seen.payment.status is not CardPaymentStatus.OPEN:
            return seen
        stop = await stop_of(book_of(effect.saga_id), effect.request["account_id"], outside)
        return PaymentSeen(seen.payment, stop=stop)

    def judge(self, run: Run, effect: Effect, seen: PaymentSeen) -> Progress:
        topup: CardTopup = run.params
        progress = became(run, effect.ref, seen)
        if not isinstance(progress, Waiting) or not _is_open(seen):
            return progress
        if seen.stop is not None:
            return Unwanted(seen.stop)
        if run.now >= topup.expires_at:
            return Unwanted("expired")
        waited = run.now - effect.first_sent_at
        return Waiting(until=min(run.now + max(_FIRST_LOOK, waited), topup.expires_at), refs=progress.refs)


def _sent(payment: CardPayment, effect: Effect, outside: Outside) -> Sent:
    secret = payment.client_secret
    sealed = {} if secret is None else {CLIENT_SECRET: outside.sealer.seal_text(secret, effect.saga_id)}
    return Sent(payment.id, facts=sealed)


@dataclass(frozen=True, slots=True)
class CancelCharge:
    """Cancel a payment that was not confirmed in time, or is not wanted; what it then is decides."""

    provider: str = STRIPE
    operation: str = "cancel_payment_intent"

    async def examine(self, run: Run, outside: Outside) -> Progress | None:
        seen = await see(_payment_id(run), outside)
        return None if _is_open(seen) else became(run, _payment_id(run), seen)

    def request(self, run: Run) -> Mapping[str, Any]:
        return {"payment_id": _payment_id(run)}

    def sending(self, run: Run) -> Outcome:  # noqa: ARG002
        return Outcome()

    async def send(self, effect: Effect, outside: Outside) -> Sent:
        cancelled = await outside.providers.card_payments.cancel_payment(effect.request["payment_id"], key=effect.id)
        return Sent(f"{cancelled.id}/cancel")

    async def find(self, effect: Effect, outside: Outside) -> Sent | None:
        """A cancellation has no reference of its own: it is found in what has become of the payment."""
        payment_id = effect.request["payment_id"]
        seen = await see(payment_id, outside)
        return None if seen.payment is None or _is_open(seen) else Sent(f"{payment_id}/cancel")

    def accepted(self, run: Run, effect: Effect) -> Outcome:  # noqa: ARG002
        return Outcome()

    def refused(self, run: Run) -> Outcome:  # noqa: ARG002
        return Outcome()

    def waits_for(self, effect: Effect) -> tuple[str, ...]:
        return (f"{STRIPE}:payment_intent:{effect.request['payment_id']}",)

    async def look(self, effect: Effect, outside: Outside) -> PaymentSeen:
        return await see(effect.request["payment_id"], outside)

    def judge(self, run: Run, effect: Effect, seen: PaymentSeen) -> Progress:
        """One that is still open could not be cancelled, and may be paid at any time: it is looked at until it ends."""
        return became(run, effect.request["payment_id"], seen)


def _is_open(seen: PaymentSeen) -> bool:
    return seen.payment is not None and seen.payment.status is CardPaymentStatus.OPEN


def _payment_id(run: Run) -> str:
    return str(run.results[run.step]["payment_id"])


CARD_TOPUP = Saga(
    "card_topup",
    version=1,
    params=CardTopup,
    steps=(
        Step("record", lambda topup: f"a payment of {money(topup.amount)} by card was ordered", do=accept),
        Step(
            "collect",
            lambda topup: f"{money(topup.amount)} were paid by card",
            do=Charge(),
            call_off=CancelCharge(),
        ),
    ),
)
