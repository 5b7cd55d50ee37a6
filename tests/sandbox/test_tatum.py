import asyncio
import json
from decimal import Decimal

import httpx2
import pytest

from app.sandbox.config import SandboxConfig
from tests.sandbox.world import (
    RECEIVER,
    TATUM,
    Wallet,
    always,
    bitcoin_send,
    book,
    dial,
    eventually,
    running,
    send_bitcoin,
)

RECEIVER_SCRIPT = "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262"
EVM = "0x81bae876b70513c9decc608eed549977a81afa1c"


async def tx_id_of(client: httpx2.AsyncClient, pending_id: str) -> str:
    async def signed() -> str:
        return str((await client.get(f"/tatum/v3/kms/{pending_id}", headers=TATUM)).json().get("txId", ""))

    return str(await eventually(signed))


async def confirmations(client: httpx2.AsyncClient, tx_hash: str, chain: str = "bitcoin-testnet") -> int:
    query = {"chain": chain, "hash": tx_hash}
    seen = await client.get("/tatum/v4/data/blockchains/transaction", params=query, headers=TATUM)
    if seen.status_code == 404:
        assert seen.json()["errorCode"] == "tx.not.found"
        return 0
    height = await client.get("/tatum/v4/data/blockchains/block/current", params={"chain": chain}, headers=TATUM)
    return int(height.json() - seen.json()["blockNumber"] + 1)


async def test_a_send_is_approved_broadcast_mined_confirmed_and_told(
    client: httpx2.AsyncClient, wallet: Wallet
) -> None:
    pending_id = await send_bitcoin(client, "0.00100")
    pending = (await client.get(f"/tatum/v3/kms/{pending_id}", headers=TATUM)).json()
    assert pending["chain"] == "BTC"
    (paid,) = json.loads(pending["serializedTransaction"])["outputs"]
    assert paid == {"satoshis": 100_000, "script": RECEIVER_SCRIPT}

    tx_id = await tx_id_of(client, pending_id)
    assert wallet.questions == [pending_id]

    async def confirmed() -> bool:
        return await confirmations(client, tx_id) >= 3

    await eventually(confirmed)
    (line,) = (await book(client, "tatum"))["transactions"]
    assert (line["hash"], line["to"], line["status"]) == (tx_id, RECEIVER, "confirmed")
    assert (line["chain"], Decimal(line["amount"])) == ("bitcoin", Decimal("0.001"))

    async def both_told() -> bool:
        return len(wallet.events("tatum")) == 2

    await eventually(both_told)
    completed, moved = wallet.events("tatum")
    assert completed == {"subscriptionType": "KMS_COMPLETED_TX", "signatureId": pending_id, "txId": tx_id}
    assert (moved["subscriptionType"], moved["txId"]) == ("OUTGOING_NATIVE_TX", tx_id)


async def test_a_pending_send_is_found_by_chain_and_signature_id(client: httpx2.AsyncClient, wallet: Wallet) -> None:
    wallet.approval_status = 404
    pending_id = await send_bitcoin(client)
    listed = (await client.get("/tatum/v3/kms/pending/BTC", headers=TATUM)).json()
    assert [item["id"] for item in listed] == [pending_id]
    for signature_id, expected in (("sig-1", [pending_id]), ("sig-2", [])):
        body = {"signatureIds": [signature_id]}
        found = (await client.post("/tatum/v3/kms/pending/BTC", json=body, headers=TATUM)).json()
        assert [item["id"] for item in found] == expected
    assert (await client.get("/tatum/v3/kms/pending/ETH", headers=TATUM)).json() == []


async def test_five_refusals_fail_the_send_and_nothing_is_broadcast(client: httpx2.AsyncClient, wallet: Wallet) -> None:
    wallet.approval_status = 403
    pending_id = await send_bitcoin(client)

    async def failed() -> bool:
        return bool(wallet.events("tatum"))

    await eventually(failed)
    (told,) = wallet.events("tatum")
    assert (told["subscriptionType"], told["signatureId"]) == ("KMS_FAILED_TX", pending_id)
    assert len(wallet.questions) == 5
    assert (await book(client, "tatum"))["transactions"] == []


async def test_the_daemon_asks_again_until_the_wallet_knows_the_operation(
    client: httpx2.AsyncClient, wallet: Wallet
) -> None:
    wallet.approval_status = 404
    pending_id = await send_bitcoin(client)

    async def asked_twice() -> bool:
        return len(wallet.questions) >= 2

    await eventually(asked_twice)
    wallet.approval_status = 200
    assert await tx_id_of(client, pending_id)


