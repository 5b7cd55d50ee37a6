"""Tatum: exact sends, a decoded queue, transactions as the chain has them."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from app.money import BTC, USD, Money
from app.providers import exact_json
from app.providers.chain_ports import CoinOrder, Paid, PendingSend
from app.providers.outcomes import Declined, OutcomeUnknown, ProviderOutcome, Unavailable
from app.providers.tatum import utxo, wire
from app.providers.tatum.adapter import TatumAdapter, TreasuryWallet, request_headers
from app.providers.tatum.chains import CHAINS
from app.providers.tatum.fields import coins as coins_told
from app.providers.transport import Transport
from tests.providers.tiny_vendor import Answer, TinyVendor

TREASURY = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"
RECEIVER = "tb1qqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesrxh6hy"
TREASURY_SCRIPT = "0014751e76e8199196d454941c45d1b3a323f1433bd6"
RECEIVER_SCRIPT = "0020000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433"
"""Both pairs are BIP-173's own."""
ORDER = CoinOrder("bitcoin", RECEIVER, Money(130_001, BTC))
FEES = Answer(200, {"fast": 30.5, "medium": 20, "slow": 1})
BITCOIN = CHAINS["bitcoin"]


def error(status: int, code: str, message: str = "no") -> Answer:
    return Answer(status, {"statusCode": status, "errorCode": code, "message": message})


def unsigned(*outputs: dict[str, Any]) -> str:
    """What bitcore-lib writes of a transaction, with change and one input."""
    change = {"satoshis": 869_581, "script": TREASURY_SCRIPT}
    spent = {"prevTxId": "ab" * 32, "outputIndex": 1, "script": "", "output": {"satoshis": 10**6, "script": ""}}
    return json.dumps({"version": 2, "inputs": [spent], "outputs": [*outputs, change], "nLockTime": 0})


PAID = {"satoshis": 130_001, "script": RECEIVER_SCRIPT}


def operation(*, id_: str = "op-1", receivers: int = 1, **more: Any) -> dict[str, Any]:
    serialized = unsigned(*[PAID] * receivers)
    return {"id": id_, "chain": "BTC", "hashes": [], "serializedTransaction": serialized, **more}


@asynccontextmanager
async def tatum(vendor: TinyVendor) -> AsyncIterator[TatumAdapter]:
    transport = Transport(
        "tatum",
        base_url="http://tatum.test",
        timeout_s=1,
        error_code=wire.error_code,
        headers=request_headers(SecretStr("key")),
        transport=httpx2.ASGITransport(vendor),
    )
    yield TatumAdapter(transport, network="testnet", wallets={"bitcoin": TreasuryWallet(TREASURY, "sig-1")})
    await transport.aclose()


def answering(*answers: Answer) -> tuple[TinyVendor, AbstractAsyncContextManager[TatumAdapter]]:
    vendor = TinyVendor(*answers)
    return vendor, tatum(vendor)


async def test_a_send_names_its_coins_exactly_and_returns_the_pending_operation() -> None:
    vendor, opened = answering(FEES, Answer(200, {"signatureId": "op-1"}))
    async with opened as coins:
        assert await coins.send(ORDER) == "op-1"
    assert [(each.method, each.path) for each in vendor.asked] == [
        ("GET", "/v3/blockchain/fee/BTC"),
        ("POST", "/v3/bitcoin/transaction"),
    ]
    assert vendor.last.headers["x-api-key"] == "key"
    assert vendor.last.body.decode() == (
        f'{{"fromAddress":[{{"address":"{TREASURY}","signatureId":"sig-1"}}],'
        f'"to":[{{"address":"{RECEIVER}","value":0.00130001}}],"fee":"0.00004180","changeAddress":"{TREASURY}"}}'
    )


@given(st.integers(min_value=1, max_value=21_000_000 * 10**8))
def test_every_amount_of_bitcoin_goes_out_and_comes_back_exactly(minor: int) -> None:
    order = CoinOrder("bitcoin", RECEIVER, Money(minor, BTC))
    body = utxo.send_request(order, BITCOIN, signature_id="s", treasury_address=TREASURY, fee=Money(1, BTC))
    text = exact_json.dumps(body)
    assert re.search(r'"value":[0-9]+\.[0-9]{8}}', text)
    assert coins_told(exact_json.loads(text)["to"][0]["value"], BTC) == order.amount


REFUSALS: list[tuple[Answer, type[ProviderOutcome], str]] = [
    (error(403, "balance.insufficient"), Declined, "balance.insufficient"),
    (error(403, "kms.missing"), Declined, "kms.missing"),
    (error(400, "validation.failed"), Declined, "validation.failed"),
    (error(403, "bitcoin.broadcast.failed", "Transaction ALREADY KNOWN"), OutcomeUnknown, "already-known"),
    (error(403, "ethereum.broadcast.failed", "nonce too low"), OutcomeUnknown, "already-known"),
    (error(401, "subscription.invalid"), Unavailable, "unauthorized"),
    (error(403, "subscription.exhausted"), Unavailable, "unauthorized"),
    (error(403, "credits.exhausted"), Unavailable, "unauthorized"),
    (error(429, "throttled"), Unavailable, "rate-limited"),
    (error(500, "server.error"), OutcomeUnknown, "http-500"),
    (Answer(200, {"txId": "0x1"}), OutcomeUnknown, "unintelligible"),
]


