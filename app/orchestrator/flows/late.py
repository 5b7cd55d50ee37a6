"""Recovery: something happened after the end. What it is is fetched, booked as the fact it is, and put before a person.

It is opened by a watch that has tripped, or by an effect that exists although it was concluded that it does not; by the
same observation twice, once. A case opens with it. While the saga concerned is still going, the recovery lets it go on:
it may take the event into account itself (a refund that was not sent is not needed any more), and says so by tripping
the watch. When it has ended, or stands parked, what happened is booked here, and where the customer's bank has taken
money back, their account is frozen in the same commit.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from app.ledger.accounts import Account, main_account
from app.money import Asset, Money
from app.orchestrator.flows import chart
from app.orchestrator.flows.params import Params, read_money
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Progress, Run


class Recovery(Params):
    """What happened (``happened``) to which object of a provider (``ref``), and which step of which saga it concerns.

    ``watch_id`` is the watch that it tripped; None: it contradicts an effect that had ended. ``facts`` are the watch's,
    or the effect's.
    """

    kind: str
    ref: str
    happened: str
    saga_id: str
    step: str
    facts: dict[str, str]
    watch_id: str | None = None

    @property
    def object_id(self) -> str:
        """The provider's own id."""
        return self.ref.rpartition(":")[2]

    @property
    def amount(self) -> Money:
        """What it is about."""
        return read_money(self.facts["amount"])


class Kind(Protocol):
    """One kind of late event. ``freezes``: whether the customer's account is stopped when it is booked."""

    @property
    def freezes(self) -> bool: ...

    async def look(self, object_id: str, facts: Mapping[str, str], outside: Outside) -> Any:
        """The object's current state. Raises what reading from the provider raises."""
        ...

    def happened(self, seen: Any) -> str | None:
        """What that state says has happened, in a word; None: nothing that has not been booked."""
        ...

    def book(self, run: Run, seen: Any) -> Progress:
        """What that makes true, given that something has happened."""
        ...


def customers_account(run: Run, asset: Asset) -> Account | str:
    """The account that it is about, or the customer's own in that currency, opened if they have none.

    What was written off is about the account that it was written off to.
    """
    main = main_account(run.book, run.user_id, asset)
    account_id = run.params.facts.get("account_id", main.id)
    named = {each.id: each for each in (main, chart.write_off(run.book, asset))}
    return named.get(account_id, str(account_id))
