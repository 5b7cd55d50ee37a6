"""Unit as the bank that keeps customers' accounts: translate, call, translate."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import TypeVar

from app.clock import rfc3339
from app.providers.bank_ports import (
    AccountNumbers,
    Application,
    BookOrder,
    BookPayment,
    DepositAccount,
)
from app.providers.events import WebhookEvent
from app.providers.outcomes import Declined, OutcomeUnknown, code_of
from app.providers.ports import Person
from app.providers.transport import Transport, segment
from app.providers.unit import accounts_wire as wire
from app.providers.unit.line import PROVIDER, command, find, get, make
from app.providers.unit.webhooks import events_of

_EVENTS_A_PAGE = 100

T = TypeVar("T", Application, DepositAccount)


class UnitAccounts:
    """Satisfies KeepsAccounts, MovesInside and TellsEvents. ``product`` is the deposit product of new accounts."""

    def __init__(self, transport: Transport, *, product: str) -> None:
        self._transport = transport
        self._product = product

    async def apply(self, person: Person, *, reference: str, key: str) -> Application:
        """Apply for a customer, or find the application that this key has made already.

        Raises Declined (also for a person whom the bank does not serve), Unavailable, OutcomeUnknown.
        """
        try:
            body = wire.application_request(person, reference=reference, key=key)
        except ValueError:  # without its cause: it would show whom it was about
            raise Declined(PROVIDER, "person-not-served") from None
        made = await make(
            self._transport, "create_application", "/applications", body, wire.application, "get_application"
        )
        return _own(made, reference)

    async def application(self, application_id: str) -> Application | None:
        path = f"/applications/{segment(PROVIDER, application_id)}"
        return await get(self._transport, "get_application", path, wire.application)

    async def find_application(self, reference: str) -> Application | None:
        return await find(self._transport, "list_applications", "/applications", reference, wire.application_among)

    async def open_account(self, customer_id: str, *, reference: str, key: str) -> DepositAccount:
        """Open an account, or find the one that this key has opened already."""
        body = wire.account_request(customer_id, product=self._product, reference=reference, key=key)
        return _own(
            await make(self._transport, "create_account", "/accounts", body, wire.account, "get_account"), reference
        )

    async def account(self, account_id: str) -> DepositAccount | None:
        return await get(self._transport, "get_account", _account_path(account_id), wire.account)

    async def find_account(self, reference: str) -> DepositAccount | None:
        return await find(self._transport, "list_accounts", "/accounts", reference, wire.account_among)

    async def account_numbers(self, account_id: str) -> AccountNumbers | None:
        return await get(self._transport, "get_account", _account_path(account_id), wire.account_numbers)

    async def freeze_account(self, account_id: str, reason: str) -> DepositAccount:
        path = f"{_account_path(account_id)}/freeze"
        return await command(self._transport, "freeze_account", path, wire.account, wire.freeze_request(reason))

    async def unfreeze_account(self, account_id: str) -> DepositAccount:
        path = f"{_account_path(account_id)}/unfreeze"
        return await command(self._transport, "unfreeze_account", path, wire.account)

    async def close_account(self, account_id: str) -> DepositAccount:
        path = f"{_account_path(account_id)}/close"
        return await command(self._transport, "close_account", path, wire.account, wire.close_request())

    async def move(self, order: BookOrder, *, key: str) -> BookPayment:
        """Move money inside the bank, or find the movement that this key has made already.

        Raises Declined (also for one that was born rejected), Unavailable, OutcomeUnknown.
        """

        def accepted(body: object) -> tuple[BookPayment, str | None]:
            return wire.book_payment(body), wire.rejection_of(body)

        body = wire.book_request(order, key=key)
        made, rejection = await make(self._transport, "create_payment", "/payments", body, accepted, "get_payment")
        if made.reference != order.reference or made.amount != order.amount:
            raise OutcomeUnknown(PROVIDER, "another-payment")
        if rejection is not None:
            raise Declined(PROVIDER, code_of(rejection, "rejected"))
        return made

    async def find_movement(self, reference: str) -> BookPayment | None:
        return await find(self._transport, "list_payments", "/payments", reference, wire.book_payment_among)

    async def events_since(self, since: datetime) -> AsyncIterator[tuple[WebhookEvent, ...]]:
        """The oldest first, so that what happens meanwhile is found at the end and moves no page."""
        seen = 0
        while page := await self._events(since, seen):
            yield page
            seen += len(page)

    async def _events(self, since: datetime, offset: int) -> tuple[WebhookEvent, ...]:
        params = {
            "filter[since]": rfc3339(since),
            "page[limit]": str(_EVENTS_A_PAGE),
            "page[offset]": str(offset),
            "sort": "createdAt",
        }
        reply = await self._transport.request("list_events", "GET", "/events", params=params)
        return reply.read(lambda body: events_of(body["data"]))


def _account_path(account_id: str) -> str:
    return f"/accounts/{segment(PROVIDER, account_id)}"


def _own(made: T, reference: str) -> T:
    if made.reference != reference:
        raise OutcomeUnknown(PROVIDER, "another-resource")
    return made
