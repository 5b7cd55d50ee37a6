"""The chains at the end of a run: every step that delivered coins has a transaction of its own, and nobody else has."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.money import Money, asset
from app.orchestrator.treasury import NONCES, RETURNED_NONCES
from app.plumbing.mongo import Database
from tests.chaos.orders import ETHER
from tests.chaos.telling import told_of

Document = dict[str, Any]


def judge_chain(effects: Sequence[Document], sent: Sequence[Document], sagas: Mapping[str, Document]) -> Iterator[str]:
    """Every delivered step has a transaction of its own, with its recipient and amount, and there are no others."""
    by_hash = {each["hash"]: each for each in sent if each["kms_id"] is not None}
    for effect in effects:
        saga, told = sagas[effect["saga_id"]], told_of(effect)
        tx_id = saga["results"].get(effect["step"], {}).get("tx_id")
        done = saga["steps"].get(effect["step"], {}).get("status") == "done"
        if tx_id is None:
            if done:
                yield f"{told}: the step is done without a transaction"
            continue
        transaction = by_hash.pop(tx_id, None)
        if transaction is None:
            yield f"{told}: the chain has no transaction {tx_id}, or it is another effect's too"
        elif transaction["to"] != effect["request"]["to"] or _coins(transaction) != _coins(effect["request"]):
            yield f"{told}: we asked for {effect['request']}, the chain has {transaction}"
    for transaction in by_hash.values():
        yield f"the chain has {transaction['hash']} to {transaction['to']}, of which we know nothing"


def _coins(told: Document) -> Money:
    return Money.parse(told["amount"], asset(told["currency"]))


async def judge_nonces(database: Database, sent: Sequence[Document]) -> list[str]:
    """Every nonce that was taken was mined once, or given back. Holds once no saga is open."""
    mined = {each["hash"] for each in sent if each["kms_id"] is not None and each["chain"] == ETHER.chain}
    taken = await database[NONCES].find_one({"_id": {"$regex": f"{ETHER.chain}[.]"}})
    given_back = await database[RETURNED_NONCES].count_documents({"free": 1})
    used = (0 if taken is None else taken["next"]) - given_back
    return [] if used == len(mined) else [f"{used} nonces are used up, and the chain has {len(mined)} transactions"]
