"""Addresses of customers on Tatum's wire: derived, watched, read; and what is offered to displace a transaction."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from app.money import ASSETS, BTC, Asset, Money
from app.providers.chain_ports import CoinOrder, Movement
from app.providers.outcomes import Declined, Unavailable
from app.providers.tatum import wire
from app.providers.tatum.adapter import TatumAdapter, TreasuryWallet, request_headers
from app.providers.tatum.receiving import TatumReceiving
from app.providers.transport import Transport
from tests.providers.tiny_vendor import Answer, TinyVendor

ETH, USDC = ASSETS["ETH"], ASSETS["USDC"]
EVM, RECEIVER = "0x66FA9F9D3186B9c13A66B004Fc8bb5F3359C4dEb", "0x81BAE876B70513C9DECc608EEd549977A81AFA1c"
BITCOIN = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"
WALLETS = {
    "bitcoin": TreasuryWallet(BITCOIN, "sig-b", xpub="tpub/key?"),
    "ethereum": TreasuryWallet(EVM, "sig-1", index=4, xpub="xpub-e"),
    "solana": TreasuryWallet("7vzEoA6qPLqGXe5rxmMK7iha63znnLfwGppBrUfELajg", "sig-s"),
}


@asynccontextmanager
async def tatum(
    vendor: TinyVendor, wallets: Mapping[str, TreasuryWallet] = WALLETS
) -> AsyncIterator[tuple[TatumReceiving, TatumAdapter]]:
    transport = Transport(
        "tatum",
        base_url="http://tatum.test",
        timeout_s=1,
        error_code=wire.error_code,
        headers=request_headers(SecretStr("key")),
        transport=httpx2.ASGITransport(vendor),
    )
    chains = TatumAdapter(transport, network="testnet", wallets=wallets)
    yield TatumReceiving(transport, chains, network="testnet", wallets=wallets, told_at="https://us.test/hook"), chains
    await transport.aclose()


async def test_an_address_is_derived_from_the_public_key_by_its_number() -> None:
    vendor = TinyVendor(Answer(200, {"address": RECEIVER}))
    async with tatum(vendor) as (receiving, _):
        assert await receiving.deposit_address("ethereum", 7) == RECEIVER
        await receiving.deposit_address("bitcoin", 0)
    assert [asked.path for asked in vendor.asked] == [
        "/v3/ethereum/address/xpub-e/7",
        "/v3/bitcoin/address/tpub%2Fkey%3F/0",
    ]
    assert {asked.headers["x-api-key"] for asked in vendor.asked} == {"key"}


@pytest.mark.parametrize("chain", ["solana", "polygon", "dogecoin"])
async def test_without_a_public_key_no_address_is_derived(chain: str) -> None:
    vendor = TinyVendor(Answer(200, {"address": "x"}))
    async with tatum(vendor) as (receiving, _):
        with pytest.raises(Declined):
            await receiving.deposit_address(chain, 0)
    assert vendor.asked == []


async def test_where_a_chain_derives_none_those_that_the_daemon_has_made_are_given_out() -> None:
    vendor = TinyVendor(Answer(500))
    made = {"solana": replace(WALLETS["solana"], addresses=("first", "second"))}
    async with tatum(vendor, made) as (receiving, _):
        assert [await receiving.deposit_address("solana", index) for index in (0, 1)] == ["first", "second"]
        with pytest.raises(Unavailable, match="no-address-left"):
            await receiving.deposit_address("solana", 2)
    assert vendor.asked == []


async def test_an_address_is_watched_for_coins_and_where_there_are_any_for_tokens() -> None:
    vendor = TinyVendor(Answer(200, {"id": "sub-1"}))
    async with tatum(vendor) as (receiving, _):
        await receiving.watch("ethereum", RECEIVER)
        await receiving.watch("bitcoin", BITCOIN)
    attributes = {"chain": "ethereum-sepolia", "address": RECEIVER, "url": "https://us.test/hook"}
    assert [asked.json for asked in vendor.asked] == [
        {"type": "INCOMING_NATIVE_TX", "attr": attributes},
        {"type": "INCOMING_FUNGIBLE_TX", "attr": attributes},
        {"type": "INCOMING_NATIVE_TX", "attr": {**attributes, "chain": "bitcoin-testnet", "address": BITCOIN}},
    ]


async def test_what_is_watched_already_is_watched() -> None:
    known = {"statusCode": 403, "errorCode": "address.subscription.exists", "message": "exists"}
    async with tatum(TinyVendor(Answer(403, known))) as (receiving, _):
        await receiving.watch("ethereum", RECEIVER)


async def test_a_refused_watch_is_unavailable_because_it_may_be_asked_again() -> None:
    refused = {"statusCode": 403, "errorCode": "subscription.limit", "message": "no"}
    async with tatum(TinyVendor(Answer(403, refused))) as (receiving, _):
        with pytest.raises(Unavailable):
            await receiving.watch("ethereum", RECEIVER)


BALANCES: list[tuple[str, Asset, Any, str]] = [
    ("ethereum", ETH, {"balance": "0.123400000000000001"}, "0.123400000000000001 ETH"),
    ("bitcoin", BTC, {"incoming": "1.5", "outgoing": "0.50000001", "incomingPending": "9"}, "0.99999999 BTC"),
    ("ethereum", USDC, {"result": []}, "0.000000 USDC"),
]
CONTRACT = "0x1c7d4b196cb0c7b01d743fbc6116a902379c7238"


@pytest.mark.parametrize(("chain", "asset", "body", "held"), BALANCES)
async def test_a_balance_is_exact(chain: str, asset: Asset, body: Any, held: str) -> None:
    async with tatum(TinyVendor(Answer(200, body))) as (receiving, _):
        balance = await receiving.balance(chain, RECEIVER, asset)
    assert f"{balance} {balance.asset.code}" == held


@pytest.mark.parametrize(("told", "minor"), [("12.5", 12_500_000), ("12500000", 12_500_000), ("0", 0)])
async def test_a_portfolio_counts_whole_tokens_with_a_point_and_smallest_units_without(told: str, minor: int) -> None:
    lines = [
        {"type": "native", "balance": "3"},
        {"type": "fungible", "balance": "999", "tokenAddress": "0x7169D38820dfd117C3FA1f22a697dBA58d90BA06"},
        {"type": "fungible", "balance": told, "tokenAddress": CONTRACT},
    ]
    vendor = TinyVendor(Answer(200, {"result": lines}))
    async with tatum(vendor) as (receiving, _):
        assert await receiving.balance("ethereum", RECEIVER, USDC) == Money(minor, USDC)
    assert vendor.last.query == {"chain": "ethereum-sepolia", "addresses": RECEIVER, "tokenTypes": "fungible"}


@pytest.mark.parametrize("body", [{}, {"balance": None}, {"balance": "1e5"}, {"balance": "-"}, []])
async def test_a_balance_that_cannot_be_read_is_unavailable(body: Any) -> None:
    async with tatum(TinyVendor(Answer(200, body))) as (receiving, _):
        with pytest.raises(Unavailable):
            await receiving.balance("ethereum", RECEIVER, ETH)


async def test_the_history_of_an_account_tells_what_came_in_from_what_went_out() -> None:
    lines = [
        {"hash": "0x1", "address": RECEIVER, "transactionSubtype": "incoming"},
        {"hash": "0x2", "address": RECEIVER, "transactionSubtype": "outgoing"},
        {"hash": "0x3", "address": RECEIVER, "transactionSubtype": "zero-transfer"},
    ]
    vendor = TinyVendor(Answer(200, {"result": lines}))
    async with tatum(vendor) as (receiving, _):
        found = await receiving.history("ethereum", RECEIVER, 50)
    assert found == tuple(Movement(f"0x{n}", RECEIVER, incoming=n == 1) for n in (1, 2, 3))
    assert vendor.last.query == {
        "chain": "ethereum-sepolia",
        "addresses": RECEIVER,
        "pageSize": "50",
        "offset": "50",
    }


async def test_the_history_of_a_bitcoin_address_has_an_endpoint_of_its_own() -> None:
    vendor = TinyVendor(Answer(200, [{"hash": "ab"}, {"hash": "cd"}]))
    async with tatum(vendor) as (receiving, _):
        found = await receiving.history("bitcoin", BITCOIN)
    assert [(each.tx_id, each.incoming) for each in found] == [("ab", True), ("cd", True)]
    assert vendor.last.path == "/v4/data/blockchains/transaction/history/utxos"
    assert (vendor.last.query["txType"], vendor.last.query["offset"]) == ("incoming", "0")


@pytest.mark.parametrize(("chain", "body"), [("bitcoin", {"result": []}), ("ethereum", []), ("ethereum", {})])
async def test_a_history_that_cannot_be_read_is_unavailable(chain: str, body: Any) -> None:
    async with tatum(TinyVendor(Answer(200, body))) as (receiving, _):
        with pytest.raises(Unavailable):
            await receiving.history(chain, RECEIVER)


@pytest.mark.parametrize(("percent", "gwei"), [(100, "20.5"), (200, "41"), (110, "22.55")])
async def test_what_is_to_displace_another_offers_more_gas(percent: int, gwei: str) -> None:
    estimate = Answer(200, {"gasPrice": "20500000000", "gasLimit": "21000"})
    vendor = TinyVendor(estimate, Answer(200, {"signatureId": "op-1"}))
    async with tatum(vendor) as (_, chains):
        await chains.send(CoinOrder("ethereum", EVM, Money(1, ETH), nonce=3, gas_percent=percent))
    assert (vendor.last.json["fee"], vendor.last.json["nonce"]) == ({"gasPrice": gwei, "gasLimit": "21000"}, 3)
