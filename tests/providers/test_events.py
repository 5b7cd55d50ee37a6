"""What of a webhook is kept, and what an order shows of a person."""

from decimal import Decimal

from pydantic import SecretStr

from app.money import USD, Money
from app.providers.events import kept
from app.providers.ports import AchOrder


def test_only_named_short_scalars_that_the_database_holds_exactly_are_kept() -> None:
    source = {
        "text": "x" * 256,
        "long": "x" * 257,
        "whole": 2**63 - 1,
        "huge": 2**63,
        "yes": True,
        "fraction": Decimal("0.5"),
        "nothing": None,
        "deep": {"$where": "1"},
        "unnamed": "Ada",
    }
    names = [name for name in source if name != "unnamed"]
    assert kept(source, *names, "absent") == {"text": "x" * 256, "whole": 2**63 - 1, "yes": True}


def test_an_order_printed_by_accident_shows_neither_name_nor_token() -> None:
    order = AchOrder("Debit", Money(1, USD), SecretStr("processor-1"), "Ada Doe", "eff_1", "TOPUP")
    assert "Ada" not in repr(order)
    assert "processor-1" not in repr(order)
