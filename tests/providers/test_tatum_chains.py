"""The account chains on Tatum's wire: gas in two units, tokens by their contracts, queues decoded byte by byte."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from app.money import ASSETS, BTC, Money
from app.providers.chain_ports import CoinOrder, Input, Paid
from app.providers.outcomes import Declined, OutcomeUnknown, Unavailable
from app.providers.tatum import base58, wire
from app.providers.tatum.adapter import TatumAdapter, TreasuryWallet, request_headers
from app.providers.tatum.chains import CHAINS
from app.providers.transport import Transport
from tests.providers.tiny_vendor import Answer, TinyVendor

ETH, POL, SOL, TRX, USDC, USDT = (ASSETS[code] for code in ("ETH", "POL", "SOL", "TRX", "USDC", "USDT"))
EVM = "0x66FA9F9D3186B9c13A66B004Fc8bb5F3359C4dEb"
RECEIVER = "0x81BAE876B70513C9DECc608EEd549977A81AFA1c"
TRON, TRON_RECEIVER = "TKMiAFXPoRAozSJMvqwfjo8ThtHrHkjkuj", "TMoA5QSM8XFt9y31sQE2A341ULr3VkRGRD"
SOLANA, SOLANA_RECEIVER = (
    "7vzEoA6qPLqGXe5rxmMK7iha63znnLfwGppBrUfELajg",
    "9jQtwHhZT1H2TYSMt74msmBmy8UPen4GUysNynPUVkkv",
)
BITCOIN = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"
WALLETS = {
    "bitcoin": TreasuryWallet(BITCOIN, "sig-b"),
    "ethereum": TreasuryWallet(EVM, "sig-1", index=4),
    "polygon": TreasuryWallet(EVM, "sig-1"),
    "tron": TreasuryWallet(TRON, "sig-t", index=0),
    "solana": TreasuryWallet(SOLANA, "sig-s"),
}
GAS = Answer(200, {"gasPrice": "20500000000", "gasLimit": "65000"})
QUEUED = Answer(200, {"signatureId": "op-1"})
TOPIC = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"


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
    yield TatumAdapter(transport, network="testnet", wallets=WALLETS)
    await transport.aclose()


async def sent(order: CoinOrder, *answers: Answer) -> TinyVendor:
    vendor = TinyVendor(*answers)
    async with tatum(vendor) as coins:
        assert await coins.send(order) == "op-1"
    return vendor


async def test_an_evm_send_names_its_nonce_and_its_gas_price_in_gwei() -> None:
    vendor = await sent(CoinOrder("ethereum", RECEIVER, Money(25 * 10**16, ETH), nonce=17), GAS, QUEUED)
    assert [each.path for each in vendor.asked] == ["/v4/blockchainOperations/gas", "/v3/ethereum/transaction"]
    assert vendor.last.json == {
        "to": RECEIVER,
        "amount": "0.250000000000000000",
        "currency": "ETH",
        "signatureId": "sig-1",
        "index": 4,
        "nonce": 17,
        "fee": {"gasPrice": "20.5", "gasLimit": "65000"},
    }


async def test_a_token_on_polygon_goes_by_the_vendors_name_for_it() -> None:
    vendor = await sent(CoinOrder("polygon", RECEIVER, Money(1_500_000, USDC), nonce=0), GAS, QUEUED)
    assert vendor.asked[0].json == {
        "chain": "POL_ETH",
        "from": EVM,
        "to": RECEIVER,
        "amount": "1.500000",
        "contractAddress": "0x41E94Eb019C0762f9Bfcf9Fb1E58725BfB0e7582",
    }
    assert (vendor.last.json["currency"], vendor.last.json["amount"], vendor.last.json["nonce"]) == (
        "USDC_MATIC",
        "1.500000",
        0,
    )


async def test_bitcoin_spends_the_inputs_it_is_told_and_no_others() -> None:
    inputs = (Input("ab", 0, Money(5, BTC)), Input("cd", 1, Money(7, BTC)))
    vendor = await sent(CoinOrder("bitcoin", BITCOIN, Money(2, BTC), inputs=inputs, fee=Money(3, BTC)), QUEUED)
    assert vendor.last.json == {
        "fromUTXO": [
            {"txHash": "ab", "index": 0, "signatureId": "sig-b"},
            {"txHash": "cd", "index": 1, "signatureId": "sig-b"},
        ],
        "to": [{"address": BITCOIN, "value": Decimal("2E-8")}],
        "fee": "0.00000003",
        "changeAddress": BITCOIN,
    }


async def test_tron_tokens_have_an_endpoint_of_their_own() -> None:
    vendor = await sent(CoinOrder("tron", TRON_RECEIVER, Money(2_000_000, USDT)), QUEUED)
    assert vendor.last.path == "/v3/tron/trc20/transaction"
    assert vendor.last.json == {
        "from": TRON,
        "to": TRON_RECEIVER,
        "amount": "2.000000",
        "signatureId": "sig-t",
        "index": 0,
        "tokenAddress": "TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBf",
        "feeLimit": 30,
    }
    assert (await sent(CoinOrder("tron", TRON_RECEIVER, Money(1, TRX)), QUEUED)).last.path == "/v3/tron/transaction"


@pytest.mark.parametrize(
    ("chain", "asset"), [("solana", USDT), ("polygon", USDT), ("ethereum", BTC), ("bitcoin", USDC)]
)
async def test_an_asset_that_the_chain_does_not_carry_is_declined_before_anything_is_sent(
    chain: str, asset: Any
) -> None:
    vendor = TinyVendor(GAS)
    async with tatum(vendor) as coins:
        with pytest.raises(Declined, match="unknown-asset"):
            await coins.send(CoinOrder(chain, "x", Money(1, asset)))
    assert vendor.asked == []


async def test_a_nonce_that_was_used_is_no_refusal() -> None:
    refused = Answer(403, {"statusCode": 403, "errorCode": "ethereum.broadcast.failed", "message": "nonce too low"})
    async with tatum(TinyVendor(GAS, refused)) as coins:
        with pytest.raises(OutcomeUnknown):
            await coins.send(CoinOrder("ethereum", RECEIVER, Money(1, ETH), nonce=1))


def queued(chain: str, serialized: object) -> dict[str, Any]:
    text = serialized if isinstance(serialized, str) else json.dumps(serialized)
    return {"id": "op-1", "chain": chain, "hashes": [], "serializedTransaction": text}


def call(to: str, minor: int) -> str:
    return f"0xa9059cbb{to.removeprefix('0x').lower().rjust(64, '0')}{minor:064x}"


SEPOLIA_USDC = "0x1c7D4B196Cb0C7B01d743Fbc6116a902379C7238"


@pytest.mark.parametrize(
    ("unsigned", "to", "amount", "nonce"),
    [
        ({"to": RECEIVER, "value": "0xde0b6b3a7640000", "nonce": 17}, RECEIVER, Money(10**18, ETH), 17),
        ({"to": RECEIVER, "value": "5", "nonce": "0x11", "data": ""}, RECEIVER, Money(5, ETH), 17),
        ({"to": SEPOLIA_USDC.lower(), "value": "0x0", "data": call(RECEIVER, 7)}, RECEIVER, Money(7, USDC), None),
    ],
)
def test_an_evm_operation_is_decoded_to_receiver_amount_token_and_nonce(
    unsigned: dict[str, Any], to: str, amount: Money, nonce: int | None
) -> None:
    found = wire.pending_send(queued("ETH", unsigned), "testnet", {})
    assert (found.chain, found.to, found.amount, found.nonce) == ("ethereum", to, amount, nonce)


@pytest.mark.parametrize(
    "unsigned",
    [
        {"to": RECEIVER, "value": "0x0", "data": call(RECEIVER, 7)},
        {"to": SEPOLIA_USDC, "value": "0x1", "data": call(RECEIVER, 7)},
        {"to": SEPOLIA_USDC, "value": "0x0", "data": call(RECEIVER, 7) + "00"},
        {"to": SEPOLIA_USDC, "value": "0x0", "data": "0x095ea7b3" + call(RECEIVER, 7)[10:]},
        {"to": SEPOLIA_USDC, "value": "0x0", "data": call("1" * 64, 7)},
        {"value": "0x1"},
        {"to": RECEIVER, "value": -1},
    ],
)
def test_a_call_that_is_no_plain_transfer_cannot_be_read_as_one(unsigned: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError, LookupError)):
        wire.pending_send(queued("ETH", unsigned), "testnet", {})


def tron_hex(address: str) -> str:
    data = base58.checked(address)
    assert data is not None
    return data.hex()


def test_a_tron_operation_is_decoded_from_hexadecimal_addresses_and_sun() -> None:
    value = {"owner_address": tron_hex(TRON), "to_address": tron_hex(TRON_RECEIVER), "amount": 1_000_001}
    contract = {"type": "TransferContract", "parameter": {"value": value}}
    found = wire.pending_send(queued("TRON", {"raw_data": {"contract": [contract]}}), "testnet", {})
    assert (found.to, found.amount) == (TRON_RECEIVER, Money(1_000_001, TRX))
    token = {
        "contract_address": tron_hex("TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBf"),
        "data": call(tron_hex(TRON_RECEIVER)[2:], 9)[2:],
    }
    contract = {"type": "TriggerSmartContract", "parameter": {"value": token}}
    found = wire.pending_send(queued("TRON", {"raw_data": {"contract": [contract]}}), "testnet", {})
    assert (found.to, found.amount) == (TRON_RECEIVER, Money(9, USDT))


def mined(**more: Any) -> dict[str, Any]:
    return {
        "hash": "0x1",
        "blockNumber": 100,
        "from": EVM,
        "to": RECEIVER,
        "value": "250",
        "gasUsed": 21_000,
        "effectiveGasPrice": "20",
        "status": True,
        "logs": [],
        **more,
    }


def transfer_log(contract: str, minor: int, **more: Any) -> dict[str, Any]:
    topics = [TOPIC, "0x" + EVM[2:].rjust(64, "0"), "0x" + RECEIVER[2:].lower().rjust(64, "0")]
    return {"address": contract, "topics": topics, "data": hex(minor), **more}


def test_a_mined_evm_transaction_lists_the_coin_and_the_tokens_of_ours_that_it_paid() -> None:
    logs = [transfer_log(SEPOLIA_USDC.upper().replace("0X", "0x"), 7, logIndex=9), transfer_log(RECEIVER, 8)]
    found = wire.transaction(mined(logs=logs), CHAINS["ethereum"], "testnet", height=111)
    assert (found.status, found.confirmations, found.fee) == ("mined", 12, Money(420_000, ETH))
    assert found.paid == (Paid("value", RECEIVER, Money(250, ETH)), Paid("log-0", RECEIVER, Money(7, USDC)))


@pytest.mark.parametrize("status", [False, 0, "0x0"])
def test_a_reverted_transaction_has_paid_nobody_but_the_miner(status: Any) -> None:
    found = wire.transaction(mined(status=status), CHAINS["ethereum"], "testnet", height=111)
    assert (found.status, found.paid, found.fee) == ("reverted", (), Money(420_000, ETH))


@pytest.mark.parametrize(
    ("price", "limit"),
    [("0", "1"), ("20", "0"), ("200000000000001", "21000"), ("20", "30000001"), ("2.5", "1"), (None, "1")],
)
async def test_gas_in_another_unit_is_not_believed(price: Any, limit: str) -> None:
    async with tatum(TinyVendor(Answer(200, {"gasPrice": price, "gasLimit": limit}))) as rates:
        with pytest.raises(Unavailable, match="unintelligible"):
            await rates.network_fee("ethereum", None)


@pytest.mark.parametrize(
    ("chain", "amount", "fee"),
    [
        ("tron", Money(1, TRX), "1.100000"),
        ("tron", Money(1, USDT), "30.000000"),
        ("solana", None, "0.000005000"),
        ("solana", Money(1, USDC), "0.002044280"),
    ],
)
async def test_where_nothing_is_estimated_a_send_costs_at_most_what_is_written_down(
    chain: str, amount: Money | None, fee: str
) -> None:
    async with tatum(TinyVendor()) as rates:
        assert str(await rates.network_fee(chain, None, amount)) == fee


@pytest.mark.parametrize(
    ("chain", "amount", "blocks"),
    [
        ("bitcoin", Money(100_000, BTC), 1),
        ("bitcoin", Money(100_001, BTC), 3),
        ("bitcoin", Money(10**8 + 1, BTC), 6),
        ("ethereum", Money(10**19, ETH), 12),
        ("ethereum", Money(10**19 + 1, ETH), 64),
        ("ethereum", Money(10**18, USDC), 12),
        ("polygon", Money(1, POL), 128),
        ("tron", Money(1, TRX), 20),
        ("solana", Money(1, SOL), 32),
        ("solana", Money(1, USDC), 32),
    ],
)
def test_how_deep_a_transaction_must_be_follows_from_chain_and_amount(chain: str, amount: Money, blocks: int) -> None:
    assert CHAINS[chain].confirmations(amount) == blocks
