"""What Tatum tells the wallet: address events and KMS outcomes, signed with the key's HMAC secret."""

import base64
import hashlib
import hmac
from typing import Any

from app.sandbox import exact_json
from app.sandbox.simulation import Simulation
from app.sandbox.store import Document
from app.sandbox.tatum.chains import CHAINS, restored
from app.sandbox.tatum.refusals import body_of, chain_of, invalid, refusal
from app.sandbox.vendor import Answer, Call

SUBSCRIPTIONS = "tatum_subscriptions"
SECRETS = "tatum_secrets"
_SECRET_LENGTH_MAX = 100
_PAGE_MAX = 50


def signature(secret: str, body: bytes) -> str:
    """``x-payload-hash``: base64 of HMAC-SHA512 over JSON without spaces, which is what is sent."""
    return base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha512)).decode()


class Notices:
    """Subscriptions and the notifications that leave."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._store = simulation.store

    async def sign(self, body: bytes) -> dict[str, str]:
        chosen = await self._store.get(SECRETS, "hmac")
        secret = chosen["secret"] if chosen else self._simulation.config.tatum_webhook_secret
        return {"x-payload-hash": signature(secret, body)}

    async def kms_completed(self, pending_id: str, tx_id: str) -> None:
        await self._post({"subscriptionType": "KMS_COMPLETED_TX", "signatureId": pending_id, "txId": tx_id})

    async def kms_failed(self, pending_id: str, error: str) -> None:
        await self._post({"subscriptionType": "KMS_FAILED_TX", "signatureId": pending_id, "error": error})

    async def moved(self, transaction: Document) -> None:
        """Tell of a mined transaction: its sender when it is the daemon's, its receivers when they are watched."""
        sender = transaction["from"]
        for output in transaction["to"]:
            if transaction["kms_id"] is not None:
                await self._address_event(transaction, output, sender, output["address"], "OUTGOING")
            if await self._is_watched(transaction, output):
                await self._address_event(transaction, output, output["address"], sender, "INCOMING")

    async def pooled(self, transaction: Document) -> None:
        """Tell the watched receivers of a UTXO transaction that it waits in the pool."""
        for output in transaction["to"]:
            if await self._is_watched(transaction, output):
                await self._address_event(transaction, output, output["address"], transaction["from"], "INCOMING")

    async def _address_event(
        self, transaction: Document, output: Document, address: str, counter_address: str, direction: str
    ) -> None:
        amount = restored(output)
        chain = next(chain for chain in CHAINS if chain.name == transaction["chain"])
        native = amount.asset == chain.coin
        seen = {"blockNumber": transaction["block_number"]} if transaction["block_number"] else {"mempool": True}
        await self._post(
            {
                "address": address,
                "counterAddress": counter_address,
                "amount": str(amount),
                "asset": amount.asset.code,
                "txId": transaction["_id"],
                **seen,
                "type": "native" if native else "token",
                "chain": chain.testnet,
                "subscriptionType": f"{direction}_{'NATIVE' if native else 'FUNGIBLE'}_TX",
            }
        )

    async def _post(self, body: dict[str, Any]) -> None:
        await self._simulation.webhooks.post("tatum", exact_json.write(body))

    async def _is_watched(self, transaction: Document, output: Document) -> bool:
        """Whether somebody subscribed to that chain, address and kind of coin."""
        chain = next(chain for chain in CHAINS if chain.name == transaction["chain"])
        kind = "NATIVE" if restored(output).asset == chain.coin else "FUNGIBLE"
        query = {
            "attr.address": output["address"],
            "attr.chain": chain.testnet,
            "type": {"$in": [f"INCOMING_{kind}_TX", "ADDRESS_EVENT"]},
        }
        return await self._store.count(SUBSCRIPTIONS, query) > 0

    async def subscribe(self, call: Call) -> Answer:
        body = body_of(call)
        kind, attr = body.get("type"), body.get("attr")
        if not isinstance(kind, str):
            raise invalid("type", None, "type must be a subscription type")
        if not isinstance(attr, dict) or not all(isinstance(attr.get(name), str) for name in ("address", "url")):
            raise invalid("attr", None, "attr must have chain, address and url")
        chain_of(attr.get("chain"))
        same = {"type": kind, "attr.chain": attr["chain"], "attr.address": attr["address"], "attr.url": attr["url"]}
        if there := await self._store.find(SUBSCRIPTIONS, same, limit=1):
            raise refusal(403, "address.subscription.exists", f"Subscription already exists: {there[0]['_id']}")
        key = await self._simulation.new_hex("tatum-subscription", 24)
        attributes = {name: str(attr[name]) for name in ("chain", "address", "url")}
        await self._store.put(SUBSCRIPTIONS, {"_id": key, "type": kind, "attr": attributes})
        return Answer({"id": key})

    async def list_subscriptions(self, call: Call) -> Answer:
        size = call.query("pageSize", "10")
        if not (size.isdecimal() and 1 <= int(size) <= _PAGE_MAX):
            raise invalid("pageSize", size, "pageSize must not be greater than 50")
        offset = call.query("offset", "0")
        found = await self._store.find(
            SUBSCRIPTIONS, {}, skip=int(offset) if offset.isdecimal() else 0, limit=int(size)
        )
        return Answer([{"id": item["_id"], "type": item["type"], "attr": item["attr"]} for item in found])

    async def unsubscribe(self, call: Call) -> Answer:
        if not await self._store.delete(SUBSCRIPTIONS, {"_id": call.path("id")}):
            raise refusal(404, "subscription.not.found", "No such subscription.")
        return Answer(status=204)

    async def set_secret(self, call: Call) -> Answer:
        secret = body_of(call).get("hmacSecret")
        if not isinstance(secret, str) or not 1 <= len(secret) <= _SECRET_LENGTH_MAX:
            raise invalid("hmacSecret", None, "hmacSecret must be at most 100 characters")
        await self._store.put(SECRETS, {"_id": "hmac", "secret": secret})
        return Answer(status=204)
