"""ACH through the partner bank: pulling a customer's dollars, and giving them back by a new credit.

ACH cannot be rolled back. A pull passes ``Pending``, ``Clearing`` and ``Sent``; its money is ours at ``Sent``, and it
may be returned from ``Clearing`` on. What undoes a settled pull is another payment, in the other direction.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.ids import book_of
from app.ledger.accounts import Account
from app.ledger.transactions import Transaction, credit, debit, hold, release
from app.money import Money, asset
from app.orchestrator.effects import Effect, Sent
from app.orchestrator.flows import chart
from app.orchestrator.flows.params import money
from app.orchestrator.flows.stops import stop_of
from app.orchestrator.journal import effect_id
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Failed, Outcome, Progress, Run, Settled, Stuck, Unwanted, Waiting, Way
from app.orchestrator.watches import Watch, WatchRecord, WatchStatus, tripped, watch_id
from app.providers.outcomes import Declined, Unavailable
from app.providers.ports import AchOrder, AchPayment, Direction, PaymentStatus

UNIT = "unit"

ACH_PULL, ACH_PUSH = "ach-pull", "ach-push"
"""Kinds of watches on settled payments."""

RETURN_WINDOW = timedelta(days=65)
"""How long a settled payment may come back: a consumer's bank may return an unauthorised entry (R05, R07, R10, R11)
until the banking day after the 60th calendar day from settlement (NACHA Operating Rules, subsection 3.13.1). The rest
is margin for holidays.
"""

_ON_ITS_WAY = {PaymentStatus.PENDING, PaymentStatus.PENDING_REVIEW, PaymentStatus.CLEARING}
NOT_DONE = {PaymentStatus.RETURNED, PaymentStatus.REJECTED, PaymentStatus.CANCELED}
"""The money is where it came from."""


@dataclass(frozen=True, slots=True)
class AchTerms:
    """What a flow tells its ACH steps: how much, over which link, and whose account it is for."""

    amount: Money
    bank_link_id: str
    account: Account | str


def request_for(terms: AchTerms, direction: Direction, description: str) -> Mapping[str, Any]:
    """What is kept of a payment before it is made; the receiver reads ``description`` on a statement."""
    return {
        "account_id": _account_id(terms),
        "direction": direction,
        "amount": str(terms.amount),
        "currency": terms.amount.asset.code,
        "bank_link_id": terms.bank_link_id,
        "description": description,
    }


async def make_payment(effect: Effect, outside: Outside) -> Sent:
    """Make the payment with the effect's id as its key: sent twice within the key's life, it is made once."""
    request = effect.request
    order = AchOrder(
        direction=request["direction"],
        amount=Money.parse(request["amount"], asset(request["currency"])),
        processor_token=await outside.bank_links.processor_token(request["bank_link_id"]),
        counterparty_name="Wallet customer",
        reference=effect.id,
        description=request["description"],
    )
    return Sent((await outside.providers.ach.create_payment(order, key=effect.id)).id)


async def payment_made(effect: Effect, outside: Outside) -> Sent | None:
    """The payment that carries the effect's id as our reference."""
    payment = await outside.providers.ach.find_payment(effect.id)
    return Sent(payment.id) if payment else None


async def payment_now(effect: Effect, outside: Outside) -> AchPayment | None:
    """The effect's payment as it stands."""
    return await outside.providers.ach.payment(effect.ref)


async def returned_meanwhile(payment_id: str, outside: Outside) -> bool:
    """Whether a pull that had settled has come back. Raises Unavailable while the bank does not tell."""
    try:
        payment = await outside.providers.ach.payment(payment_id)
    except Declined as declined:
        raise Unavailable(UNIT, declined.reason) from declined
    return payment is not None and payment.status in NOT_DONE


def watch_of(run: Run, terms: AchTerms, kind: str, payment_id: str) -> Watch:
    """The watch on a payment that has settled, for as long as it may come back."""
    return Watch(
        kind=kind,
        ref=f"{UNIT}:payment:{payment_id}",
        until=run.now + RETURN_WINDOW,
        facts={"amount": money(terms.amount), "account_id": _account_id(terms)},
    )


def _account_id(terms: AchTerms) -> str:
    return terms.account.id if isinstance(terms.account, Account) else terms.account


@dataclass(frozen=True, slots=True)
class PullSeen:
    """A pull's payment as it stands; ``stop``: why it should not be on its way any more."""

    payment: AchPayment | None
    stop: str | None = None


