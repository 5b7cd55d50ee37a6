"""Solana on Tatum's wire: messages decoded byte by byte, and tokens that go from account to account."""

import json
from typing import Any

import pytest

from app.money import ASSETS, Money
from app.providers.chain_ports import CoinOrder, Paid, PendingSend
from app.providers.tatum import base58, solana, wire
from app.providers.tatum.chains import CHAINS
from app.providers.tatum.token_accounts import ASSOCIATED_PROGRAM, TOKEN_PROGRAM, associated, key

SOL, USDC, USDT = ASSETS["SOL"], ASSETS["USDC"], ASSETS["USDT"]
CHAIN = CHAINS["solana"]
TREASURY, RECEIVER = "7vzEoA6qPLqGXe5rxmMK7iha63znnLfwGppBrUfELajg", "9jQtwHhZT1H2TYSMt74msmBmy8UPen4GUysNynPUVkkv"
MINT = "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU"
SYSTEM = bytes(32)
OURS, THEIRS = (base58.encoded(associated(key(each), key(MINT))) for each in (TREASURY, RECEIVER))

Call = tuple[bytes, list[str], bytes]
"""A program, the accounts it is called with, and what it is told."""


def message(*calls: Call, signers: int = 1, first: int = 0) -> str:
    """The daemon's JSON around a legacy message of these calls."""
    keys = [key(TREASURY)]
    for program, accounts, _ in calls:
        keys += [each for each in (*map(key, accounts), program) if each not in keys]
    written = bytes([first | signers, 0, 1, len(keys)]) + b"".join(keys) + bytes(32) + bytes([len(calls)])
    for program, accounts, data in calls:
        places = bytes(keys.index(key(each)) for each in accounts)
        written += bytes([keys.index(program), len(places)]) + places + bytes([len(data)]) + data
    return json.dumps({"txData": written.hex()})


def coins(lamports: int = 5, *, kind: int = 2, program: bytes = SYSTEM) -> Call:
    return program, [TREASURY, RECEIVER], kind.to_bytes(4, "little") + lamports.to_bytes(8, "little")


def tokens(minor: int = 7, *, source: str = OURS, to: str = THEIRS, owner: str = TREASURY, kind: int = 3) -> Call:
    return TOKEN_PROGRAM, [source, to, owner], bytes([kind]) + minor.to_bytes(8, "little")


def checked(minor: int = 7) -> Call:
    return TOKEN_PROGRAM, [OURS, MINT, THEIRS, TREASURY], bytes([12]) + minor.to_bytes(8, "little") + bytes([6])


def opening(account: str = THEIRS, *, data: bytes = b"") -> Call:
    return ASSOCIATED_PROGRAM, [TREASURY, account, RECEIVER, MINT], data


def decoded(serialized: str) -> PendingSend:
    operation = {"id": "op-1", "chain": "SOL", "hashes": ["sig-s"], "serializedTransaction": serialized}
    return wire.pending_send(operation, "testnet", {})


def test_the_account_for_a_wallets_tokens_is_the_one_that_everybody_derives() -> None:
    """As github.com/paulmillr/micro-sol-signer derives it, in its example of a transfer of tokens."""
    mint = CHAIN.tokens[1].contracts["mainnet"]
    wallet = "EqywLUZcm73PSWri93X3M5TN62iFMsUPMjvWYUq89dKB"
    assert CHAIN.tokens[1].asset == USDT
    assert base58.encoded(associated(key(wallet), key(mint))) == "3VDHywae15vgbG2euNPpwoHTEr2eyGLuS6EoF74kDkp4"
    assert solana.paid_at(wallet, USDT, CHAIN, "mainnet") == "3VDHywae15vgbG2euNPpwoHTEr2eyGLuS6EoF74kDkp4"
    assert solana.paid_at(wallet, SOL, CHAIN, "mainnet") == wallet


def test_coins_and_tokens_are_asked_for_at_endpoints_of_their_own() -> None:
    asked = {}
    for amount in (Money(1_500_000_000, SOL), Money(2_500_000, USDC)):
        order = CoinOrder("solana", RECEIVER, amount)
        body = solana.send_request(order, CHAIN, "testnet", signature_id="sig-s", treasury_address=TREASURY)
        asked[solana.send_path(order, CHAIN)] = body
    common = {"from": TREASURY, "to": RECEIVER, "signatureId": "sig-s"}
    assert asked == {
        "/v3/solana/transaction": {**common, "amount": "1.500000000"},
        "/v3/blockchain/token/transaction": {
            **common,
            "amount": "2.500000",
            "chain": "SOL",
            "contractAddress": MINT,
            "digits": 6,
        },
    }


