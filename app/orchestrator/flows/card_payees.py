"""Whom the card processor pays: a payee for each customer, once, and the card of this payout. Nothing moves here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from app.identity.users import reference_of
from app.ledger.changes import Companion
from app.orchestrator.effects import Effect, Sent
from app.orchestrator.flows.card_topup import STRIPE
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Failed, Outcome, Progress, Ready, Run, Settled, Stuck, Waiting
from app.providers.card_ports import Payee, PayoutCard


@dataclass(frozen=True, slots=True)
class PayeeSeen:
    """A payee, None if there is no such one; ``known``: the customer's, if they have one."""

    payee: Payee | None
    known: str | None


@dataclass(frozen=True, slots=True)
class Enrol:
    """Make the customer a payee, unless they are one. Of two made at the same moment, one stays unused and empty.

    Who they are is fetched for every send, and is in nothing that is stored. A payee of whom the vendor wants to know
    more can be paid nothing: a person tells it there, and retries.
    """

    owner: Callable[[Run], str]
    provider: str = STRIPE
    operation: str = "create_account"

    async def examine(self, run: Run, outside: Outside) -> Progress | Ready:
        known = await outside.kept.card_payee(self.owner(run))
        if known is not None:
            return Settled(Outcome(result={"payee_id": known}))
        applicant = await outside.providers.people.applicant_for(reference_of(run.book, run.user_id))
        return Ready({"applicant_id": applicant.id})

    def request(self, run: Run) -> Mapping[str, Any]:
        return {"owner": self.owner(run)}

    def sending(self, run: Run) -> Outcome:  # noqa: ARG002
        return Outcome()

    async def send(self, effect: Effect, outside: Outside) -> Sent:
        person = await outside.providers.people.person(effect.request["applicant_id"])
        return Sent(await outside.providers.card_payouts.create_payee(person, reference=effect.id, key=effect.id))

    async def find(self, effect: Effect, outside: Outside) -> Sent | None:
        found = await outside.providers.card_payouts.find_payee(effect.id, effect.first_sent_at)
        return Sent(found) if found else None

    def accepted(self, run: Run, effect: Effect) -> Outcome:  # noqa: ARG002
        return Outcome()

    def refused(self, run: Run) -> Outcome:  # noqa: ARG002
        return Outcome()

    def waits_for(self, effect: Effect) -> tuple[str, ...]:
        return (f"{STRIPE}:account:{effect.ref}",)

    async def look(self, effect: Effect, outside: Outside) -> PayeeSeen:
        payee = await outside.providers.card_payouts.payee(effect.ref)
        return PayeeSeen(payee, await outside.kept.card_payee(effect.request["owner"]))

    def judge(self, run: Run, effect: Effect, seen: PayeeSeen) -> Progress:
        if seen.known is not None:
            return Settled(Outcome(result={"payee_id": seen.known}))
        if seen.payee is None:
            return Stuck("payee-vanished")
        if not seen.payee.is_ready:
            return Stuck("payee-details-due") if seen.payee.due else Waiting()
        return Settled(Outcome(companions=(self._noted(run, effect.ref),), result={"payee_id": effect.ref}))

    def _noted(self, run: Run, payee_id: str) -> Companion:
        """The user, with their payee. Nobody else writes this field, so whose user it is guards enough."""
        guard = {"tenant": run.book, "user_id": run.user_id}
        return Companion("users", self.owner(run), guard, {"card_payee_id": payee_id})


@dataclass(frozen=True, slots=True)
class PutOnFile:
    """Put the card on file for the payee. One that cannot be paid at once ends the payout here."""

    provider: str = STRIPE
    operation: str = "create_external_account"

    examine: ClassVar[None] = None

    def request(self, run: Run) -> Mapping[str, Any]:
        return {"payee_id": run.results["payee"]["payee_id"], "card_token": run.params.card_token}

    def sending(self, run: Run) -> Outcome:  # noqa: ARG002
        return Outcome()

    async def send(self, effect: Effect, outside: Outside) -> Sent:
        token = outside.sealer.open_text(effect.request["card_token"], effect.saga_id)
        payouts, payee_id = outside.providers.card_payouts, effect.request["payee_id"]
        card = await payouts.attach_card(payee_id, token, reference=effect.id, key=effect.id)
        return Sent(card.id, seen=card)

    async def find(self, effect: Effect, outside: Outside) -> Sent | None:
        card = await outside.providers.card_payouts.find_card(effect.request["payee_id"], effect.id)
        return Sent(card.id, seen=card) if card else None

    def accepted(self, run: Run, effect: Effect) -> Outcome:  # noqa: ARG002
        return Outcome(result={"card_id": effect.ref})

    def refused(self, run: Run) -> Outcome:  # noqa: ARG002
        return Outcome()

    def waits_for(self, effect: Effect) -> tuple[str, ...]:
        return (f"{STRIPE}:card:{effect.ref}",)

    async def look(self, effect: Effect, outside: Outside) -> PayoutCard | None:
        return await outside.providers.card_payouts.card(effect.request["payee_id"], effect.ref)

    def judge(self, run: Run, effect: Effect, seen: PayoutCard | None) -> Progress:  # noqa: ARG002
        if seen is None:
            return Stuck("card-vanished")
        return Settled() if seen.is_instant else Failed("instant-payouts-unsupported")