@dataclass(frozen=True, slots=True)
class Pull:
    """Pull dollars from the customer's bank into their account here, and hold them there if the flow goes on.

    One that may not be wanted any more, because the customer was stopped, is called off while the bank has not begun.

    | Moment | DR / CR |
    |---|---|
    | sending | in_doubt:unit / pending |
    | accepted | clearing:in / in_doubt:unit |
    | settled | bank / clearing:in · pending / customer |
    | returned, rejected or canceled before | pending / clearing:in |
    """

    terms: Callable[[Run], AchTerms]
    hold_toward: Callable[[Run], Account] | None = None
    provider: str = UNIT
    operation: str = "create_payment"

    async def examine(self, run: Run, outside: Outside) -> Progress | None:
        """A customer who was stopped since acceptance stops the pull: what it brings is a fact, and never refused."""
        stop = await stop_of(run.book, _account_id(self.terms(run)), outside)
        return None if stop is None else Stuck(stop)

    def request(self, run: Run) -> Mapping[str, Any]:
        return request_for(self.terms(run), "Debit", "TOPUP")

    def sending(self, run: Run) -> Outcome:
        amount = self.terms(run).amount
        doubt = chart.in_doubt(run.book, UNIT, amount.asset)
        waiting = chart.pending(run.book, amount.asset)
        return Outcome((run.transaction("sending", debit(doubt, amount), credit(waiting, amount)),))

    async def send(self, effect: Effect, outside: Outside) -> Sent:
        return await make_payment(effect, outside)

    async def find(self, effect: Effect, outside: Outside) -> Sent | None:
        return await payment_made(effect, outside)

    def accepted(self, run: Run, effect: Effect) -> Outcome:
        amount = self.terms(run).amount
        doubt = chart.in_doubt(run.book, UNIT, amount.asset)
        clearing = chart.clearing_in(run.book, amount.asset)
        posting = run.transaction("accepted", debit(clearing, amount), credit(doubt, amount))
        return Outcome((posting,), result={"payment_id": effect.ref})

    def refused(self, run: Run) -> Outcome:
        amount = self.terms(run).amount
        doubt = chart.in_doubt(run.book, UNIT, amount.asset)
        waiting = chart.pending(run.book, amount.asset)
        return Outcome((run.transaction("refused", debit(waiting, amount), credit(doubt, amount)),))

    def waits_for(self, effect: Effect) -> tuple[str, ...]:
        return (f"{UNIT}:payment:{effect.ref}",)

    async def look(self, effect: Effect, outside: Outside) -> PullSeen:
        """The payment, and while it may still be called off, whether it should be."""
        payment = await payment_now(effect, outside)
        if payment is None or payment.status is not PaymentStatus.PENDING:
            return PullSeen(payment)
        book, account_id = book_of(effect.saga_id), effect.request["account_id"]
        return PullSeen(payment, await stop_of(book, account_id, outside))

    def judge(self, run: Run, effect: Effect, seen: PullSeen) -> Progress:
        return Unwanted(seen.stop) if seen.stop is not None else self.became(run, effect.ref, seen.payment)

    def became(self, run: Run, payment_id: str, payment: AchPayment | None) -> Progress:
        """What has become of the pull's payment."""
        if payment is None:
            return Stuck("payment-vanished")
        if payment.status in _ON_ITS_WAY or payment.status is PaymentStatus.UNRECOGNISED:
            return Waiting()
        if payment.status is PaymentStatus.SENT:
            return Settled(self._settled(run), (watch_of(run, self.terms(run), ACH_PULL, payment_id),))
        return Failed(payment.reason or payment.status.value, self._returned(run))

    def _settled(self, run: Run) -> Outcome:
        terms = self.terms(run)
        amount, currency = terms.amount, terms.amount.asset
        bank, clearing = chart.bank(run.book, currency), chart.clearing_in(run.book, currency)
        waiting = chart.pending(run.book, currency)
        postings = [
            run.transaction("settled", debit(bank, amount), credit(clearing, amount)),
            run.transaction("credited", debit(waiting, amount), credit(terms.account, amount)),
        ]
        if self.hold_toward is not None:
            postings.append(run.hold("hold", terms.account, self.hold_toward(run), amount))
        return Outcome(tuple(postings), result={"settled_at": run.now})

    def _returned(self, run: Run) -> Outcome:
        amount = self.terms(run).amount
        clearing = chart.clearing_in(run.book, amount.asset)
        waiting = chart.pending(run.book, amount.asset)
        return Outcome((run.transaction("returned", debit(waiting, amount), credit(clearing, amount)),))


