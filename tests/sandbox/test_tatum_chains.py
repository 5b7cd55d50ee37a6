"""The simulated chains: nonces in order, inputs once, and bad luck on demand."""

from typing import Any

import httpx2
import pytest

from tests.sandbox.test_tatum import EVM, confirmations, tx_id_of
from tests.sandbox.world import RECEIVER, TATUM, Wallet, always, book, eventually

TREASURY = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"
HANDLE = "26d3883e-4e17-48b3-a0ee-09a3e484ac83"


async def ether(client: httpx2.AsyncClient, nonce: int, *, handle: str = "sig-9") -> str:
    body = {"to": EVM, "amount": "0.25", "currency": "ETH", "signatureId": handle, "index": 0, "nonce": nonce}
    answer = await client.post("/tatum/v3/ethereum/transaction", json=body, headers=TATUM)
    return str(answer.json()["signatureId"])


async def unspent(client: httpx2.AsyncClient, worth: str) -> list[dict[str, Any]]:
    query = {"chain": "bitcoin-testnet", "address": TREASURY, "totalValue": worth}
    found: list[dict[str, Any]] = (await client.get("/tatum/v4/data/utxos", params=query, headers=TATUM)).json()
    return found


async def spend(client: httpx2.AsyncClient, output: dict[str, Any]) -> httpx2.Response:
    source = {"txHash": output["txHash"], "index": output["index"], "signatureId": HANDLE}
    body = {
        "fromUTXO": [source],
        "to": [{"address": RECEIVER, "value": 0.5}],
        "fee": "0.00001",
        "changeAddress": TREASURY,
    }
    return await client.post("/tatum/v3/bitcoin/transaction", json=body, headers=TATUM)


async def statuses(client: httpx2.AsyncClient) -> dict[str, str]:
    return {line["hash"]: line["status"] for line in (await book(client, "tatum"))["transactions"]}


async def test_a_transaction_waits_in_the_pool_for_the_nonces_before_it(client: httpx2.AsyncClient) -> None:
    second = await tx_id_of(client, await ether(client, 1))
    await always(lambda: True, for_s=0.3)
    assert (await statuses(client))[second] == "broadcast"
    first = await tx_id_of(client, await ether(client, 0))

    async def both_mined() -> bool:
        return set((await statuses(client)).values()) == {"confirmed"}

    await eventually(both_mined)
    assert (await statuses(client)).keys() == {first, second}


async def test_an_output_is_spent_once_and_leaves_its_change(client: httpx2.AsyncClient) -> None:
    (output,) = await unspent(client, "0.5")
    assert output["valueAsString"] == "2000.00000000"
    tx_id = await tx_id_of(client, (await spend(client, output)).json()["signatureId"])

    async def mined() -> bool:
        return await confirmations(client, tx_id) > 0

    await eventually(mined)
    again = await spend(client, output)
    assert (again.status_code, again.json()["errorCode"]) == (403, "bitcoin.utxo.missing")
    query = {"chain": "bitcoin-testnet", "hash": tx_id}
    seen = (await client.get("/tatum/v4/data/blockchains/transaction", params=query, headers=TATUM)).json()
    assert [each["value"] for each in seen["outputs"]] == [50_000_000, 200_000_000_000 - 50_000_000 - 1_000]
    assert seen["inputs"][0]["prevout"] == {"hash": output["txHash"], "index": output["index"]}
    assert tx_id in {each["txHash"] for each in await unspent(client, "1000000")}


async def test_the_desk_drops_replaces_fails_and_reorganises(client: httpx2.AsyncClient, wallet: Wallet) -> None:
    waiting = await tx_id_of(client, await ether(client, 5))
    assert (await client.post("/control/tatum/drop", json={"hash": waiting})).is_success
    assert (await statuses(client))[waiting] == "dropped"
    replaced = await tx_id_of(client, await ether(client, 1, handle="sig-8"))
    answer = await client.post("/control/tatum/replace", json={"hash": replaced})
    assert (await statuses(client))[replaced] == "replaced"
    await ether(client, 0, handle="sig-8")

    async def rival_mined() -> bool:
        return (await statuses(client))[answer.json()["hash"]] == "confirmed"

    await eventually(rival_mined)
    assert (await client.post("/control/tatum/reorg", json={"hash": answer.json()["hash"], "lost": True})).is_success
    assert (await statuses(client))[answer.json()["hash"]] == "dropped"


@pytest.mark.parametrize(("chain", "start"), [("bitcoin", ("m", "n")), ("ethereum", "0x"), ("tron", "T")])
async def test_a_public_key_has_one_address_a_number(
    client: httpx2.AsyncClient, chain: str, start: str | tuple[str, ...]
) -> None:
    found = [
        (await client.get(f"/tatum/v3/{chain}/address/xpub/{index}", headers=TATUM)).json()["address"]
        for index in (0, 1, 0)
    ]
    assert found[0] == found[2] != found[1]
    assert found[0].startswith(start)


async def test_coins_for_an_address_that_nobody_watches_are_not_told(
    client: httpx2.AsyncClient, wallet: Wallet
) -> None:
    body = {"chain": "ethereum", "address": EVM, "amount": "1", "currency": "USDC"}
    tx_hash = (await client.post("/control/tatum/incoming", json=body)).json()["hash"]

    async def mined() -> bool:
        return await confirmations(client, tx_hash, "ethereum-sepolia") > 0

    await eventually(mined)
    assert wallet.events("tatum") == []
    query = {"chain": "ethereum-sepolia", "hash": tx_hash}
    seen = (await client.get("/tatum/v4/data/blockchains/transaction", params=query, headers=TATUM)).json()
    assert (seen["value"], int(seen["logs"][0]["data"], 16)) == ("0", 1_000_000)
