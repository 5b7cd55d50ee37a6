"""Being found, for those who want to be, and finding somebody to pay."""

from typing import Annotated, Self

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field, model_validator

from app.api.bodies import AccountId, Body
from app.api.deps import CurrentRuntime, VerifiedTransactor
from app.api.problems import problems
from app.api.strict import StrictRoute
from app.errors import (
    AccountNotFound,
    HandleInvalid,
    HandleTaken,
    KycRequired,
    Missing,
    OutcomeUnresolved,
    Overloaded,
    TooMany,
)
from app.wallets.recipients import By, Recipient, plain_handle

router = APIRouter(prefix="/v1", tags=["recipients"], route_class=StrictRoute)

Handle = Annotated[str, Field(min_length=3, max_length=30, examples=["ada.lovelace"])]
PhoneHash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", examples=["9f86d081884c7d65..."])]
"""SHA-256 of a number in E.164, in small hex."""

DisplayName = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9][A-Za-z0-9 .,'-]*$")]
"""Plain letters, so that nobody is called what only looks like somebody else."""


class HandleRequest(Body):
    """What you want to be found by, what finders are told you are called, and where you are paid."""

    handle: Handle | None = None
    phone_hash: PhoneHash | None = None
    display_name: DisplayName
    account_id: AccountId

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if self.handle is None and self.phone_hash is None:
            raise ValueError("a handle, a phone_hash, or both")
        return self

    def names(self) -> dict[By, str]:
        """By which kind, which name. Raises HandleInvalid."""
        found: dict[By, str] = {}
        if self.handle is not None:
            found["handle"] = plain_handle(self.handle)
        if self.phone_hash is not None:
            found["phone"] = self.phone_hash
        return found


class LookupRequest(Body):
    """Whom to look for: by one of the two."""

    handle: Handle | None = None
    phone_hash: PhoneHash | None = None

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.handle is None) == (self.phone_hash is None):
            raise ValueError("either a handle or a phone_hash")
        return self


class RecipientView(BaseModel):
    """Somebody who can be paid."""

    display_name: str
    account_id: str

    @classmethod
    def of(cls, recipient: Recipient) -> Self:
        return cls(display_name=recipient.display_name, account_id=recipient.account_id)


@router.put(
    "/me/handle",
    responses=problems(
        KycRequired, HandleInvalid, TooMany, AccountNotFound, HandleTaken, Overloaded, OutcomeUnresolved
    ),
)
async def opt_in(body: HandleRequest, caller: VerifiedTransactor, runtime: CurrentRuntime) -> RecipientView:
    """Let others find you to pay you; what you were found by before, you are no more."""
    recipients, names = runtime.recipients, body.names()
    found = await recipients.opt_in(caller.book, caller.user_id, body.account_id, body.display_name, names)
    return RecipientView.of(found)


@router.delete("/me/handle", status_code=204, responses=problems(KycRequired, TooMany, Overloaded, OutcomeUnresolved))
async def opt_out(caller: VerifiedTransactor, runtime: CurrentRuntime) -> Response:
    """Let nobody find you any more."""
    await runtime.recipients.opt_out(caller.book, caller.user_id)
    return Response(status_code=204)


@router.post("/recipients/lookup", responses=problems(KycRequired, HandleInvalid, TooMany, Missing))
async def look_up_recipient(body: LookupRequest, caller: VerifiedTransactor, runtime: CurrentRuntime) -> RecipientView:
    """Find somebody who wants to be found; for every other reason the answer is the same."""
    if body.handle is not None:
        recipient = runtime.recipients.look_up(caller.book, caller.user_id, "handle", plain_handle(body.handle))
    else:
        recipient = runtime.recipients.look_up(caller.book, caller.user_id, "phone", str(body.phone_hash))
    return RecipientView.of(await recipient)
