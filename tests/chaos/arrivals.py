"""Coins that came from outside: what the chain has, and what the wallet has made of it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx2

from app.ids import public_id
from app.money import Money, asset
from app.plumbing.mongo import Database
from tests.chaos.customers import Customer

Document = dict[str, Any]
_TIMEOUT_S = 30.0


async def incoming(sandbox_url: str) -> list[Document]:
    """Every mined transaction that the key daemon did not send."""
    async with httpx2.AsyncClient(base_url=sandbox_url, trust_env=False, timeout=_TIMEOUT_S) as sandbox:
        told = (await sandbox.get("/control/tatum/book")).json()["transactions"]
    return [each for each in told if each["kms_id"] is None and each["status"] == "confirmed"]


async def deposits(database: Database) -> list[Document]:
    """Every deposit of coins."""
    return await database["sagas"].find({"type": "crypto_deposit"}).to_list()


def unseen(arrived: Sequence[Document], known: Sequence[Document]) -> Iterator[Document]:
    """What came, and is no deposit yet: its webhook was lost, and its address has not had its turn."""
    seen = {each["params"]["tx_id"] for each in known}
    return (each for each in arrived if each["hash"] not in seen)


def judge_arrivals(
    arrived: Sequence[Document], known: Sequence[Document], customers: Mapping[str, Customer]
) -> Iterator[str]:
    """Each is one deposit of that amount, to the account behind its address, and there are no others."""
    accounts = {each.address: each.account("BTC") for each in customers.values()}
    by_hash: dict[str, list[Document]] = {}
    for deposit in known:
        by_hash.setdefault(deposit["params"]["tx_id"], []).append(deposit)
    for each in arrived:
        made = by_hash.pop(each["hash"], [])
        wanted = (accounts[each["to"]], _money(f"{each['amount']} {each['currency']}"), "completed")
        found = [
            (public_id(deposit["params"]["account_id"]), _money(deposit["params"]["amount"]), deposit["status"])
            for deposit in made
        ]
        if found != [wanted]:
            yield f"{each['hash']} brought {wanted}, and was taken for {found}"
    for tx_id in by_hash:
        yield f"{tx_id} was credited, and the chain has no such transaction"


def _money(told: str) -> Money:
    amount, _, code = told.partition(" ")
    return Money.parse(amount, asset(code))
