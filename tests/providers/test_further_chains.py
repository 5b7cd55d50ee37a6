"""A further chain of a known family is one more entry of the table: nothing else has to be written for it."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx2
import pytest

from app.money import ASSETS, Asset, Money
from app.providers.chain_ports import CoinOrder, Input, Paid
from app.providers.tatum import base58, wire
from app.providers.tatum.adapter import TatumAdapter, TreasuryWallet
from app.providers.tatum.addresses import canonical_address, is_valid_address
from app.providers.tatum.chains import CHAINS, USDC, Chain, Token
from app.providers.tatum.receiving import TatumReceiving
from app.providers.transport import Transport
from tests.providers.tiny_vendor import Answer, TinyVendor

ETH = ASSETS["ETH"]
LTC = Asset("LTC", 8, "crypto")
EVM, RECEIVER = "0x66FA9F9D3186B9c13A66B004Fc8bb5F3359C4dEb", "0x81BAE876B70513C9DECc608EEd549977A81AFA1c"
LITECOIN = base58.with_checksum(bytes([0x3A]) + bytes(range(20)))

FURTHER = (
    Chain(
        name="base",
        family="evm",
        coin=ETH,
        path="base",
        symbol="BASE",
        currency="BASE",
        ids={"mainnet": "base-mainnet", "testnet": "base-sepolia"},
        depths=(("", 5),),
        depth_of_tokens=5,
        block_s=2,
        finality="when its batch is final on Ethereum",
        explorer={"mainnet": "https://basescan.org/tx/", "testnet": "https://sepolia.basescan.org/tx/"},
        gas_chain="BASE",
        tokens=(Token(USDC, "USDC_BASE", {"testnet": "0x036CbD53842c5426634e7929541eC2318f3dCF7e"}),),
    ),
    Chain(
        name="litecoin",
        family="utxo",
        coin=LTC,
        path="litecoin",
        symbol="LTC",
        currency="LTC",
        ids={"mainnet": "litecoin-mainnet", "testnet": "litecoin-testnet"},
        depths=(("", 6),),
        depth_of_tokens=6,
        block_s=150,
        finality="by depth",
        explorer={"mainnet": "https://litecoinspace.org/tx/", "testnet": "https://litecoinspace.org/testnet/tx/"},
        send_bytes=209,
        address_prefixes={"mainnet": "ltc", "testnet": "tltc"},
        address_versions={"mainnet": (0x30, 0x32), "testnet": (0x6F, 0x3A)},
    ),
)
WALLETS = {
    "base": TreasuryWallet(EVM, "sig-b", xpub="xpub-b"),
    "litecoin": TreasuryWallet(LITECOIN, "sig-l", xpub="xpub-l"),
}
QUEUED = Answer(200, {"signatureId": "op-1"})


@pytest.fixture(autouse=True)
def further() -> Iterator[None]:
    CHAINS.update({chain.name: chain for chain in FURTHER})
    yield
    for chain in FURTHER:
        del CHAINS[chain.name]


@asynccontextmanager
async def tatum(*answers: Answer) -> AsyncIterator[tuple[TinyVendor, TatumAdapter, TatumReceiving]]:
    vendor = TinyVendor(*answers)
    transport = Transport(
        "tatum",
        base_url="http://tatum.test",
        timeout_s=1,
        error_code=wire.error_code,
        transport=httpx2.ASGITransport(vendor),
    )
    coins = TatumAdapter(transport, network="testnet", wallets=WALLETS)
    yield vendor, coins, TatumReceiving(transport, coins, network="testnet", wallets=WALLETS, told_at="https://us.test")
    await transport.aclose()


async def test_coins_and_tokens_of_an_evm_chain_are_sent_followed_and_received() -> None:
    assert is_valid_address("base", "testnet", RECEIVER)
    assert canonical_address("base", RECEIVER.lower()) == RECEIVER
    gas = Answer(200, {"gasPrice": "20000000", "gasLimit": "65000"})
    async with tatum(gas, QUEUED) as (vendor, coins, _):
        await coins.send(CoinOrder("base", RECEIVER, Money(7, USDC), nonce=3))
        estimated, sent = vendor.asked
        assert (estimated.json["chain"], sent.path) == ("BASE", "/v3/base/transaction")
        assert (sent.json["currency"], sent.json["nonce"], sent.json["amount"]) == ("USDC_BASE", 3, "0.000007")
    unsigned = json.dumps({"to": RECEIVER, "value": hex(10**18), "nonce": 4})
    operation = {"id": "op-1", "chain": "BASE", "serializedTransaction": unsigned}
    found = wire.pending_send(operation, "testnet", {})
    assert (found.chain, found.to, found.amount) == ("base", RECEIVER, Money(10**18, ETH))
    async with tatum(Answer(200, {"id": "sub-1"})) as (vendor, _, receiving):
        await receiving.watch("base", RECEIVER)
        assert [asked.json["attr"]["chain"] for asked in vendor.asked] == ["base-sepolia"] * 2


async def test_coins_of_a_utxo_chain_are_sent_followed_and_received() -> None:
    assert is_valid_address("litecoin", "testnet", LITECOIN)
    assert not is_valid_address("litecoin", "mainnet", LITECOIN)
    assert not is_valid_address("bitcoin", "testnet", LITECOIN)
    order = CoinOrder("litecoin", LITECOIN, Money(5_000, LTC), inputs=(Input("ab", 1, Money(9_000, LTC)),))
    async with tatum(Answer(200, {"medium": 8}), QUEUED) as (vendor, coins, _):
        await coins.send(order)
        assert [asked.path for asked in vendor.asked] == ["/v3/blockchain/fee/LTC", "/v3/litecoin/transaction"]
    body = {"hash": "ab", "blockNumber": 10, "fee": 9, "outputs": [{"address": LITECOIN, "value": 5_000}]}
    found = wire.transaction(body, CHAINS["litecoin"], "testnet", height=15)
    assert (found.confirmations, found.paid) == (6, (Paid("0", LITECOIN, Money(5_000, LTC)),))
    assert CHAINS["litecoin"].confirmations(Money(5_000, LTC)) == 6
