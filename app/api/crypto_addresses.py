"""Addresses on chains at which an account here receives coins."""

from typing import Self

from fastapi import APIRouter
from pydantic import BaseModel

from app.api.bodies import AccountId, Body
from app.api.deps import CurrentRuntime, Reader, VerifiedTransactor
from app.api.problems import problems
from app.api.quotes import ChainName
from app.api.strict import StrictRoute
from app.api.views import Instant
from app.errors import (
    AccountClosed,
    AccountFrozen,
    AccountNotFound,
    ChainUnsupported,
    KycRequired,
    ProviderUnavailable,
)
from app.ids import public_id
from app.ledger.checks import require_open
from app.wallets.deposit_addresses import DepositAddress
from app.wallets.opening import own_account

router = APIRouter(prefix="/v1/crypto/addresses", tags=["crypto"], route_class=StrictRoute)


class CryptoAddressRequest(Body):
    """Where coins of that account's asset may be sent on that chain."""

    chain: ChainName
    account_id: AccountId


class CryptoAddressView(BaseModel):
    """An address; what arrives there is pending until it is deep enough in the chain, and then in the account."""

    id: str
    chain: str
    address: str
    account_id: str
    created_at: Instant

    @classmethod
    def of(cls, found: DepositAddress) -> Self:
        return cls(
            id=public_id(found.id),
            chain=found.chain,
            address=found.address,
            account_id=public_id(found.account_id),
            created_at=found.created_at,
        )


class CryptoAddressPage(BaseModel):
    """All of them; nobody has many."""

    items: list[CryptoAddressView]
    next_cursor: str | None = None


@router.post(
    "",
    status_code=201,
    responses=problems(
        KycRequired, AccountNotFound, AccountClosed, AccountFrozen, ChainUnsupported, ProviderUnavailable
    ),
)
async def request_crypto_address(
    body: CryptoAddressRequest, caller: VerifiedTransactor, runtime: CurrentRuntime
) -> CryptoAddressView:
    """The account's address on that chain; asked again, the same one."""
    account = await own_account(runtime.ledger, caller.book, caller.user_id, body.account_id)
    require_open([account])
    return CryptoAddressView.of(await runtime.addresses.address_for(caller.book, account, body.chain))


@router.get("")
async def list_crypto_addresses(caller: Reader, runtime: CurrentRuntime) -> CryptoAddressPage:
    """The caller's addresses."""
    found = await runtime.addresses.all_of(caller.book, caller.user_id)
    return CryptoAddressPage(items=[CryptoAddressView.of(each) for each in found])