@dataclass(frozen=True, slots=True)
class Refund:
    """Undo a settled pull: send the held dollars back by a new credit, once the return window is over.

    A pull that was returned meanwhile has taken its money back itself: then nothing is sent, and the return is booked.

    | Moment | DR / CR |
    |---|---|
    | sending | customer / in_doubt:unit (captures the hold) |
    | accepted | in_doubt:unit / bank |
    | definitely not done | in_doubt:unit / customer, and the hold again |
    | the pull itself was returned | customer / bank (captures the hold); nothing, if a recovery has booked it |
    | a refund that was given up has left after all | nothing: the hold is given back, a recovery books it |
    """

    terms: Callable[[Run], AchTerms]
    hold_id: Callable[[Run], str]
    pulled_by: str
    rest: Callable[[Run], timedelta]
    provider: str = UNIT
    operation: str = "create_payment"

    async def examine(self, run: Run, outside: Outside) -> Progress | None:
        """The state of the pull decides: returned, nothing is owed; else the refund rests until the window is over,
        or until it hears of the pull.
        """
        pulled = run.results[self.pulled_by]
        payment = await outside.providers.ach.payment(pulled["payment_id"])
        if payment is not None and payment.status in NOT_DONE:
            watch = await outside.kept.watch(watch_id(run.saga_id, self.pulled_by, f"{UNIT}:payment:{payment.id}"))
            return Settled(self._taken_back(run, watch))
        if await self._has_left(run, outside):
            return Settled(Outcome((self._hold_given_back(run),)))
        hears_of = (f"{UNIT}:payment:{pulled['payment_id']}",)
        if payment is None or payment.status is not PaymentStatus.SENT:
            return Waiting(refs=hears_of)
        settled_at: datetime = pulled["settled_at"]
        may_send_at = settled_at + self.rest(run)
        return Waiting(until=may_send_at, refs=hears_of) if run.now < may_send_at else None

    def request(self, run: Run) -> Mapping[str, Any]:
        return request_for(self.terms(run), "Credit", "REFUND")

    def sending(self, run: Run) -> Outcome:
        terms = self.terms(run)
        doubt = chart.in_doubt(run.book, UNIT, terms.amount.asset)
        legs = (debit(terms.account, terms.amount), credit(doubt, terms.amount))
        return Outcome((run.transaction("refund-sending", *legs, holds=(self._held(run),)),))

    async def send(self, effect: Effect, outside: Outside) -> Sent:
        return await make_payment(effect, outside)

    async def find(self, effect: Effect, outside: Outside) -> Sent | None:
        return await payment_made(effect, outside)

    def accepted(self, run: Run, effect: Effect) -> Outcome:
        amount = self.terms(run).amount
        doubt, bank = chart.in_doubt(run.book, UNIT, amount.asset), chart.bank(run.book, amount.asset)
        posting = run.transaction("refund-accepted", debit(doubt, amount), credit(bank, amount))
        return Outcome((posting,), result={"refund_payment_id": effect.ref})

    def refused(self, run: Run) -> Outcome:
        terms = self.terms(run)
        doubt = chart.in_doubt(run.book, UNIT, terms.amount.asset)
        back = run.transaction("refund-refused", debit(doubt, terms.amount), credit(terms.account, terms.amount))
        return Outcome((back, self._hold_again(run)))

    def _hold_again(self, run: Run) -> Transaction:
        terms = self.terms(run)
        doubt = chart.in_doubt(run.book, UNIT, terms.amount.asset)
        return run.hold("refund-hold", terms.account, doubt, terms.amount)

    def _held(self, run: Run) -> str:
        """The hold the dollars are under: the flow's, or the one that the refund before this one placed again."""
        return run.earlier_id("refund-hold") if run.generation else self.hold_id(run)

    def waits_for(self, effect: Effect) -> tuple[str, ...]:
        return (f"{UNIT}:payment:{effect.ref}",)

    async def look(self, effect: Effect, outside: Outside) -> AchPayment | None:
        return await payment_now(effect, outside)

    def judge(self, run: Run, effect: Effect, seen: AchPayment | None) -> Progress:
        if seen is None:
            return Stuck("payment-vanished")
        if seen.status is PaymentStatus.SENT:
            return Settled(watches=(watch_of(run, self.terms(run), ACH_PUSH, effect.ref),))
        if seen.status in NOT_DONE:
            return Failed(seen.reason or seen.status.value, self._came_back(run))
        return Waiting()

    def _came_back(self, run: Run) -> Outcome:
        """The refund itself was returned: the dollars are at our bank again, and the customer's, held for another."""
        terms = self.terms(run)
        bank = chart.bank(run.book, terms.amount.asset)
        legs = (debit(bank, terms.amount), credit(terms.account, terms.amount))
        return Outcome((run.transaction("refund-returned", *legs), self._hold_again(run)))

    async def _has_left(self, run: Run, outside: Outside) -> bool:
        """Whether a refund that this one is to replace has left after all: then a recovery books it."""
        earlier = (effect_id(run.saga_id, run.step, Way.UNDO, generation=each) for each in range(run.generation))
        found = [await outside.providers.ach.find_payment(each) for each in earlier]
        return any(each is not None and each.status not in NOT_DONE for each in found)

    def _hold_given_back(self, run: Run) -> Transaction:
        terms = self.terms(run)
        bank = chart.bank(run.book, terms.amount.asset)
        held = hold(self._held(run), terms.account, bank, terms.amount, saga_id=run.saga_id)
        return release(run.transaction_id(run.step, "hold-released"), held, terms.amount)

    def _taken_back(self, run: Run, watch: WatchRecord | None) -> Outcome:
        """The return is booked here, unless a recovery was first: then the hold alone is left to give back."""
        terms = self.terms(run)
        bank = chart.bank(run.book, terms.amount.asset)
        if watch is not None and watch.status is WatchStatus.TRIPPED:
            return Outcome((self._hold_given_back(run),))
        legs = (debit(terms.account, terms.amount), credit(bank, terms.amount))
        posting = run.transaction("pull-returned", *legs, holds=(self._held(run),))
        return Outcome((posting,), companions=() if watch is None else (tripped(watch),))
