"""Money at the card processor: moved to a payee's balance, back again, and out to their card."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from app.ledger.accounts import Account
from app.ledger.transactions import Transaction, credit, debit
from app.money import Money, asset
from app.orchestrator.effects import Effect, Sent
from app.orchestrator.flows import chart
from app.orchestrator.flows.card_topup import STRIPE
from app.orchestrator.flows.params import money
from app.orchestrator.flows.stops import stop_of
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Failed, Outcome, Progress, Run, Settled, Stuck, Waiting
from app.orchestrator.watches import Watch
from app.providers.card_ports import CardPayout, CardPayoutStatus, CardTransfer

CARD_PAYOUT_WATCH = "card-payout"
"""The kind of watches on payouts that were paid."""

FAILURE_WINDOW = timedelta(days=14)
"""How long a payout that was paid may still fail: some five business days, and as many for holidays."""

_BACK = {CardPayoutStatus.FAILED, CardPayoutStatus.CANCELED}
"""The money is in the payee's balance again."""


def _doubt(run: Run) -> Account:
    return chart.in_doubt(run.book, STRIPE, run.params.amount.asset)


def _leaving(run: Run) -> Account:
    return chart.clearing_out(run.book, run.params.amount.asset)


def _moved(
    run: Run, name: str, source: Account | str, to: Account | str, *, holds: tuple[str, ...] = ()
) -> Transaction:
    amount = run.params.amount
    return run.transaction(name, debit(source, amount), credit(to, amount), holds=holds)


def _request(run: Run, direction: str) -> dict[str, Any]:
    amount: Money = run.params.amount
    return {
        "direction": direction,
        "amount": str(amount),
        "currency": amount.asset.code,
        "account_id": run.params.account_id,
        "payee_id": run.results["payee"]["payee_id"],
    }


def _amount(effect: Effect) -> Money:
    return Money.parse(effect.request["amount"], asset(effect.request["currency"]))


@dataclass(frozen=True, slots=True)
class MoveToPayee:
    """Move held dollars to the payee's balance.

    | Moment | DR / CR |
    |---|---|
    | sending | customer / in_doubt:stripe (captures the hold) |
    | accepted | in_doubt:stripe / clearing:out |
    | definitely not done | in_doubt:stripe / customer |
    """

    hold_id: Callable[[Run], str]
    provider: str = STRIPE
    operation: str = "create_transfer"

    async def examine(self, run: Run, outside: Outside) -> Progress | None:
        """A customer who was stopped since acceptance is not paid."""
        stop = await stop_of(run.book, run.params.account_id, outside)
        return None if stop is None else Stuck(stop)

    def request(self, run: Run) -> Mapping[str, Any]:
        return _request(run, "transfer")

    def sending(self, run: Run) -> Outcome:
        posting = _moved(run, "sending", run.params.account_id, _doubt(run), holds=(self.hold_id(run),))
        return Outcome((posting,), result={"recorded_at": run.now})

    async def send(self, effect: Effect, outside: Outside) -> Sent:
        payouts, payee_id = outside.providers.card_payouts, effect.request["payee_id"]
        made = await payouts.transfer(payee_id, _amount(effect), reference=effect.id, key=effect.id)
        return Sent(made.id, seen=made)

    async def find(self, effect: Effect, outside: Outside) -> Sent | None:
        payouts, payee_id = outside.providers.card_payouts, effect.request["payee_id"]
        found = await payouts.find_transfer(payee_id, effect.id, effect.first_sent_at)
        return Sent(found.id, seen=found) if found else None

    def accepted(self, run: Run, effect: Effect) -> Outcome:
        return Outcome((_moved(run, "accepted", _doubt(run), _leaving(run)),), result={"transfer_id": effect.ref})

    def refused(self, run: Run) -> Outcome:
        return Outcome((_moved(run, "refused", _doubt(run), run.params.account_id),))

    def waits_for(self, effect: Effect) -> tuple[str, ...]:
        return (f"{STRIPE}:transfer:{effect.ref}",)

    async def look(self, effect: Effect, outside: Outside) -> CardTransfer | None:
        return await outside.providers.card_payouts.transferred(effect.ref)

    def judge(self, run: Run, effect: Effect, seen: CardTransfer | None) -> Progress:  # noqa: ARG002
        if seen is None:
            return Stuck("transfer-vanished")
        return Stuck("transfer-reversed") if seen.reversed else Settled()