def test_an_operation_is_decoded_from_the_bytes_that_will_be_signed() -> None:
    found = decoded(message(coins(2**40)))
    assert (found.to, found.amount) == (RECEIVER, Money(2**40, SOL))


@pytest.mark.parametrize(
    "serialized",
    [
        message(tokens()),
        message(checked()),
        message(opening(), tokens()),
        message(opening(data=b"\x01"), checked()),
    ],
)
def test_a_transfer_of_tokens_pays_the_receivers_account(serialized: str) -> None:
    found = decoded(serialized)
    assert (found.to, found.amount) == (solana.paid_at(RECEIVER, USDC, CHAIN, "testnet"), Money(7, USDC))


def shortened(serialized: str, change: str) -> str:
    return json.dumps({"txData": json.loads(serialized)["txData"] + change})


@pytest.mark.parametrize(
    "serialized",
    [
        message(coins(program=TOKEN_PROGRAM)),
        message(coins(kind=3)),
        message(coins(), coins()),
        message(coins(), tokens()),
        message(opening(), coins()),
        message(coins(), signers=2),
        message(coins(), first=0x80),
        message(tokens(kind=4)),
        message(tokens(source=THEIRS)),
        message(tokens(owner=RECEIVER)),
        message(opening(OURS), tokens()),
        message(opening(data=b"\x02"), tokens()),
        message(),
        shortened(message(coins()), "00"),
        json.dumps({"txData": json.loads(message(coins()))["txData"][:-2]}),
        json.dumps({"txData": ""}),
        "{}",
    ],
)
def test_what_is_no_single_transfer_of_ours_cannot_be_read_as_one(serialized: str) -> None:
    with pytest.raises((ValueError, TypeError, LookupError)):
        decoded(serialized)


def mined(meta: dict[str, Any], keys: list[str]) -> dict[str, Any]:
    return {
        "slot": 10,
        "meta": {"err": None, "fee": 5_000, **meta},
        "transaction": {"signatures": ["sig"], "message": {"accountKeys": keys}},
    }


def test_a_transaction_has_paid_whom_it_made_richer() -> None:
    balances = {"preBalances": [9_000, 0, 1], "postBalances": [3_999, 1, 1]}
    found = wire.transaction(mined(balances, [TREASURY, RECEIVER, "1" * 32]), CHAIN, "testnet", height=41)
    assert (found.confirmations, found.paid) == (32, (Paid("1", RECEIVER, Money(1, SOL)),))


def held(place: int, owner: str | None, minor: str, mint: str = MINT) -> dict[str, Any]:
    line = {"accountIndex": place, "mint": mint, "uiTokenAmount": {"amount": minor, "decimals": 6}}
    return line if owner is None else {**line, "owner": owner}


def test_tokens_were_paid_to_the_wallets_whose_accounts_have_gained_and_rent_is_spent() -> None:
    meta = {
        "preBalances": [5_000_000, 2_039_280, 0],
        "postBalances": [2_955_720, 2_039_280, 2_039_280],
        "preTokenBalances": [held(1, TREASURY, "9")],
        "postTokenBalances": [held(1, TREASURY, "2"), held(2, RECEIVER, "7")],
    }
    found = wire.transaction(mined(meta, [TREASURY, OURS, THEIRS]), CHAIN, "testnet", height=10)
    assert found.fee == Money(2_044_280, SOL)
    assert found.paid == (Paid("2", THEIRS, Money(2_039_280, SOL)), Paid("token-2", RECEIVER, Money(7, USDC)))


@pytest.mark.parametrize("line", [held(2, RECEIVER, "7", mint=RECEIVER), held(2, None, "7"), held(2, RECEIVER, "0")])
def test_a_token_of_nobody_or_of_another_mint_was_paid_to_nobody(line: dict[str, Any]) -> None:
    meta = {"preBalances": [1, 1, 1], "postBalances": [1, 1, 1], "postTokenBalances": [line]}
    assert wire.transaction(mined(meta, [TREASURY, OURS, THEIRS]), CHAIN, "testnet", height=10).paid == ()
