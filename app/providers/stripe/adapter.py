"""Stripe as the one who takes cards: translate, call, translate."""

from datetime import datetime, timedelta

from pydantic import SecretStr

from app.money import Money
from app.providers.capabilities import Capabilities
from app.providers.card_ports import CardCharge, CardPayment, CardPaymentStatus
from app.providers.outcomes import OutcomeUnknown, Unavailable
from app.providers.stripe import wire
from app.providers.stripe.line import API_VERSION, PROVIDER, find, get, post
from app.providers.transport import Transport, segment

__all__ = ["CAPABILITIES", "PROVIDER", "StripeCards", "request_headers"]

CAPABILITIES = Capabilities(
    idempotency="header-key",
    key_lifetime=timedelta(hours=24),
    safe_resend_age=timedelta(hours=20),  # keys are kept for 24 h at least; four hours of margin
    read_lag=timedelta(seconds=5),
    cancels=True,
    provider_fence="key",
    finality="never: a payment may be disputed for months, and a payout that was paid may fail within some days",
    differs={
        "create_transfer": "undone by a reversal, not cancelled",
        "create_payout": "cancelled only while it is pending; paid may become failed within about five banking days",
        "create_external_account": "a card token works once; a lost answer is looked for among the cards of the payee",
    },
)

_PAYMENTS = "/v1/payment_intents"
_OVER = {CardPaymentStatus.CANCELED, CardPaymentStatus.SUCCEEDED}


def request_headers(secret_key: SecretStr) -> dict[str, str]:
    """What every call to Stripe carries."""
    return {"Authorization": f"Bearer {secret_key.get_secret_value()}", "Stripe-Version": API_VERSION}


class StripeCards:
    """Satisfies TakesCards. Payments go to the balance of our own account."""

    capabilities = CAPABILITIES

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def create_payment(self, amount: Money, *, reference: str, key: str) -> CardPayment:
        """A payment that waits for the customer's card, captured at once when they confirm it.

        Raises Declined, Unavailable, OutcomeUnknown.
        """
        fields = {
            **wire.priced(amount),
            "payment_method_types": ["card"],
            "capture_method": "automatic",
            "metadata": {wire.REFERENCE: reference},
        }
        made = (await post(self._transport, "create_payment_intent", _PAYMENTS, fields, key=key)).read(wire.payment)
        if (made.reference, made.amount) != (reference, amount):
            raise OutcomeUnknown(PROVIDER, "another-payment")
        return made

    async def payment(self, payment_id: str) -> CardPayment | None:
        return await get(self._transport, "get_payment_intent", _path(payment_id), wire.payment)

    async def find_payment(self, reference: str, since: datetime) -> CardPayment | None:
        found = await find(self._transport, "list_payment_intents", _PAYMENTS, reference, since=since)
        return wire.payment(found) if found else None

    async def cancel_payment(self, payment_id: str, *, key: str) -> CardPayment:
        """Cancel it. One that is over already is refused by the vendor, and is what was to be found out.

        Raises Declined, Unavailable (a card is being charged right now), OutcomeUnknown.
        """
        deadline = self._transport.deadline()
        path = f"{_path(payment_id)}/cancel"
        reply = await post(
            self._transport,
            "cancel_payment_intent",
            path,
            {"cancellation_reason": "abandoned"},
            key=key,
            accept=frozenset({400}),
            deadline=deadline,
        )
        if reply.succeeded:
            return reply.read(wire.payment)
        if reply.code != "payment_intent_unexpected_state":
            raise reply.refusal()
        found = await get(self._transport, "get_payment_intent", _path(payment_id), wire.payment, deadline=deadline)
        if found is None or found.status not in _OVER:
            raise Unavailable(PROVIDER, "payment-in-progress")
        return found

    async def charge_of(self, payment_id: str) -> CardCharge | None:
        deadline = self._transport.deadline()
        read = await get(
            self._transport,
            "get_payment_intent",
            _path(payment_id),
            dict,
            params={"expand[]": "latest_charge.balance_transaction"},
            deadline=deadline,
        )
        if read is None or not isinstance(read.get("latest_charge"), dict):
            return None
        disputes = await self._disputes(payment_id, deadline) if read["latest_charge"].get("disputed") else []
        try:
            return wire.charge(read, disputes)
        except (LookupError, TypeError, ValueError):
            raise Unavailable(PROVIDER, "unintelligible") from None

    async def _disputes(self, payment_id: str, deadline: float) -> list[object]:
        """All of them: a charge has few."""
        params = {"payment_intent": payment_id, "limit": "100"}
        listed = await get(
            self._transport, "list_disputes", "/v1/disputes", wire.page, params=params, deadline=deadline
        )
        return listed[0] if listed else []


def _path(payment_id: str) -> str:
    return f"{_PAYMENTS}/{segment(PROVIDER, payment_id)}"
