"""The card processor of a flow: payments, payees with their cards, money moved to them and back, and payouts."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from app.money import Money, asset
from app.providers.card_ports import (
    CardCharge,
    CardPayment,
    CardPaymentStatus,
    CardPayout,
    CardPayoutStatus,
    CardTransfer,
    Payee,
    PayoutCard,
)
from app.providers.outcomes import Declined
from tests.checker.asking import ask
from tests.checker.things import Thing

if TYPE_CHECKING:
    from tests.checker.flow_ports import Ports

FEE = 300
"""What the processor keeps of a payment, in cents."""

_STATUSES = {
    "open": CardPaymentStatus.OPEN,
    "paid": CardPaymentStatus.SUCCEEDED,
    "canceled": CardPaymentStatus.CANCELED,
}
_PAYOUTS = {
    "pending": CardPayoutStatus.ON_ITS_WAY,
    "paid": CardPayoutStatus.PAID,
    "failed": CardPayoutStatus.FAILED,
}


class Cards:
    """Both ports, over the things of a world."""

    def __init__(self, ports: "Ports") -> None:
        self._ports = ports

    # Payments.

    async def create_payment(self, amount: Money, *, reference: str, key: str) -> CardPayment:

        return _payment(*await ask("make", Thing("charge", key, "open", (amount.minor, amount.asset.code))))

    async def payment(self, payment_id: str) -> CardPayment | None:
        thing = self._ports.named(payment_id, "charge")
        return _payment(payment_id, thing) if thing else None

    async def find_payment(self, reference: str, since: datetime) -> CardPayment | None:

        ref = self._ports.made_by(reference, "charge")
        return await self.payment(ref) if ref else None

    async def cancel_payment(self, payment_id: str, *, key: str) -> CardPayment:

        return _payment(payment_id, await ask("cancel", payment_id))

    async def charge_of(self, payment_id: str) -> CardCharge | None:
        thing = self._ports.named(payment_id, "charge")
        if thing is None or thing.stage != "paid":
            return None
        amount = _amount(thing)
        none = amount - amount
        return CardCharge(payment_id, amount, Money(FEE, amount.asset), none, none, none)

    # Payees and their cards.

    async def create_payee(self, person: object, *, reference: str, key: str) -> str:

        return str((await ask("make", Thing("payee", key, "ready")))[0])

    async def find_payee(self, reference: str, since: datetime) -> str | None:

        return self._ports.made_by(reference, "payee")

    async def payee(self, payee_id: str) -> Payee | None:
        return Payee(payee_id, is_ready=True) if self._ports.named(payee_id, "payee") else None

    async def attach_card(self, payee_id: str, token: object, *, reference: str, key: str) -> PayoutCard:

        return PayoutCard(str((await ask("make", Thing("on file", key, "ready")))[0]), is_instant=True)

    async def card(self, payee_id: str, card_id: str) -> PayoutCard:

        return PayoutCard(card_id, is_instant=True)

    async def find_card(self, payee_id: str, reference: str) -> PayoutCard | None:
        ref = self._ports.made_by(reference, "on file")
        return await self.card(payee_id, ref) if ref else None

    # Money moved to a payee, back, and out.

    async def transfer(self, payee_id: str, amount: Money, *, reference: str, key: str) -> CardTransfer:

        ref, _ = await ask("make", Thing("transfer", key, "moved", (amount.minor, amount.asset.code)))
        return await self._transferred(ref, amount)

    async def transferred(self, transfer_id: str) -> CardTransfer | None:
        thing = self._ports.named(transfer_id, "transfer")
        return await self._transferred(transfer_id, _amount(thing)) if thing else None

    async def find_transfer(self, payee_id: str, reference: str, since: datetime) -> CardTransfer | None:

        ref = self._ports.made_by(reference, "transfer")
        return await self.transferred(ref) if ref else None

    async def _transferred(self, ref: str, amount: Money) -> CardTransfer:
        back = amount if self._holds("reversal", "made") else amount - amount
        return CardTransfer(ref, amount, back, None)

    async def reverse_transfer(self, transfer_id: str, *, reference: str, key: str) -> str:
        """Only what the payee still has can be taken back."""

        if self._holds("reversal", "made") or self._holds("payout", "pending") or self._holds("payout", "paid"):
            raise Declined("stripe", "balance_insufficient")
        return str((await ask("make", Thing("reversal", key, "made")))[0])

    async def find_reversal(self, transfer_id: str, reference: str) -> str | None:

        return self._ports.made_by(reference, "reversal")

    async def pay_out(self, payee_id: str, card_id: str, amount: Money, *, reference: str, key: str) -> CardPayout:

        return _payout(*await ask("make", Thing("payout", key, "pending", (amount.minor, amount.asset.code))))

    async def payout(self, payee_id: str, payout_id: str) -> CardPayout | None:

        thing = self._ports.named(payout_id, "payout")
        return _payout(payout_id, thing) if thing else None

    async def find_payout(self, payee_id: str, reference: str, since: datetime) -> CardPayout | None:

        ref = self._ports.made_by(reference, "payout")
        return await self.payout(payee_id, ref) if ref else None

    def _holds(self, kind: str, stage: str) -> bool:
        return any((each.kind, each.stage) == (kind, stage) for each in self._ports.things)


def _amount(thing: Thing) -> Money:
    minor, code = thing.facts
    return Money(minor, asset(code))


def _payment(ref: str, thing: Any) -> CardPayment:
    return CardPayment(ref, _amount(thing), _STATUSES[thing.stage], thing.key)


def _payout(ref: str, thing: Any) -> CardPayout:
    return CardPayout(ref, _amount(thing), _PAYOUTS[thing.stage], None, thing.key)
