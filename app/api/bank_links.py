"""Linking a bank account. No bank credential and no account number ever reaches us; an account shows its mask."""

from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.api.bodies import BankLinkId, Body
from app.api.deps import CurrentRuntime, Reader, Transactor
from app.api.problems import problems
from app.api.strict import StrictRoute
from app.api.views import Instant, Page
from app.errors import BankLinkRefused, Missing, ProviderUnavailable
from app.ids import public_id
from app.wallets.bank_links import BankLink

router = APIRouter(prefix="/v1/bank-links", tags=["bank links"], route_class=StrictRoute)

VendorText = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9._-]+$")]


class LinkToken(BaseModel):
    """Opens the bank's dialogue in the mobile app."""

    link_token: str
    expires_at: Instant


class BankLinkRequest(Body):
    """What the dialogue returned, and which account of that login to link."""

    public_token: VendorText
    account_id: VendorText


class BankLinkView(BaseModel):
    """A linked bank account. ``status``: linked, needs-update (its owner must sign in to the bank again) or revoked."""

    id: str
    name: str
    mask: str
    status: str
    created_at: Instant

    @classmethod
    def of(cls, link: BankLink) -> Self:
        return cls(
            id=public_id(link.id), name=link.name, mask=link.mask, status=link.status, created_at=link.created_at
        )


@router.post("/token", responses=problems(ProviderUnavailable))
async def create_link_token(caller: Transactor, runtime: CurrentRuntime) -> LinkToken:
    """A token that opens the bank's dialogue."""
    token, expires_at = await runtime.bank_links.link_token(caller.user_id)
    return LinkToken(link_token=token.get_secret_value(), expires_at=expires_at)


@router.post("/{bank_link_id}/token", responses=problems(Missing, BankLinkRefused, ProviderUnavailable))
async def create_update_token(bank_link_id: BankLinkId, caller: Transactor, runtime: CurrentRuntime) -> LinkToken:
    """A token that opens the bank's dialogue to sign in again, when a link needs it."""
    token, expires_at = await runtime.bank_links.update_token(caller.book, caller.user_id, bank_link_id)
    return LinkToken(link_token=token.get_secret_value(), expires_at=expires_at)


@router.post("", status_code=201, responses=problems(BankLinkRefused, ProviderUnavailable))
async def link_bank(body: BankLinkRequest, caller: Transactor, runtime: CurrentRuntime) -> BankLinkView:
    """Link a bank account."""
    link = await runtime.bank_links.link(caller.book, caller.user_id, body.public_token, body.account_id)
    return BankLinkView.of(link)


@router.get("")
async def list_bank_links(caller: Reader, runtime: CurrentRuntime) -> Page[BankLinkView]:
    """Your linked bank accounts."""
    links = await runtime.bank_links.all_of(caller.book, caller.user_id)
    return Page(items=[BankLinkView.of(link) for link in links])
