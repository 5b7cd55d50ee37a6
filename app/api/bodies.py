"""What request bodies are made of. Nothing is coerced: a number is no string, an unknown field is an error."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from app.api.problems import refused
from app.api.strict import OBEYED
from app.errors import InvalidAmount, MetadataInvalid, UnknownCurrency
from app.ledger.transactions import require_flat
from app.money import ASSETS, asset


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


def id_of(kind: str) -> tuple[object, ...]:
    """The annotations of a public id of that kind, for ``Annotated[str, *id_of("acc")]``."""
    return (Field(pattern=rf"^{kind}_[A-Za-z0-9._-]{{1,64}}$", max_length=80, examples=[f"{kind}_..."]),)


_AMOUNT_SHAPE: dict[str, JsonValue] = {"pattern": r"^(0|[1-9][0-9]*)(\.[0-9]+)?$"}
AmountText = Annotated[
    str,
    BeforeValidator(_amount_text),
    Field(max_length=80, examples=["12.34"], json_schema_extra=_AMOUNT_SHAPE),
]
"""An amount in major units; ``Money.parse`` reads it once the currency is known."""

ItemAmountText = Annotated[str, BeforeValidator(_amount_text), Field(max_length=80, examples=["12.34"])]
"""The same in one of many items, whose verdict is its own: no shape is asked of it before."""

_CODES: dict[str, JsonValue] = {"enum": [*ASSETS]}
CurrencyCode = Annotated[
    str, AfterValidator(_currency), Field(max_length=12, examples=["USD"], json_schema_extra=_CODES)
]
"""The code of a registered asset."""

AccountId = Annotated[str, *id_of("acc")]
BankLinkId = Annotated[str, *id_of("lnk")]
CardPayoutId = Annotated[str, *id_of("cpo")]
CardTopupId = Annotated[str, *id_of("ctu")]
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

Reason = Annotated[str, Field(min_length=1, max_length=500, pattern=f"^[^{OBEYED}]+$")]
"""Why something is done, in a sentence."""

_FLAT: dict[str, JsonValue] = {
    "propertyNames": {"pattern": "^[A-Za-z0-9_-]{1,40}$"},
    "additionalProperties": {
        "anyOf": [
            {"type": "string", "maxLength": 500},
            {"type": "integer", "exclusiveMinimum": -(2**53), "exclusiveMaximum": 2**53},
            {"type": "boolean"},
            {"type": "null"},
        ]
    },
}


def _flat_schema(schema: dict[str, JsonValue]) -> None:
    """Pydantic describes the bound of a mapping as that of a text."""
    schema["maxProperties"] = schema.pop("maxLength")
    schema.update(_FLAT)


Metadata = Annotated[
    Mapping[str, str | int | bool | None],
    BeforeValidator(_flat),
    Field(max_length=20, json_schema_extra=_flat_schema),
]
"""The caller's own notes: flat, at most 20 names with scalar values."""