@pytest.mark.parametrize(("answer", "word", "reason"), REFUSALS)
async def test_what_a_refused_send_means(answer: Answer, word: type[ProviderOutcome], reason: str) -> None:
    vendor, opened = answering(FEES, answer)
    async with opened as coins:
        with pytest.raises(ProviderOutcome) as raised:
            await coins.send(ORDER)
    assert (type(raised.value), raised.value.reason, len(vendor.asked)) == (word, reason, 2)


async def test_without_a_fee_nothing_is_sent() -> None:
    vendor, opened = answering(Answer(500))
    async with opened as coins:
        with pytest.raises(Unavailable):
            await coins.send(ORDER)
    assert {each.method for each in vendor.asked} == {"GET"}


async def test_a_chain_that_we_do_not_reach_is_declined_before_anything_is_sent() -> None:
    vendor, opened = answering(FEES)
    async with opened as coins:
        with pytest.raises(Declined, match="unknown-chain"):
            await coins.send(CoinOrder("dogecoin", RECEIVER, Money(1, BTC)))
    assert vendor.asked == []


async def test_a_pending_send_is_decoded_from_what_will_be_signed() -> None:
    vendor, opened = answering(Answer(200, operation(txId="")), Answer(200, operation(txId="0x7")))
    async with opened as coins:
        spent = frozenset({f"{'ab' * 32}:1"})
        expected = PendingSend("op-1", "bitcoin", RECEIVER, Money(130_001, BTC), None, inputs=spent)
        assert await coins.pending_send("op-1") == expected
        signed = await coins.pending_send("op-1")
        assert signed is not None
        assert signed.tx_id == "0x7"
    assert vendor.last.path == "/v3/kms/op-1"


async def test_an_operation_that_is_not_there_is_none_whatever_the_status() -> None:
    _, opened = answering(error(404, "kms.not.found"), error(403, "kms.missing"), Answer(404, b"<html>"))
    async with opened as coins:
        assert await coins.pending_send("op-1") is None
        assert await coins.pending_send("op-1") is None
        with pytest.raises(Unavailable):
            await coins.pending_send("op-1")


async def test_the_queue_lists_single_sends_only_because_ours_are() -> None:
    vendor, opened = answering(Answer(200, [operation(), operation(id_="op-2", receivers=2)]))
    async with opened as coins:
        assert [each.id for each in await coins.pending_sends("bitcoin")] == ["op-1"]
    assert (vendor.last.method, vendor.last.path) == ("POST", "/v3/kms/pending/BTC")
    assert vendor.last.json == {"signatureIds": ["sig-1"]}


UNDECODABLE = [
    {"serializedTransaction": "0200000001ab"},
    {"serializedTransaction": '{"inputs":[],"outputs":{}}'},
    {"serializedTransaction": unsigned({**PAID, "satoshis": 0.5})},
    {"serializedTransaction": unsigned({**PAID, "satoshis": -1})},
    {"serializedTransaction": unsigned({**PAID, "script": "6a"})},
    {"serializedTransaction": unsigned({**PAID, "script": RECEIVER_SCRIPT[:-2]})},
    {"chain": "DOGE"},
]


@pytest.mark.parametrize("damage", UNDECODABLE)
async def test_a_queue_that_cannot_be_decoded_proves_no_absence(damage: dict[str, str]) -> None:
    _, opened = answering(Answer(200, [operation() | damage]))
    async with opened as coins:
        with pytest.raises(Unavailable, match="unintelligible"):
            await coins.pending_sends("bitcoin")


async def test_a_pending_send_is_deleted_and_one_that_is_gone_is_no_error() -> None:
    vendor, opened = answering(Answer(204), error(404, "kms.missing"), error(403, "kms.completed"), Answer(500))
    async with opened as coins:
        await coins.cancel_send("op-1")
        assert (vendor.last.method, vendor.last.path) == ("DELETE", "/v3/kms/op-1")
        await coins.cancel_send("op-1")
        with pytest.raises(Declined, match=r"kms\.completed"):
            await coins.cancel_send("op-1")
        with pytest.raises(OutcomeUnknown):
            await coins.cancel_send("op-1")


def mined(**more: Any) -> dict[str, Any]:
    outputs = [
        {"address": RECEIVER, "value": 130_001},
        {"address": TREASURY, "value": "0.5"},
        {"script": "6a", "value": 0},
    ]
    return {"hash": "ab", "blockNumber": 100, "fee": "0.0000418", "inputs": [], "outputs": outputs, **more}


