"""Virtual debit cards. A card's number never reaches us: the app shows it by the bank's own widget."""

from typing import Self

from fastapi import APIRouter
from pydantic import BaseModel

from app.api.bodies import AccountId, Body, CardId
from app.api.deps import CurrentRuntime, IdempotencyKey, Reader, VerifiedTransactor
from app.api.problems import problems
from app.api.strict import StrictRoute
from app.api.views import Instant, Page
from app.errors import (
    AccountClosed,
    AccountFrozen,
    AccountNotFound,
    CardClosed,
    CurrencyMismatch,
    KycRequired,
    Missing,
    OnboardingIncomplete,
    ProviderUnavailable,
)
from app.ids import public_id
from app.wallets.cards import Card

router = APIRouter(prefix="/v1/cards", tags=["cards"], route_class=StrictRoute)


class CardRequest(Body):
    """The account that the card spends from."""

    account_id: AccountId


class CardView(BaseModel):
    """A virtual card. ``status``: issuing, active, frozen or closed; ``mask``: the last four digits of its number."""

    id: str
    account_id: str
    status: str
    mask: str
    expires: str
    created_at: Instant

    @classmethod
    def of(cls, card: Card) -> Self:
        return cls(
            id=public_id(card.id),
            account_id=public_id(card.account_id),
            status=card.standing.value,
            mask=card.mask,
            expires=card.expires,
            created_at=card.created_at,
        )


@router.post(
    "",
    status_code=201,
    responses=problems(
        KycRequired,
        AccountNotFound,
        CurrencyMismatch,
        AccountClosed,
        AccountFrozen,
        OnboardingIncomplete,
        ProviderUnavailable,
    ),
)
async def issue_card(
    body: CardRequest, caller: VerifiedTransactor, key: IdempotencyKey, runtime: CurrentRuntime
) -> CardView:
    """Issue a virtual card that spends from one of your accounts."""
    return CardView.of(await runtime.cards.issue(caller.book, caller.user_id, body.account_id, key))


@router.get("")
async def list_cards(caller: Reader, runtime: CurrentRuntime) -> Page[CardView]:
    """Your cards."""
    cards = await runtime.cards.all_of(caller.book, caller.user_id)
    return Page(items=[CardView.of(card) for card in cards])


@router.post("/{card_id}/freeze", responses=problems(Missing, CardClosed, ProviderUnavailable))
async def freeze_card(card_id: CardId, caller: VerifiedTransactor, runtime: CurrentRuntime) -> CardView:
    """Stop a card at once."""
    return CardView.of(await runtime.cards.freeze(caller.book, caller.user_id, card_id))


@router.post("/{card_id}/unfreeze", responses=problems(Missing, CardClosed, ProviderUnavailable))
async def unfreeze_card(card_id: CardId, caller: VerifiedTransactor, runtime: CurrentRuntime) -> CardView:
    """Let a card be used again."""
    return CardView.of(await runtime.cards.unfreeze(caller.book, caller.user_id, card_id))
