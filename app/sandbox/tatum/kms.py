"""KMS: sends that wait for a signature, and the daemon that asks the wallet before it signs.

    pending -> approved -> broadcast           the daemon got a 2xx, signed, and broadcast
    pending -> failed                          the wallet refused too often, or the chain did

The vendor cannot know what the daemon has signed already: an operation deleted after its approval is gone from the
vendor's list, and is broadcast all the same.
"""

from dataclasses import replace
from typing import Any

import httpx2

from app.money import Money
from app.sandbox.simulation import Simulation
from app.sandbox.store import Document
from app.sandbox.tatum.chain_book import AlreadySpent, ChainBook, output_document
from app.sandbox.tatum.chains import CHAINS, Chain, restored
from app.sandbox.tatum.notices import Notices
from app.sandbox.tatum.refusals import body_of, chain_of, invalid, refusal
from app.sandbox.tatum.sends import Sending, account_sending, bitcoin_sending, is_of_tokens, receiver_of
from app.sandbox.tatum.unsigned import bitcoin_transaction
from app.sandbox.vendor import Answer, Call

PENDING = "tatum_kms"
REFUSALS_MAX = 5
ASKS_MAX = 1_000
_LOOKS_EVERY_S = 0.25
"""The daemon looks into the queue now and then, the real one every five seconds: nothing is asked for while the answer
to the call that queued it is still on its way.
"""
_ASK_AGAIN_FIRST_S = 0.2
_ASK_AGAIN_MAX_S = 5.0
_LISTED_MAX = 10_000


