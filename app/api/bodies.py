"""What request bodies are made of. Nothing is coerced: a number is no string, an unknown field is an error."""

from collections.abc import Callable, Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from app.api.problems import refused
from app.errors import InvalidAmount, MetadataInvalid, UnknownCurrency
from app.ids import is_public_id
from app.ledger.transactions import require_flat
from app.money import asset


class Body(BaseModel):
    """A request body."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _amount_text(given: object) -> object:
    if not isinstance(given, str):
        raise refused(InvalidAmount("money", 'it must be a string, as in "12.34"'))
    return given


def _currency(code: str) -> str:
    try:
        return asset(code).code
    except UnknownCurrency as unknown:
        raise refused(unknown) from None


def _flat(given: object) -> object:
    try:
        require_flat(given if isinstance(given, dict) else {})
    except MetadataInvalid as invalid:
        raise refused(invalid) from None
    return given


def _shaped_like(kind: str) -> Callable[[str], str]:
    def check(given: str) -> str:
        if not is_public_id(given, kind):
            raise ValueError(f"it must be an id that begins with {kind}_")
        return given

    return check


def id_of(kind: str) -> tuple[AfterValidator, object]:
    """The annotations of a public id of that kind, for ``Annotated[str, *id_of("acc")]``."""
    return AfterValidator(_shaped_like(kind)), Field(max_length=80, examples=[f"{kind}_..."])


AmountText = Annotated[str, BeforeValidator(_amount_text), Field(max_length=80, examples=["12.34"])]
"""An amount in major units; ``Money.parse`` reads it once the currency is known."""

CurrencyCode = Annotated[str, AfterValidator(_currency), Field(max_length=12, examples=["USD"])]
"""The code of a registered asset."""

AccountId = Annotated[str, *id_of("acc")]
BankLinkId = Annotated[str, *id_of("lnk")]
CryptoWithdrawalId = Annotated[str, *id_of("cwd")]
DepositId = Annotated[str, *id_of("dep")]
PurchaseId = Annotated[str, *id_of("pur")]
CardId = Annotated[str, *id_of("crd")]
CaseId = Annotated[str, *id_of("cas")]
UserId = Annotated[str, *id_of("usr")]
QuoteId = Annotated[str, *id_of("quo")]
SagaId = Annotated[str, *id_of("sag")]
SaleId = Annotated[str, *id_of("sal")]
TransactionId = Annotated[str, *id_of("txn")]
WithdrawalId = Annotated[str, *id_of("wdr")]

Reason = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""Why something is done, in a sentence."""

Metadata = Annotated[Mapping[str, str | int | bool | None], BeforeValidator(_flat), Field(max_length=20)]
"""The caller's own notes: flat, at most 20 names with scalar values."""