async def test_an_operation_deleted_before_its_approval_is_never_broadcast(
    client: httpx2.AsyncClient, wallet: Wallet
) -> None:
    wallet.approval_status = 404
    pending_id = await send_bitcoin(client)
    assert (await client.delete(f"/tatum/v3/kms/{pending_id}", headers=TATUM)).status_code == 204
    wallet.approval_status = 200
    gone = await client.get(f"/tatum/v3/kms/{pending_id}", headers=TATUM)
    assert (gone.status_code, gone.json()["errorCode"]) == (403, "kms.missing")
    asked = len(wallet.questions)
    await always(lambda: len(wallet.questions) <= asked + 1, for_s=0.5)
    assert (await book(client, "tatum"))["transactions"] == []


async def test_an_operation_deleted_after_its_approval_is_broadcast_all_the_same(
    mongodb_uri: str, config: SandboxConfig, wallet: Wallet
) -> None:
    async with running(config, wallet) as client:
        pending_id = await send_bitcoin(client)

        async def approved() -> bool:
            return bool(wallet.questions)

        await eventually(approved)
        await client.delete(f"/tatum/v3/kms/{pending_id}", headers=TATUM)

        async def broadcast() -> bool:
            return len((await book(client, "tatum"))["transactions"]) == 1

        await eventually(broadcast)


async def test_a_used_nonce_confirms_at_most_once(client: httpx2.AsyncClient, wallet: Wallet) -> None:
    body = {"to": EVM, "amount": "0.25", "currency": "ETH", "signatureId": "sig-1", "index": 4, "nonce": 0}
    for _ in range(2):
        answer = await client.post("/tatum/v3/ethereum/transaction", json=body, headers=TATUM)
        assert set(answer.json()) == {"signatureId"}

    async def both_ended() -> bool:
        return sum("KMS" in told["subscriptionType"] for told in wallet.events("tatum")) == 2

    await eventually(both_ended)
    kinds = {told["subscriptionType"] for told in wallet.events("tatum") if "KMS" in told["subscriptionType"]}
    assert kinds == {"KMS_COMPLETED_TX", "KMS_FAILED_TX"}
    (line,) = (await book(client, "tatum"))["transactions"]

    async def confirmed() -> bool:
        return await confirmations(client, line["hash"], "ethereum-sepolia") >= 12

    await eventually(confirmed)
    query = {"chain": "ethereum-sepolia", "hash": line["hash"]}
    seen = (await client.get("/tatum/v4/data/blockchains/transaction", params=query, headers=TATUM)).json()
    assert (seen["value"], seen["nonce"], seen["status"]) == ("250000000000000000", 0, True)


async def test_the_unsigned_ethereum_transaction_has_its_gas_price_in_wei(
    client: httpx2.AsyncClient, wallet: Wallet
) -> None:
    wallet.approval_status = 404
    body = {
        "to": EVM,
        "amount": "1",
        "currency": "ETH",
        "signatureId": "s",
        "fee": {"gasPrice": "20.5", "gasLimit": "21000"},
    }
    answer = await client.post("/tatum/v3/ethereum/transaction", json=body, headers=TATUM)
    pending = (await client.get(f"/tatum/v3/kms/{answer.json()['signatureId']}", headers=TATUM)).json()
    unsigned = json.loads(pending["serializedTransaction"])
    assert (int(unsigned["gasPrice"], 16), int(unsigned["value"], 16)) == (20_500_000_000, 10**18)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("bitcoin", '{"fromAddress":[{"address":"a","privateKey":"k"}],"to":[{"address":"b","value":1}]}'),
        ("bitcoin", bitcoin_send("-1")),
        ("bitcoin", bitcoin_send("0.000000001")),
        ("bitcoin", bitcoin_send('"0.001"')),
        ("bitcoin", bitcoin_send("NaN")),
        ("ethereum", '{"to":"' + EVM + '","amount":"1","currency":"ETH","fromPrivateKey":"k"}'),
        ("ethereum", '{"to":"' + EVM + '","amount":"1e5x","currency":"ETH","signatureId":"s"}'),
        ("bitcoin", bitcoin_send(address=RECEIVER[:-1] + "8")),
        ("bitcoin", bitcoin_send(address="1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa")),
        ("solana", '{"from":"x","to":"' + EVM + '","amount":"1","signatureId":"s"}'),
        ("dogecoin", "{}"),
    ],
)
async def test_a_send_the_vendor_would_refuse_is_refused(client: httpx2.AsyncClient, path: str, body: str) -> None:
    answer = await client.post(f"/tatum/v3/{path}/transaction", content=body, headers=TATUM)
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "validation.failed")
    assert (await client.get("/tatum/v3/kms/pending/BTC", headers=TATUM)).json() == []