class Kms:
    """Pending operations and their daemon."""

    def __init__(self, simulation: Simulation, book: ChainBook, notices: Notices) -> None:
        self._simulation = simulation
        self._store = simulation.store
        self._book = book
        self._notices = notices

    async def send(self, call: Call) -> Answer:
        """Accept a send; the answer is the id of the pending operation, not the signature id that was sent."""
        chain = chain_of(body_of(call).get("chain") if is_of_tokens(call) else call.path("chain"))
        if chain.is_utxo:
            sending = await self._with_inputs(bitcoin_sending(call, chain))
        else:
            sending = account_sending(call, chain, opens=await self._book.opens(chain, *receiver_of(call, chain)))
        await self._book.fund(chain, sending.sender)
        if call.declined or (
            sending.total.asset == chain.coin and await self._book.spendable(chain, sending.sender) < sending.total
        ):
            raise refusal(403, "balance.insufficient", "Insufficient balance on the sending address.")
        pending_id = await self._simulation.new_uuid("tatum-kms")
        await self._store.put(PENDING, self._document(pending_id, sending))
        await self._schedule("ask", pending_id, max(self._simulation.config.pace_s / 4, _LOOKS_EVERY_S))
        return Answer({"signatureId": pending_id})

    async def _with_inputs(self, sending: Sending) -> Sending:
        """The send with the owner of its inputs and its change. Raises Refusal for inputs that are not to be had."""
        inputs = [await self._book.outputs.get(name) for name in sending.spends]
        if any(each is None or each["spent_by"] is not None for each in inputs):
            raise refusal(403, "bitcoin.utxo.missing", "An UTXO is spent already, or was never there.")
        found = [each for each in inputs if each is not None]
        if not found:
            return replace(sending, serialized=bitcoin_transaction(_paid_by(sending), []))
        worth = sum((restored(each) for each in found[1:]), start=restored(found[0]))
        needed = sending.total + (sending.fee or Money(0, worth.asset))
        if worth < needed:
            raise refusal(403, "balance.insufficient", "The UTXOs do not cover the amount and the fee.")
        change = None
        if sending.change_address and needed < worth:
            change = output_document(sending.change_address, worth - needed)
        outputs = [*_paid_by(sending), *([change] if change else [])]
        serialized = bitcoin_transaction(outputs, found)
        return replace(sending, sender=found[0]["address"], change=change, serialized=serialized)

    async def list_pending(self, call: Call) -> Answer:
        """What waits for a signature on a chain, for all signature ids or for the posted ones."""
        chain = chain_of(call.path("chain"))
        query: dict[str, Any] = {"chain": chain.name, "state": {"$in": ["pending", "approved"]}, "deleted": False}
        if call.request.method == "POST":
            wanted = body_of(call).get("signatureIds")
            if not isinstance(wanted, list) or not all(isinstance(key, str) for key in wanted):
                raise invalid("signatureIds", None, "signatureIds must be a list of texts")
            query["signature_ids"] = {"$in": wanted}
        found = await self._store.find(PENDING, query, sort=(("created_at", 1), ("_id", 1)), limit=_LISTED_MAX)
        return Answer([_shown(item) for item in found])

    async def get_pending(self, call: Call) -> Answer:
        return Answer(_shown(await self._listed(call.path("id"))))

    async def complete(self, call: Call) -> Answer:
        """An outside daemon tells the hash under which it broadcast the operation."""
        pending = await self._listed(call.path("id"))
        if pending["tx_id"] is not None:
            raise refusal(403, "kms.completed", "The operation is completed already.")
        await self._broadcast(pending, call.path("tx_id"))
        return Answer(status=204)

    async def delete(self, call: Call) -> Answer:
        pending = await self._listed(call.path("id"))
        if pending["tx_id"] is not None:
            raise refusal(403, "kms.completed", "The operation is completed already.")
        await self._store.put(PENDING, {**pending, "deleted": True})
        return Answer(status=204)

    async def ask(self, pending_id: str) -> None:
        """Put the daemon's question to the wallet: may this be signed."""
        pending = await self._store.get(PENDING, pending_id)
        if pending is None or pending["state"] != "pending" or pending["deleted"]:
            return
        verdict = await self._verdict(pending_id)
        await self._store.atomically(lambda: self._settle(pending_id, verdict))

    async def broadcast(self, pending_id: str) -> None:
        """What was approved goes out, whether or not the vendor still lists it."""
        await self._store.atomically(lambda: self._broadcast_approved(pending_id))

    async def _broadcast_approved(self, pending_id: str) -> None:
        pending = await self._store.get(PENDING, pending_id)
        if pending is not None and pending["state"] == "approved":
            await self._broadcast(pending, None)

    async def _broadcast(self, pending: Document, tx_hash: str | None) -> None:
        try:
            tx_id = await self._book.broadcast(
                next(chain for chain in CHAINS if chain.name == pending["chain"]),
                sender=pending["sender"],
                outputs=pending["outputs"],
                spends=pending["spends"],
                kms_id=pending["_id"],
                nonce=pending["nonce"],
                change=pending["change"],
                tx_hash=tx_hash,
            )
        except AlreadySpent:
            await self._fail(pending, "ethereum.broadcast.failed: nonce too low, or an input is spent")
            return
        await self._store.put(PENDING, {**pending, "state": "broadcast", "tx_id": tx_id})
        if not pending["deleted"]:
            await self._notices.kms_completed(pending["_id"], tx_id)

    async def _verdict(self, pending_id: str) -> int | None:
        """The status the wallet answers with; None when it does not."""
        url = f"{self._simulation.config.api_url}/webhooks/tatum/kms/{pending_id}"
        try:
            return (await self._simulation.http.get(url)).status_code
        except httpx2.RequestError:
            return None

    async def _settle(self, pending_id: str, verdict: int | None) -> None:
        pending = await self._store.get(PENDING, pending_id)
        if pending is None or pending["state"] != "pending":
            return
        asked = {**pending, "asks": pending["asks"] + 1, "refusals": pending["refusals"] + (verdict == 403)}
        if verdict is not None and 200 <= verdict < 300:
            await self._store.put(PENDING, {**asked, "state": "approved"})
            await self._schedule("broadcast", pending_id, self._simulation.config.pace_s / 2)
        elif asked["refusals"] >= REFUSALS_MAX or asked["asks"] >= ASKS_MAX:
            await self._fail(asked, "The external URL did not approve the transaction.")
        else:
            await self._store.put(PENDING, asked)
            backoff_s = min(_ASK_AGAIN_FIRST_S * 2 ** min(pending["asks"], 10), _ASK_AGAIN_MAX_S)
            await self._schedule("ask", pending_id, self._simulation.config.pace_s if verdict == 403 else backoff_s)

    async def _fail(self, pending: Document, error: str) -> None:
        await self._store.put(PENDING, {**pending, "state": "failed", "error": error})
        if not pending["deleted"]:
            await self._notices.kms_failed(pending["_id"], error)

    async def _listed(self, pending_id: str) -> Document:
        pending = await self._store.get(PENDING, pending_id)
        if pending is None or pending["deleted"]:
            raise refusal(403, "kms.missing", "There is no such pending operation.")
        return pending

    async def _schedule(self, move: str, pending_id: str, after_s: float) -> None:
        await self._simulation.agenda.add("tatum", move, pending_id, after_s=after_s)

    def _document(self, pending_id: str, sending: Sending) -> Document:
        return {
            "_id": pending_id,
            "chain": sending.chain.name,
            "sender": sending.sender,
            "outputs": _paid_by(sending),
            "signature_ids": list(sending.signature_ids),
            "spends": list(sending.spends),
            "serialized": sending.serialized,
            "nonce": sending.nonce,
            "change": sending.change,
            "index": sending.index,
            "state": "pending",
            "deleted": False,
            "asks": 0,
            "refusals": 0,
            "tx_id": None,
            "created_at": self._simulation.clock.now(),
        }


def _paid_by(sending: Sending) -> list[Document]:
    return [output_document(output.address, output.amount) for output in sending.outputs]


def _shown(pending: Document) -> dict[str, Any]:
    chain: Chain = next(chain for chain in CHAINS if chain.name == pending["chain"])
    shown = {
        "id": pending["_id"],
        "chain": chain.kms_code,
        "hashes": list(pending["signature_ids"]),
        "serializedTransaction": pending["serialized"],
    }
    if pending["index"] is not None:
        shown["index"] = pending["index"]
    if pending["tx_id"] is not None:
        shown["txId"] = pending["tx_id"]
    return shown
