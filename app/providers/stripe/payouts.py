"""Stripe as the one who pays debit cards, by Connect: a connected account for each payee.

A payout goes only to a card of the account whose balance it draws on, so money first moves to the payee's account.
"""

from datetime import datetime

from pydantic import SecretStr

from app.money import Money
from app.providers.card_ports import CardPayout, CardTransfer, Payee, PayoutCard
from app.providers.outcomes import OutcomeUnknown
from app.providers.ports import Person
from app.providers.stripe import wire
from app.providers.stripe.line import PROVIDER, find, get, post
from app.providers.transport import Transport, segment


class StripePayouts:
    """Satisfies PaysCards."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def create_payee(self, person: Person, *, reference: str, key: str) -> str:
        fields = {
            "business_type": "individual",
            "individual": wire.individual(person),
            "controller": {
                "stripe_dashboard": {"type": "none"},
                "fees": {"payer": "application"},
                "losses": {"payments": "application"},
                "requirement_collection": "application",
            },
            "country": "US",
            "capabilities": {"transfers": {"requested": True}},
            "metadata": {wire.REFERENCE: reference},
        }
        reply = await post(self._transport, "create_account", "/v1/accounts", fields, key=key)
        return reply.read(wire.object_id)

    async def find_payee(self, reference: str, since: datetime) -> str | None:
        found = await find(self._transport, "list_accounts", "/v1/accounts", reference, since=since)
        return wire.object_id(found) if found else None

    async def payee(self, payee_id: str) -> Payee | None:
        return await get(self._transport, "get_account", _payee(payee_id), wire.payee)

    async def attach_card(self, payee_id: str, token: SecretStr, *, reference: str, key: str) -> PayoutCard:
        fields = {"external_account": token.get_secret_value(), "metadata": {wire.REFERENCE: reference}}
        path = f"{_payee(payee_id)}/external_accounts"
        return (await post(self._transport, "create_external_account", path, fields, key=key)).read(wire.card)

    async def card(self, payee_id: str, card_id: str) -> PayoutCard | None:
        path = f"{_payee(payee_id)}/external_accounts/{segment(PROVIDER, card_id)}"
        return await get(self._transport, "get_external_account", path, wire.card)

    async def find_card(self, payee_id: str, reference: str) -> PayoutCard | None:
        path = f"{_payee(payee_id)}/external_accounts"
        found = await find(self._transport, "list_external_accounts", path, reference, params={"object": "card"})
        return wire.card(found) if found else None

    async def transfer(self, payee_id: str, amount: Money, *, reference: str, key: str) -> CardTransfer:
        fields = {**wire.priced(amount), "destination": payee_id, "metadata": {wire.REFERENCE: reference}}
        reply = await post(self._transport, "create_transfer", "/v1/transfers", fields, key=key)
        made = reply.read(wire.transfer)
        if (made.reference, made.amount) != (reference, amount):
            raise OutcomeUnknown(PROVIDER, "another-transfer")
        return made

    async def transferred(self, transfer_id: str) -> CardTransfer | None:
        return await get(self._transport, "get_transfer", _transfer(transfer_id), wire.transfer)

    async def find_transfer(self, payee_id: str, reference: str, since: datetime) -> CardTransfer | None:
        params = {"destination": payee_id}
        found = await find(self._transport, "list_transfers", "/v1/transfers", reference, since=since, params=params)
        return wire.transfer(found) if found else None

    async def reverse_transfer(self, transfer_id: str, *, reference: str, key: str) -> str:
        fields = {"metadata": {wire.REFERENCE: reference}}
        path = f"{_transfer(transfer_id)}/reversals"
        return (await post(self._transport, "create_transfer_reversal", path, fields, key=key)).read(wire.object_id)

    async def find_reversal(self, transfer_id: str, reference: str) -> str | None:
        path = f"{_transfer(transfer_id)}/reversals"
        found = await find(self._transport, "list_transfer_reversals", path, reference)
        return wire.object_id(found) if found else None

    async def pay_out(self, payee_id: str, card_id: str, amount: Money, *, reference: str, key: str) -> CardPayout:
        fields = {
            **wire.priced(amount),
            "method": "instant",
            "destination": card_id,
            "metadata": {wire.REFERENCE: reference},
        }
        reply = await post(self._transport, "create_payout", "/v1/payouts", fields, key=key, payee_id=payee_id)
        made = reply.read(wire.payout)
        if (made.reference, made.amount) != (reference, amount):
            raise OutcomeUnknown(PROVIDER, "another-payout")
        return made

    async def payout(self, payee_id: str, payout_id: str) -> CardPayout | None:
        path = f"/v1/payouts/{segment(PROVIDER, payout_id)}"
        return await get(self._transport, "get_payout", path, wire.payout, payee_id=payee_id)

    async def find_payout(self, payee_id: str, reference: str, since: datetime) -> CardPayout | None:
        found = await find(self._transport, "list_payouts", "/v1/payouts", reference, since=since, payee_id=payee_id)
        return wire.payout(found) if found else None


def _payee(payee_id: str) -> str:
    return f"/v1/accounts/{segment(PROVIDER, payee_id)}"


def _transfer(transfer_id: str) -> str:
    return f"/v1/transfers/{segment(PROVIDER, transfer_id)}"
