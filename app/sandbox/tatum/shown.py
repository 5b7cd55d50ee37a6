"""A transaction as each chain's explorer shows it."""

from typing import Any

from app.sandbox.store import Document
from app.sandbox.tatum.chain_book import with_change
from app.sandbox.tatum.chains import CONTRACTS, Chain, restored
from app.sandbox.tatum.encodings import base58, from_base58, token_account
from app.sandbox.tatum.prices import BITCOIN_FEE_SATOSHI, GAS_LIMIT, GAS_PRICE_WEI, TOKEN_GAS_LIMIT

_TRANSFER_TOPIC = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
_LAMPORTS_PER_SIGNATURE = 5_000
_RENT_LAMPORTS = 2_039_280
"""What an account for a token must hold to stay."""
_HELD_BEFORE = 1_000_000
"""What a receiver is shown to have had of a token before, if they had an account for it."""
_TRON_FEE_SUN = 1_100_000
_LOGS_OF_OTHERS = 97


def shown(chain: Chain, transaction: Document) -> dict[str, Any]:
    """The vendor's answer for a mined transaction."""
    if chain.is_utxo:
        return utxo_shown(transaction)
    if chain.is_evm:
        return _evm_shown(chain, transaction)
    return _tron_shown(chain, transaction) if chain.name == "tron" else _solana_shown(chain, transaction)


def utxo_shown(transaction: Document) -> dict[str, Any]:
    """Values are satoshi, as in the vendor's schema of UTXO transactions."""
    outputs = [
        {"value": restored(output).minor, "address": output["address"], "script": ""}
        for output in with_change(transaction)["to"]
    ]
    spends = transaction["spends"] or [f"{transaction['_id'][::-1]}:0"]
    spent = sum(output["value"] for output in outputs) + BITCOIN_FEE_SATOSHI
    return {
        "hash": transaction["_id"],
        "blockNumber": transaction["block_number"],
        "fee": BITCOIN_FEE_SATOSHI,
        "time": int(transaction["mined_at"].timestamp()),
        "inputs": [
            {
                "prevout": {"hash": name.rpartition(":")[0], "index": int(name.rpartition(":")[2])},
                "coin": {"address": transaction["from"], "value": spent // len(spends)},
            }
            for name in spends
        ],
        "outputs": outputs,
    }


def _evm_shown(chain: Chain, transaction: Document) -> dict[str, Any]:
    """Wei as texts; a token's receiver and amount are in the log of its contract."""
    output = transaction["to"][0]
    amount, price = restored(output), str(GAS_PRICE_WEI["medium"])
    contract = None if amount.asset == chain.coin else CONTRACTS[chain.name, amount.asset.code]
    used = GAS_LIMIT if contract is None else TOKEN_GAS_LIMIT
    logs = []
    if contract is not None and not transaction["reverts"]:
        topics = [_TRANSFER_TOPIC, _word(transaction["from"]), _word(output["address"])]
        in_block = (transaction["block_number"] or 0) % _LOGS_OF_OTHERS  # a log's index counts its whole block's
        logs.append({"address": contract, "topics": topics, "data": f"0x{amount.minor:064x}", "logIndex": in_block})
    return {
        "hash": transaction["_id"],
        "transactionHash": transaction["_id"],
        "blockNumber": transaction["block_number"],
        "from": transaction["from"],
        "to": output["address"] if contract is None else contract,
        "value": str(amount.minor) if contract is None else "0",
        "nonce": transaction["nonce"],
        "gas": used,
        "gasPrice": price,
        "gasUsed": used,
        "effectiveGasPrice": price,
        "status": not transaction["reverts"],
        "logs": logs,
    }


def _tron_shown(chain: Chain, transaction: Document) -> dict[str, Any]:
    output = transaction["to"][0]
    amount = restored(output)
    value: dict[str, Any] = {"ownerAddressBase58": transaction["from"]}
    if amount.asset == chain.coin:
        kind = "TransferContract"
        value |= {"toAddressBase58": output["address"], "amount": amount.minor}
    else:
        kind = "TriggerSmartContract"
        receiver = from_base58(output["address"])[1:21].hex().rjust(64, "0")
        value |= {
            "contractAddress": CONTRACTS[chain.name, amount.asset.code],
            "data": f"a9059cbb{receiver}{amount.minor:064x}",
        }
    return {
        "txID": transaction["_id"],
        "blockNumber": transaction["block_number"],
        "ret": [{"contractRet": "REVERT" if transaction["reverts"] else "SUCCESS", "fee": _TRON_FEE_SUN}],
        "rawData": {"contract": [{"type": kind, "parameter": {"value": value}}]},
    }


def _solana_shown(chain: Chain, transaction: Document) -> dict[str, Any]:
    is_coin = restored(transaction["to"][0]).asset == chain.coin
    keys, balances = _coins_moved(transaction) if is_coin else _tokens_moved(chain, transaction)
    return {
        "slot": transaction["block_number"],
        "blockTime": int(transaction["mined_at"].timestamp()),
        "meta": {
            "err": {"InstructionError": [0, "Custom"]} if transaction["reverts"] else None,
            "fee": _LAMPORTS_PER_SIGNATURE,
            **balances,
        },
        "transaction": {"signatures": [transaction["_id"]], "message": {"accountKeys": keys}},
    }


def _coins_moved(transaction: Document) -> tuple[list[str], dict[str, Any]]:
    """The accounts of a transfer of lamports, and what each had before and after it."""
    output = transaction["to"][0]
    amount = 0 if transaction["reverts"] else restored(output).minor
    keys = [transaction["from"], output["address"], "1" * 32]
    return keys, {"preBalances": [amount + _LAMPORTS_PER_SIGNATURE, 0, 1], "postBalances": [0, amount, 1]}


def _tokens_moved(chain: Chain, transaction: Document) -> tuple[list[str], dict[str, Any]]:
    """The same of a token: the payer's account for it, and the receiver's, opened where there was none."""
    wallets = (transaction["from"], transaction["to"][0]["address"])
    amount, mint = restored(transaction["to"][0]), CONTRACTS[chain.name, transaction["to"][0]["asset"]]
    moved, known = (0 if transaction["reverts"] else amount.minor), not transaction["opens"]
    opened = transaction["opens"] and not transaction["reverts"]
    keys = [wallets[0], *(base58(token_account(from_base58(each), from_base58(mint))) for each in wallets), mint]

    def held(place: int, minor: int) -> dict[str, Any]:
        told = {"amount": str(minor), "decimals": amount.asset.scale}
        return {"accountIndex": place, "mint": mint, "owner": wallets[place - 1], "uiTokenAmount": told}

    rent, there = _RENT_LAMPORTS * opened, _RENT_LAMPORTS * known
    before, after = [held(1, amount.minor)], [held(1, amount.minor - moved)]
    if known:
        before.append(held(2, _HELD_BEFORE))
    if known or opened:
        after.append(held(2, moved + _HELD_BEFORE * known))
    return keys, {
        "preBalances": [_LAMPORTS_PER_SIGNATURE + rent, _RENT_LAMPORTS, there, 1],
        "postBalances": [0, _RENT_LAMPORTS, there + rent, 1],
        "preTokenBalances": before,
        "postTokenBalances": after,
    }


def _word(address: str) -> str:
    """An address in the 32 bytes of a topic."""
    digits = address.removeprefix("0x").lower()
    return f"0x{(digits if len(digits) == 40 else digits.encode().hex()[:40]).rjust(64, '0')}"