@dataclass(frozen=True, slots=True)
class MoveBack:
    """Undo a move to the payee: take it back whole.

    | Moment | DR / CR |
    |---|---|
    | sending | clearing:out / in_doubt:stripe |
    | accepted | in_doubt:stripe / customer |
    | definitely not done | in_doubt:stripe / clearing:out |
    | somebody else has taken it back | clearing:out / customer |
    """

    provider: str = STRIPE
    operation: str = "create_transfer_reversal"

    async def examine(self, run: Run, outside: Outside) -> Progress | None:
        seen = await outside.providers.card_payouts.transferred(_transfer_id(run))
        if seen is None:
            return Stuck("transfer-vanished")
        if not seen.reversed:
            return None
        if seen.reversed != run.params.amount:
            return Stuck("transfer-reversed-in-part")
        return Settled(Outcome((_moved(run, "back", _leaving(run), run.params.account_id),)))

    def request(self, run: Run) -> Mapping[str, Any]:
        return {**_request(run, "reversal"), "transfer_id": _transfer_id(run)}

    def sending(self, run: Run) -> Outcome:
        return Outcome((_moved(run, "back-sending", _leaving(run), _doubt(run)),))

    async def send(self, effect: Effect, outside: Outside) -> Sent:
        transfer_id = effect.request["transfer_id"]
        payouts = outside.providers.card_payouts
        return Sent(await payouts.reverse_transfer(transfer_id, reference=effect.id, key=effect.id))

    async def find(self, effect: Effect, outside: Outside) -> Sent | None:
        found = await outside.providers.card_payouts.find_reversal(effect.request["transfer_id"], effect.id)
        return Sent(found) if found else None

    def accepted(self, run: Run, effect: Effect) -> Outcome:  # noqa: ARG002
        return Outcome((_moved(run, "back-accepted", _doubt(run), run.params.account_id),))

    def refused(self, run: Run) -> Outcome:
        return Outcome((_moved(run, "back-refused", _doubt(run), _leaving(run)),))

    def waits_for(self, effect: Effect) -> tuple[str, ...]:
        return (f"{STRIPE}:transfer:{effect.request['transfer_id']}",)

    async def look(self, effect: Effect, outside: Outside) -> CardTransfer | None:
        return await outside.providers.card_payouts.transferred(effect.request["transfer_id"])

    def judge(self, run: Run, effect: Effect, seen: CardTransfer | None) -> Progress:  # noqa: ARG002
        if seen is None:
            return Stuck("transfer-vanished")
        return Settled() if seen.reversed == run.params.amount else Waiting()


@dataclass(frozen=True, slots=True)
class PayOut:
    """Pay what was moved out to the payee's card.

    | Moment | DR / CR |
    |---|---|
    | sending | clearing:out / in_doubt:stripe |
    | accepted, or definitely not done | in_doubt:stripe / clearing:out |
    | paid | clearing:out / cards |
    | failed or canceled before it was seen as paid | nothing: the undo of the move gives it back |
    """

    provider: str = STRIPE
    operation: str = "create_payout"

    examine: ClassVar[None] = None

    def request(self, run: Run) -> Mapping[str, Any]:
        return {**_request(run, "payout"), "card_id": run.results["card"]["card_id"]}

    def sending(self, run: Run) -> Outcome:
        return Outcome((_moved(run, "sending", _leaving(run), _doubt(run)),))

    async def send(self, effect: Effect, outside: Outside) -> Sent:
        request, payouts = effect.request, outside.providers.card_payouts
        payee_id, card_id = request["payee_id"], request["card_id"]
        return Sent((await payouts.pay_out(payee_id, card_id, _amount(effect), reference=effect.id, key=effect.id)).id)

    async def find(self, effect: Effect, outside: Outside) -> Sent | None:
        payouts, payee_id = outside.providers.card_payouts, effect.request["payee_id"]
        found = await payouts.find_payout(payee_id, effect.id, effect.first_sent_at)
        return Sent(found.id) if found else None

    def accepted(self, run: Run, effect: Effect) -> Outcome:
        return Outcome((_moved(run, "accepted", _doubt(run), _leaving(run)),), result={"payout_id": effect.ref})

    def refused(self, run: Run) -> Outcome:
        return Outcome((_moved(run, "refused", _doubt(run), _leaving(run)),))

    def waits_for(self, effect: Effect) -> tuple[str, ...]:
        return (f"{STRIPE}:payout:{effect.ref}",)

    async def look(self, effect: Effect, outside: Outside) -> CardPayout | None:
        return await outside.providers.card_payouts.payout(effect.request["payee_id"], effect.ref)

    def judge(self, run: Run, effect: Effect, seen: CardPayout | None) -> Progress:
        if seen is None:
            return Stuck("payout-vanished")
        if seen.status is CardPayoutStatus.PAID:
            paid = _moved(run, "paid", _leaving(run), chart.card_balance(run.book, run.params.amount.asset))
            return Settled(Outcome((paid,)), (_watch(run, effect),))
        if seen.status in _BACK:
            failed = seen.status is CardPayoutStatus.FAILED
            return Failed(seen.reason or seen.status.value, Outcome(result={"failed_at": run.now} if failed else {}))
        return Waiting()


def _watch(run: Run, effect: Effect) -> Watch:
    facts = {
        "amount": money(run.params.amount),
        "account_id": run.params.account_id,
        "payee_id": effect.request["payee_id"],
    }
    return Watch(CARD_PAYOUT_WATCH, f"{STRIPE}:payout:{effect.ref}", run.now + FAILURE_WINDOW, facts)


def _transfer_id(run: Run) -> str:
    return str(run.results["transfer"]["transfer_id"])
