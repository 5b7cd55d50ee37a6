"""Unit as the bank that moves ACH: translate, call, translate."""

from datetime import timedelta

from pydantic import SecretStr

from app.providers.capabilities import Capabilities
from app.providers.outcomes import Declined, OutcomeUnknown, code_of
from app.providers.ports import AchOrder, AchPayment, PaymentStatus
from app.providers.transport import Transport, segment
from app.providers.unit import wire
from app.providers.unit.line import MEDIA_TYPE, PROVIDER, command, find, get, make

__all__ = ["CAPABILITIES", "PROVIDER", "UnitAdapter", "request_headers"]

CAPABILITIES = Capabilities(
    idempotency="body-key",
    key_lifetime=timedelta(hours=48),
    safe_resend_age=timedelta(hours=40),  # past 48 h the same key pays twice; eight hours of margin
    read_lag=timedelta(seconds=5),
    cancels=True,
    provider_fence="key",
    finality="a debit may be returned for 60 days after it was sent; a credit for two banking days",
    differs={
        "cancel_payment": "no key; only while the payment is pending",
        "book_payment": "final at once; undone by another one",
        "create_application": "final when it is approved, denied or cancelled",
        "freeze_account": "no key; asked again, it is found frozen",
        "freeze_card": "no key; asked again, it is found frozen",
    },
)


def request_headers(token: SecretStr) -> dict[str, str]:
    """What every call to Unit carries."""
    return {"Authorization": f"Bearer {token.get_secret_value()}", "Accept": MEDIA_TYPE}


class UnitAdapter:
    """Satisfies MovesAch. Payments move between the customer's bank and one deposit account of ours."""

    capabilities = CAPABILITIES

    def __init__(self, transport: Transport, *, account_id: str) -> None:
        self._transport = transport
        self._account_id = account_id

    async def create_payment(self, order: AchOrder, *, key: str) -> AchPayment:
        """Make the payment, or find the one that this key has made already.

        Raises Declined (also for one that was born rejected: a 201 is not acceptance), Unavailable, OutcomeUnknown.
        """
        body = wire.payment_request(order, key=key, account_id=self._account_id)
        payment = await make(self._transport, "create_payment", "/payments", body, wire.payment, "get_payment")
        return _accepted(payment, order)

    async def payment(self, payment_id: str) -> AchPayment | None:
        return await get(self._transport, "get_payment", _path(payment_id), wire.payment)

    async def find_payment(self, reference: str) -> AchPayment | None:
        return await find(self._transport, "list_payments", "/payments", reference, wire.payment_among)

    async def cancel_payment(self, payment_id: str) -> AchPayment:
        return await command(self._transport, "cancel_payment", f"{_path(payment_id)}/cancel", wire.payment)


def _path(payment_id: str) -> str:
    return f"/payments/{segment(PROVIDER, payment_id)}"


def _accepted(payment: AchPayment, order: AchOrder) -> AchPayment:
    if (payment.reference, payment.direction, payment.amount) != (order.reference, order.direction, order.amount):
        raise OutcomeUnknown(PROVIDER, "another-payment")
    if payment.status is PaymentStatus.REJECTED:
        raise Declined(PROVIDER, code_of(payment.reason, "rejected"))
    return payment