@pytest.mark.parametrize("height", [102, "102", {"blockNumber": 102}, {"height": 102}])
async def test_a_mined_transaction_counts_its_own_block(height: Any) -> None:
    vendor, opened = answering(Answer(200, mined()), Answer(200, height))
    async with opened as coins:
        found = await coins.transaction("bitcoin", "ab")
    assert found is not None
    assert (found.status, found.block_number, found.confirmations) == ("mined", 100, 3)
    assert found.fee == Money(4180, BTC)
    assert found.paid == (Paid("0", RECEIVER, Money(130_001, BTC)), Paid("1", TREASURY, Money(50_000_000, BTC)))
    assert vendor.asked[0].query == {"chain": "bitcoin-testnet", "hash": "ab"}


async def test_a_waiting_transaction_has_no_confirmations_and_needs_no_height() -> None:
    vendor, opened = answering(Answer(200, mined(blockNumber=None)))
    async with opened as coins:
        found = await coins.transaction("bitcoin", "ab")
    assert found is not None
    assert (found.status, found.confirmations, len(vendor.asked)) == ("pending", 0, 1)


@pytest.mark.parametrize(("enough", "confirmations", "asked"), [(1, 1, 1), (2, 3, 2), (6, 3, 2)])
async def test_nobody_asks_how_deep_a_block_is_if_the_block_is_enough(
    enough: int, confirmations: int, asked: int
) -> None:
    vendor, opened = answering(Answer(200, mined()), Answer(200, 102))
    async with opened as coins:
        found = await coins.transaction("bitcoin", "ab", enough=enough)
    assert found is not None
    assert (found.status, found.confirmations, len(vendor.asked)) == ("mined", confirmations, asked)


async def test_a_height_behind_the_block_confirms_nothing() -> None:
    _, opened = answering(Answer(200, mined()), Answer(200, 98))
    async with opened as coins:
        found = await coins.transaction("bitcoin", "ab")
    assert found is not None
    assert found.confirmations == 0


@pytest.mark.parametrize("height", [-1, True, "high", {}, {"hash": "ab"}, None])
async def test_a_height_that_cannot_be_read_is_unavailable(height: Any) -> None:
    _, opened = answering(Answer(200, mined()), Answer(200, height))
    async with opened as coins:
        with pytest.raises(Unavailable, match="unintelligible"):
            await coins.transaction("bitcoin", "ab")


async def test_an_unknown_hash_is_none() -> None:
    _, opened = answering(error(404, "tx.not.found"))
    async with opened as coins:
        assert await coins.transaction("bitcoin", "ab") is None


AMOUNTS = [
    (1, 1),
    ("1", 100_000_000),
    (Decimal("0.00000001"), 1),
    (Decimal("1E-8"), 1),
    ("0.5", 50_000_000),
    (Decimal("2.0"), 200_000_000),
]


@pytest.mark.parametrize(("told", "minor"), AMOUNTS)
def test_integers_count_satoshis_and_everything_else_whole_coins(told: Any, minor: int) -> None:
    assert coins_told(told, BTC) == Money(minor, BTC)


@pytest.mark.parametrize("told", ["1e5", "-1", -1, "NaN", "", " 1", None, True, [], "0.000000001", -0.5, "\uff11"])
async def test_what_is_not_an_amount_makes_the_answer_unintelligible(told: Any) -> None:
    outputs = [{"address": RECEIVER, "value": told}]
    _, opened = answering(Answer(200, mined(blockNumber=None, outputs=outputs)))
    async with opened as coins:
        with pytest.raises(Unavailable, match="unintelligible"):
            await coins.transaction("bitcoin", "ab")


async def test_a_price_is_an_exact_number() -> None:
    vendor, opened = answering(Answer(200, {"value": "90123.456789", "basePair": "USD"}))
    async with opened as rates:
        assert await rates.rate(BTC, USD) == Decimal("90123.456789")
    assert (vendor.last.path, vendor.last.query) == ("/v4/data/rate/symbol", {"symbol": "BTC", "basePair": "USD"})


@pytest.mark.parametrize("told", ["0", "-1", "NaN", "Infinity", "dear", None])
async def test_a_price_that_is_none_is_unavailable(told: Any) -> None:
    _, opened = answering(Answer(200, {"value": told}))
    async with opened as rates:
        with pytest.raises(Unavailable, match="unintelligible"):
            await rates.rate(BTC, USD)


@pytest.mark.parametrize(("medium", "minor"), [(20, 4180), (1.5, 314), (0.001, 1)])
async def test_the_network_fee_is_the_medium_tier_rounded_up(medium: float, minor: int) -> None:
    _, opened = answering(Answer(200, {"medium": medium}))
    async with opened as rates:
        assert await rates.network_fee("bitcoin", None) == Money(minor, BTC)


@pytest.mark.parametrize("medium", [0, -1, 5_001, None])
async def test_a_fee_in_another_unit_is_not_believed(medium: Any) -> None:
    _, opened = answering(Answer(200, {"medium": medium}))
    async with opened as rates:
        with pytest.raises(Unavailable, match="unintelligible"):
            await rates.network_fee("bitcoin", None)


async def test_a_refused_read_is_unavailable_never_declined() -> None:
    _, opened = answering(error(403, "ethereum.node.failed"))
    async with opened as rates:
        with pytest.raises(Unavailable, match=r"ethereum\.node\.failed"):
            await rates.rate(BTC, USD)
