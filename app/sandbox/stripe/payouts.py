"""Payouts: from an account's balance to its own card. Paid is not final."""

from app.sandbox.simulation import Simulation
from app.sandbox.stripe.balances import Balances
from app.sandbox.stripe.events import Events
from app.sandbox.stripe.fates import PAYOUT_FATES
from app.sandbox.stripe.objects import Object, Objects
from app.sandbox.stripe.wire import (
    account_of,
    amount_in,
    currency_in,
    form_of,
    invalid,
    metadata_in,
    refusal,
    text_in,
)
from app.sandbox.vendor import Answer, Call

_DESCRIPTOR_CHARACTERS_MAX = 22


class Payouts:
    """The payouts of connected accounts."""

    def __init__(self, simulation: Simulation, objects: Objects, balances: Balances, events: Events) -> None:
        self._simulation = simulation
        self._objects = objects
        self._balances = balances
        self._events = events

    async def create_payout(self, call: Call) -> Answer:
        fields = form_of(call, "amount", "currency", "method", "destination", "metadata", "statement_descriptor")
        account = account_of(call)
        if not account:
            raise refusal(400, "parameter_missing", "The simulator pays out of connected accounts only.")
        amount, currency = amount_in(fields, at_least=1), currency_in(fields)
        if len(fields.get("statement_descriptor", "")) > _DESCRIPTOR_CHARACTERS_MAX:
            raise invalid("statement_descriptor", "At most 22 characters.")
        card = await self._objects.get("card", text_in(fields, "destination"), account=account, status=400)
        method = fields.get("method", "standard")
        if method not in card["available_payout_methods"]:
            raise invalid("method", "This card is not eligible.", "instant_payouts_unsupported")
        await self._balances.require(account, amount)
        made = await self._objects.make(
            "payout",
            {
                "amount": amount,
                "arrival_date": self._objects.now(),
                "currency": currency,
                "destination": card["id"],
                "failure_code": None,
                "failure_message": None,
                "failure_balance_transaction": None,
                "metadata": metadata_in(fields),
                "method": method,
                "status": "pending",
                "type": "card",
            },
            account=account,
        )
        moved = await self._balances.move("payout", made["id"], -amount, account=account)
        made["balance_transaction"] = moved["id"]
        await self._objects.keep(made)
        await self._events.tell("payout.created", made, account=account, key=call.header("idempotency-key"))
        if _failure(made) != "":
            await self._schedule(made)
        return Answer(made)

    async def get_payout(self, call: Call) -> Answer:
        return Answer(await self._objects.get("payout", call.path("id"), account=account_of(call)))

    async def list_payouts(self, call: Call) -> Answer:
        filters = {"status": "shown.status", "destination": "shown.destination"}
        return await self._objects.listed(call, "payout", filters=filters, account=account_of(call))

    async def cancel_payout(self, call: Call) -> Answer:
        form_of(call)
        payout = await self._objects.get("payout", call.path("id"), account=account_of(call))
        if payout["status"] != "pending":
            raise refusal(400, "payout_not_cancelable", "Only pending payouts can be canceled.")
        return Answer(await self._give_back(payout, "canceled", None))

    async def advance(self, payout_id: str) -> None:
        """The next step of a payout's own way; nothing when it has none."""
        await self._simulation.store.atomically(lambda: self._advance(payout_id))

    async def _advance(self, payout_id: str) -> None:
        account = await self._objects.account_of("payout", payout_id)
        payout = await self._objects.find("payout", payout_id, account=account)
        if payout is None:
            return
        failure = _failure(payout)
        match payout["status"]:
            case "pending":
                payout["status"] = "in_transit"
                await self._objects.keep(payout)
                await self._events.tell("payout.updated", payout, account=account)
                await self._schedule(payout)
            case "in_transit" if failure == "could_not_process":
                await self._give_back(payout, "failed", failure)
            case "in_transit":
                payout["status"] = "paid"
                await self._objects.keep(payout)
                await self._events.tell("payout.paid", payout, account=account)
                if failure:
                    await self._schedule(payout, pauses=8)
            case "paid" if failure:
                await self._give_back(payout, "failed", failure)

    async def fail(self, payout_id: str, failure: str) -> Object:
        """The card's bank sends a payout back, even one that was paid."""
        account = await self._objects.account_of("payout", payout_id)
        payout = await self._objects.get("payout", payout_id, account=account)
        if payout["status"] not in {"pending", "in_transit", "paid"}:
            raise refusal(400, "payout_not_cancelable", "This payout is over.")
        return await self._give_back(payout, "failed", failure)

    async def _give_back(self, payout: Object, status: str, failure: str | None) -> Object:
        account = await self._objects.account_of("payout", payout["id"])
        kind = "payout_failure" if status == "failed" else "payout_cancel"
        moved = await self._balances.move(kind, payout["id"], payout["amount"], account=account)
        payout |= {"status": status, "failure_code": failure, "failure_balance_transaction": moved["id"]}
        await self._objects.keep(payout)
        await self._events.tell(f"payout.{status}", payout, account=account)
        return payout

    async def _schedule(self, payout: Object, *, pauses: int = 1) -> None:
        after_s = pauses * self._simulation.config.pace_s / 2
        await self._simulation.agenda.add("stripe", "advance", payout["id"], after_s=after_s)


def _failure(payout: Object) -> str | None:
    """How it will fail: empty where it never gets anywhere, None where it arrives."""
    return PAYOUT_FATES.get(payout["amount"] % 100, (None, ""))[0]
