"""Unit as the bank that moves ACH: translate, call, translate."""

from datetime import timedelta

from pydantic import SecretStr

from app.providers import exact_json
from app.providers.capabilities import Capabilities
from app.providers.outcomes import Declined, OutcomeUnknown, Unavailable, code_of
from app.providers.ports import AchOrder, AchPayment, PaymentStatus
from app.providers.transport import Transport, segment
from app.providers.unit import wire

PROVIDER = "unit"
CAPABILITIES = Capabilities(
    idempotency="body-key",
    key_lifetime=timedelta(hours=48),
    safe_resend_age=timedelta(hours=40),  # past 48 h the same key pays twice; eight hours of margin
    read_lag=timedelta(seconds=5),
    cancels=True,
    provider_fence="key",
    finality="a debit may be returned for 60 days after it was sent; a credit for two banking days",
)

_MEDIA_TYPE = "application/vnd.api+json"


def request_headers(token: SecretStr) -> dict[str, str]:
    """What every call to Unit carries."""
    return {"Authorization": f"Bearer {token.get_secret_value()}", "Accept": _MEDIA_TYPE}


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
        deadline = self._transport.deadline()
        reply = await self._transport.request(
            "create_payment",
            "POST",
            "/payments",
            json=wire.payment_request(order, key=key, account_id=self._account_id),
            headers={"Content-Type": _MEDIA_TYPE},
            accept={409},
            deadline=deadline,
        )
        if reply.succeeded:
            payment = reply.read(wire.payment)
        elif reply.code == "already_exists":
            payment = await self._existing(reply.read(wire.existing_id), deadline)
        else:
            raise reply.refusal()
        return _accepted(payment, order)

    async def payment(self, payment_id: str) -> AchPayment | None:
        return await self._payment(payment_id, None)

    async def find_payment(self, reference: str) -> AchPayment | None:
        tags = exact_json.dumps({wire.REFERENCE_TAG: reference})
        params = {"filter[tags]": tags, "page[limit]": "100"}
        reply = await self._transport.request("list_payments", "GET", "/payments", params=params)
        return reply.read(lambda body: wire.payment_among(body, reference))

    async def cancel_payment(self, payment_id: str) -> AchPayment:
        path = f"/payments/{segment(PROVIDER, payment_id)}/cancel"
        headers = {"Content-Type": _MEDIA_TYPE}
        reply = await self._transport.request("cancel_payment", "POST", path, headers=headers)
        return reply.read(wire.payment)

    async def _payment(self, payment_id: str, deadline: float | None) -> AchPayment | None:
        path = f"/payments/{segment(PROVIDER, payment_id)}"
        reply = await self._transport.request("get_payment", "GET", path, accept={400, 404}, deadline=deadline)
        if wire.is_not_found(reply.code):
            return None
        if not reply.succeeded:
            raise reply.refusal()
        return reply.read(wire.payment)

    async def _existing(self, payment_id: str, deadline: float) -> AchPayment:
        """The payment made earlier under the same key. That it cannot be read now does not make it undone."""
        try:
            payment = await self._payment(payment_id, deadline)
        except (Unavailable, Declined) as refusal:
            raise OutcomeUnknown(PROVIDER, refusal.reason) from None
        if payment is None:
            raise OutcomeUnknown(PROVIDER, "already-exists")
        return payment


def _accepted(payment: AchPayment, order: AchOrder) -> AchPayment:
    if (payment.reference, payment.direction, payment.amount) != (order.reference, order.direction, order.amount):
        raise OutcomeUnknown(PROVIDER, "another-payment")
    if payment.status is PaymentStatus.REJECTED:
        raise Declined(PROVIDER, code_of(payment.reason, "rejected"))
    return payment