async def test_a_gas_price_that_was_told_in_wei_is_more_than_a_node_pays(client: httpx2.AsyncClient) -> None:
    fee = {"gasPrice": "20000000000", "gasLimit": "21000"}
    body = {"to": EVM, "amount": "1", "currency": "ETH", "signatureId": "s", "fee": fee}
    answer = await client.post("/tatum/v3/ethereum/transaction", json=body, headers=TATUM)
    assert (answer.status_code, answer.json()["errorCode"]) == (403, "ethereum.broadcast.failed")


async def test_a_declined_send_is_a_403_with_a_business_code(client: httpx2.AsyncClient) -> None:
    await dial(client, "tatum", "send", "decline")
    answer = await client.post("/tatum/v3/bitcoin/transaction", content=bitcoin_send(), headers=TATUM)
    assert (answer.status_code, answer.json()["errorCode"]) == (403, "balance.insufficient")
    too_much = await client.post("/tatum/v3/bitcoin/transaction", content=bitcoin_send("2000000"), headers=TATUM)
    assert (too_much.status_code, too_much.json()["errorCode"]) == (403, "balance.insufficient")


async def test_rates_and_fees_are_decimal_texts(client: httpx2.AsyncClient) -> None:
    query = {"symbol": "BTC", "basePair": "USD"}
    rate = (await client.get("/tatum/v4/data/rate/symbol", params=query, headers=TATUM)).json()
    assert (rate["id"], rate["value"], rate["basePair"]) == ("BTC", "97000.00", "USD")
    fees = (await client.get("/tatum/v3/blockchain/fee/BTC", headers=TATUM)).json()
    assert fees["fast"] > fees["medium"] > fees["slow"]
    estimate = await client.post(
        "/tatum/v3/blockchain/estimate", json={"chain": "BTC", "type": "TRANSFER"}, headers=TATUM
    )
    assert estimate.json()["slow"] == "0.000005"
    assert (await client.get("/tatum/v4/data/rate/symbol", params=query)).json()["errorCode"] == "subscription.invalid"


async def test_coins_from_outside_are_told_counted_and_listed(client: httpx2.AsyncClient, wallet: Wallet) -> None:
    attributes = {"chain": "bitcoin-testnet", "address": "tb1qours", "url": "http://w"}
    subscription = {"type": "INCOMING_NATIVE_TX", "attr": attributes}
    (await client.post("/tatum/v4/subscription", json=subscription, headers=TATUM)).raise_for_status()
    body = {"chain": "bitcoin", "address": "tb1qours", "amount": "0.5", "currency": "BTC"}
    tx_hash = (await client.post("/control/tatum/incoming", json=body)).json()["hash"]

    async def told() -> bool:
        return len(wallet.events("tatum")) == 2

    await eventually(told)
    pooled, event = wallet.events("tatum")
    assert (pooled["txId"], pooled["mempool"]) == (tx_hash, True)
    assert (event["subscriptionType"], event["txId"]) == ("INCOMING_NATIVE_TX", tx_hash)
    assert (event["address"], Decimal(event["amount"])) == ("tb1qours", Decimal("0.5"))
    where = {"chain": "bitcoin-testnet", "address": "tb1qours"}
    balance = (await client.get("/tatum/v4/data/blockchains/balance", params=where, headers=TATUM)).json()
    assert Decimal(balance["balance"]) == Decimal("0.5")
    query = {"chain": "bitcoin-testnet", "addresses": "tb1qours"}
    history = (await client.get("/tatum/v4/data/transaction/history", params=query, headers=TATUM)).json()
    assert [(row["hash"], row["transactionSubtype"]) for row in history["result"]] == [(tx_hash, "incoming")]


async def test_a_subscription_is_unique_and_can_be_removed(client: httpx2.AsyncClient) -> None:
    body = {"type": "INCOMING_NATIVE_TX", "attr": {"chain": "bitcoin-testnet", "address": "a", "url": "http://w"}}
    first = await client.post("/tatum/v4/subscription", json=body, headers=TATUM)
    assert (await client.post("/tatum/v4/subscription", json=body, headers=TATUM)).status_code == 403
    listed = (await client.get("/tatum/v4/subscription", headers=TATUM)).json()
    assert listed == [{"id": first.json()["id"], **body}]
    assert (await client.delete(f"/tatum/v4/subscription/{listed[0]['id']}", headers=TATUM)).status_code == 204
    assert (await client.get("/tatum/v4/subscription", headers=TATUM)).json() == []


async def test_sends_at_once_are_all_kept(client: httpx2.AsyncClient) -> None:
    pending = await asyncio.gather(*(send_bitcoin(client, "0.001") for _ in range(20)))
    assert len(set(pending)) == 20
    for pending_id in pending:
        assert await tx_id_of(client, pending_id)
    assert len((await book(client, "tatum"))["transactions"]) == 20
