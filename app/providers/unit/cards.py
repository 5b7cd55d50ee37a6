"""Unit as the bank that issues virtual cards: translate, call, translate."""

from app.providers.bank_ports import CardAuthorization, CardMovement, CardRequest, IssuedCard
from app.providers.outcomes import OutcomeUnknown
from app.providers.transport import Transport, segment
from app.providers.unit import cards_wire as wire
from app.providers.unit.line import PROVIDER, command, find, get, make


class UnitCards:
    """Satisfies IssuesCards."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def issue_card(self, account_id: str, *, reference: str, key: str) -> IssuedCard:
        """Issue a card, or find the one that this key has issued already.

        Raises Declined, Unavailable, OutcomeUnknown.
        """
        body = wire.card_order(account_id, reference=reference, key=key)
        made = await make(self._transport, "create_card", "/cards", body, wire.card, "get_card")
        if made.reference != reference:
            raise OutcomeUnknown(PROVIDER, "another-card")
        return made

    async def card(self, card_id: str) -> IssuedCard | None:
        return await get(self._transport, "get_card", _path(card_id), wire.card)

    async def find_card(self, reference: str) -> IssuedCard | None:
        return await find(self._transport, "list_cards", "/cards", reference, wire.card_among)

    async def freeze_card(self, card_id: str) -> IssuedCard:
        return await command(self._transport, "freeze_card", f"{_path(card_id)}/freeze", wire.card)

    async def unfreeze_card(self, card_id: str) -> IssuedCard:
        return await command(self._transport, "unfreeze_card", f"{_path(card_id)}/unfreeze", wire.card)

    async def card_movement(self, account_id: str, transaction_id: str) -> CardMovement | None:
        path = f"/accounts/{segment(PROVIDER, account_id)}/transactions/{segment(PROVIDER, transaction_id)}"
        return await get(self._transport, "get_transaction", path, wire.movement)

    async def card_request(self, request_id: str) -> CardRequest | None:
        return await get(self._transport, "get_authorization_request", _request_path(request_id), wire.card_request)

    async def answer_request(self, request: CardRequest, reason: str | None) -> None:
        verb = "approve" if reason is None else "decline"
        path, body = f"{_request_path(request.id)}/{verb}", wire.answer_to(request.amount, reason)
        await command(self._transport, f"{verb}_authorization_request", path, wire.card_request, body)

    async def card_authorization(self, authorization_id: str) -> CardAuthorization | None:
        path = f"/authorizations/{segment(PROVIDER, authorization_id)}"
        params = {"filter[includeNonAuthorized]": "true"}
        return await get(self._transport, "get_authorization", path, wire.authorization, params=params)


def _request_path(request_id: str) -> str:
    return f"/authorization-requests/{segment(PROVIDER, request_id)}"


def _path(card_id: str) -> str:
    return f"/cards/{segment(PROVIDER, card_id)}"
