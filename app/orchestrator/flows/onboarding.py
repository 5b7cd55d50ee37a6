"""Onboarding: from a started identity verification to a customer of the partner bank with a deposit account.

It waits for the verdict, which may take days and several attempts. Once the person is verified, what the bank must know
of them is taken from the verification vendor and handed on, without being kept here; the bank reviews in its own time,
and a customer gets one account. A final no of either ends it. From approval on it only goes forward.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from app.ids import stored_id
from app.ledger.changes import Companion
from app.orchestrator.effects import Effect, Sent
from app.orchestrator.flows.ach import UNIT
from app.orchestrator.flows.params import Params
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Failed, Look, Outcome, Progress, Run, Saga, Settled, Step, Stuck, Waiting
from app.providers.bank_ports import Application, ApplicationStatus, DepositAccount, DepositAccountStatus

_REFUSED = {ApplicationStatus.DENIED, ApplicationStatus.CANCELED}


class Onboarding(Params):
    """Whose verification it waits for: the applicant at the verification vendor."""

    applicant_id: str


def accept(_run: Run) -> Outcome:
    """Nothing is known yet."""
    return Outcome()


async def hear_verdict(run: Run, outside: Outside) -> Progress:
    """Wait until the person is verified, or refused for good; a retry is still a wait."""
    onboarding: Onboarding = run.params
    review = await outside.reviews.fetch(onboarding.applicant_id)
    if review is None:
        return Stuck("applicant-vanished")
    match review.level:
        case "verified":
            return Settled()
        case "rejected":
            return Failed("rejected")
        case _:
            return Waiting(refs=(f"sumsub:applicant:{onboarding.applicant_id}",))


@dataclass(frozen=True, slots=True)
class Apply:
    """Apply at the bank for the verified person. Nothing moves, so nothing is booked.

    The person is fetched for every send and is in nothing that is stored: not in the effect, not in a result.
    """

    provider: str = UNIT
    operation: str = "create_application"

    examine: ClassVar[None] = None

    def request(self, run: Run) -> Mapping[str, Any]:
        return {"applicant_id": run.params.applicant_id}

    def sending(self, run: Run) -> Outcome:  # noqa: ARG002
        return Outcome()

    async def send(self, effect: Effect, outside: Outside) -> Sent:
        person = await outside.providers.people.person(effect.request["applicant_id"])
        return Sent((await outside.providers.accounts.apply(person, reference=effect.id, key=effect.id)).id)

    async def find(self, effect: Effect, outside: Outside) -> Sent | None:
        application = await outside.providers.accounts.find_application(effect.id)
        return Sent(application.id) if application else None

    def accepted(self, run: Run, effect: Effect) -> Outcome:  # noqa: ARG002
        return Outcome(result={"application_id": effect.ref})

    def refused(self, run: Run) -> Outcome:  # noqa: ARG002
        return Outcome()

    def waits_for(self, effect: Effect) -> tuple[str, ...]:
        return (f"{UNIT}:application:{effect.ref}",)

    async def look(self, effect: Effect, outside: Outside) -> Application | None:
        return await outside.providers.accounts.application(effect.ref)

    def judge(self, run: Run, effect: Effect, seen: Application | None) -> Progress:  # noqa: ARG002
        if seen is None:
            return Stuck("application-vanished")
        if seen.status in _REFUSED:
            return Failed(seen.status.value)
        if seen.status is not ApplicationStatus.APPROVED:
            return Waiting()
        if seen.customer_id is None:
            return Stuck("approved-without-customer")
        return Settled(Outcome(result={"customer_id": seen.customer_id}))


@dataclass(frozen=True, slots=True)
class OpenAccount:
    """Open the customer's deposit account, and note on the user which one it is, and the end of its number."""

    provider: str = UNIT
    operation: str = "create_account"

    examine: ClassVar[None] = None

    def request(self, run: Run) -> Mapping[str, Any]:
        return {"customer_id": run.results["apply"]["customer_id"]}

    def sending(self, run: Run) -> Outcome:  # noqa: ARG002
        return Outcome()

    async def send(self, effect: Effect, outside: Outside) -> Sent:
        accounts, customer_id = outside.providers.accounts, effect.request["customer_id"]
        account = await accounts.open_account(customer_id, reference=effect.id, key=effect.id)
        return Sent(account.id, seen=account)

    async def find(self, effect: Effect, outside: Outside) -> Sent | None:
        account = await outside.providers.accounts.find_account(effect.id)
        return Sent(account.id, seen=account) if account else None

    def accepted(self, run: Run, effect: Effect) -> Outcome:  # noqa: ARG002
        return Outcome(result={"deposit_account_id": effect.ref})

    def refused(self, run: Run) -> Outcome:  # noqa: ARG002
        return Outcome()

    def waits_for(self, effect: Effect) -> tuple[str, ...]:  # noqa: ARG002
        return ()

    async def look(self, effect: Effect, outside: Outside) -> DepositAccount | None:
        return await outside.providers.accounts.account(effect.ref)

    def judge(self, run: Run, effect: Effect, seen: DepositAccount | None) -> Progress:  # noqa: ARG002
        if seen is None or seen.status is DepositAccountStatus.CLOSED:
            return Stuck("account-vanished")
        if seen.status is DepositAccountStatus.UNRECOGNISED:
            return Waiting()
        return Settled(Outcome(companions=(_banked(run, seen),)))


def _banked(run: Run, account: DepositAccount) -> Companion:
    """The user, with their account at the bank. Nobody else writes these fields, so whose user it is guards enough:
    a guard on the version would collide with every verdict that comes in meanwhile.
    """
    document = {
        "bank_customer_id": account.customer_id,
        "deposit_account_id": account.id,
        "deposit_account_mask": account.mask,
    }
    guard = {"tenant": run.book, "user_id": run.user_id}
    return Companion("users", stored_id(run.book, run.user_id), guard, document)


ONBOARDING = Saga(
    "onboarding",
    version=1,
    params=Onboarding,
    steps=(
        Step("record", lambda _: "the identity verification was started", do=accept),
        Step("verify", lambda _: "the person was verified", do=Look(hear_verdict)),
        Step("apply", lambda _: "the bank has taken the person as its customer", do=Apply(), pivot=True),
        Step("open", lambda _: "a deposit account was opened at the bank", do=OpenAccount()),
    ),
)
