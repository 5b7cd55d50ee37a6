"""What flows' parameters are made of: stored with the saga as plain text, read back exactly."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer, PlainValidator

from app.money import Money, asset


def read_money(stored: object) -> Money:
    if isinstance(stored, Money):
        return stored
    amount, _, code = str(stored).partition(" ")
    return Money.parse(amount, asset(code))


def money(amount: Money) -> str:
    """An amount with its currency, as in ``"100.00 USD"``."""
    return f"{amount} {amount.asset.code}"


StoredMoney = Annotated[Money, PlainValidator(read_money), PlainSerializer(money)]
"""Money as ``"100.00 USD"``."""


class Params(BaseModel):
    """What a saga was asked to do, fixed for its life."""

    model_config = ConfigDict(frozen=True, extra="forbid")
