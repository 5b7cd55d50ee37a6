"""A chain without a wallet to send from is refused by name, the same on every chain, before anything is booked."""

from typing import Any

import pytest

from app.ids import new_id
from app.money import ASSETS, Money
from tests.worlds import Customer, World

EVM = "0x81BAE876B70513C9DECc608EEd549977A81AFA1c"
CHAINS = [
    ("bitcoin", "BTC", "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"),
    ("ethereum", "ETH", EVM),
    ("polygon", "POL", EVM),
    ("tron", "TRX", "TMoA5QSM8XFt9y31sQE2A341ULr3VkRGRD"),
    ("solana", "SOL", "9jQtwHhZT1H2TYSMt74msmBmy8UPen4GUysNynPUVkkv"),
]


@pytest.fixture(scope="module")
def timings() -> dict[str, Any]:
    """No wallet anywhere."""
    return {"tatum_wallets": {}}


@pytest.mark.parametrize(("chain", "code", "address"), CHAINS)
async def test_what_cannot_be_sent_is_neither_priced_nor_accepted(
    calm_world: World, ada: Customer, chain: str, code: str, address: str
) -> None:
    world = calm_world
    held = Money.parse("2", ASSETS[code])
    account_id = await world.with_coins(ada, held)
    headers = {**await world.signed_in("ada"), "Idempotency-Key": new_id("key")}
    asked = {"side": "buy", "base": code, "quote_currency": "USD", "amount": "100.00", "chain": chain}
    ordered = {"account_id": account_id, "chain": chain, "address": address, "amount": "1"}
    priced = {"chain": chain, "currency": code, "amount": "1"}
    answers = (
        await world.api.post("/v1/quotes", json=asked, headers=headers),
        await world.api.post("/v1/crypto-withdrawals", json=ordered, headers=headers),
        await world.api.get("/v1/crypto/fees", params=priced, headers=headers),
    )
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(422, "chain-not-served")] * 3
    assert Money.parse(await world.available(account_id), held.asset) == held
