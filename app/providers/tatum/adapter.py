"""Tatum as the way to the chains: translate, call, translate.

A send is only queued here. Our key daemon asks for approval, signs and broadcasts; no private key is near.
"""

from datetime import timedelta
from decimal import Decimal

from pydantic import SecretStr

from app.money import Asset, Money
from app.providers.capabilities import Capabilities
from app.providers.outcomes import Declined, OutcomeUnknown, ProviderOutcome, Unavailable
from app.providers.ports import ChainTransaction, CoinOrder, PendingSend
from app.providers.replies import Reply
from app.providers.tatum import wire
from app.providers.tatum.chains import Chain, Network, chain_named
from app.providers.transport import Transport, segment

PROVIDER = "tatum"
CAPABILITIES = Capabilities(
    idempotency="none",
    key_lifetime=None,
    safe_resend_age=None,
    read_lag=timedelta(seconds=30),
    cancels=True,
    provider_fence="approval",
    finality="after the chain's number of confirmations; bitcoin: 3",
)

_FORBIDDEN = 403
_OURS_TO_MEND = ("subscription.", "credits.")
"""Codes of a wrong or used-up key: nothing was done, and nothing about the order is wrong."""
_NO_OPERATION = "kms.missing"


def request_headers(api_key: SecretStr) -> dict[str, str]:
    """What every call to Tatum carries."""
    return {"x-api-key": api_key.get_secret_value(), "Accept": "application/json"}


class TatumAdapter:
    """Satisfies SendsCoins and QuotesRates. Coins leave one treasury address, signed by one handle of the daemon."""

    capabilities = CAPABILITIES

    def __init__(self, transport: Transport, *, network: Network, signature_id: str, treasury_address: str) -> None:
        self._transport = transport
        self._network = network
        self._signature_id = signature_id
        self._treasury_address = treasury_address

    async def send(self, order: CoinOrder) -> str:
        """Queue a send and return the pending operation's id. Twice is two sends: there is no idempotency.

        Raises Declined, Unavailable or OutcomeUnknown, all within one call's timeout, the fee's estimate included.
        """
        chain = chain_named(order.chain)
        deadline = self._transport.deadline()
        body = wire.send_request(
            order,
            chain,
            signature_id=self._signature_id,
            treasury_address=self._treasury_address,
            fee=await self._fee(chain, deadline),
        )
        path = f"/v3/{chain.path}/transaction"
        reply = await self._transport.request("send", "POST", path, json=body, accept={_FORBIDDEN}, deadline=deadline)
        return _successful(reply).read(wire.pending_id)

    async def pending_send(self, pending_id: str) -> PendingSend | None:
        path = f"/v3/kms/{segment(PROVIDER, pending_id)}"
        reply = await self._transport.request("kms_get", "GET", path, accept={_FORBIDDEN, 404})
        return None if _is_absent(reply) else _successful(reply).read(wire.pending_send)

    async def pending_sends(self, chain: str) -> tuple[PendingSend, ...]:
        """What waits to be signed with our handle. Raises Unavailable when an entry cannot be decoded."""
        path = f"/v3/kms/pending/{chain_named(chain).symbol}"
        body = {"signatureIds": [self._signature_id]}
        reply = await self._transport.request("kms_pending", "POST", path, json=body, safe=True, accept={_FORBIDDEN})
        return _successful(reply).read(wire.pending_sends)

    async def cancel_send(self, pending_id: str) -> None:
        """Delete the pending operation. One that is gone already is no error, and no proof that it was never signed:
        that proof is our own refusal to approve it.
        """
        path = f"/v3/kms/{segment(PROVIDER, pending_id)}"
        reply = await self._transport.request("kms_delete", "DELETE", path, accept={_FORBIDDEN, 404})
        if not _is_absent(reply):
            _successful(reply)

    async def transaction(self, chain: str, tx_id: str) -> ChainTransaction | None:
        known = chain_named(chain)
        params = {"chain": known.ids[self._network], "hash": tx_id}
        reply = await self._transport.request(
            "get_transaction", "GET", "/v4/data/blockchains/transaction", params=params, accept={_FORBIDDEN, 404}
        )
        if _is_absent(reply):
            return None
        mined = _successful(reply).read(wire.block_of) is not None
        height = await self._height(known) if mined else None
        return reply.read(lambda body: wire.transaction(body, known, height=height))

    async def rate(self, base: Asset, quote: Asset) -> Decimal:
        params = {"symbol": base.code, "basePair": quote.code}
        reply = await self._transport.request("rate", "GET", "/v4/data/rate/symbol", params=params, accept={_FORBIDDEN})
        return _successful(reply).read(wire.rate)

    async def network_fee(self, chain: str, to: str | None) -> Money:  # noqa: ARG002 - the port's; EVM chains need it
        """What one usual send costs; on a UTXO chain that depends on its size, not on the receiver."""
        return await self._fee(chain_named(chain), None)

    async def _fee(self, chain: Chain, deadline: float | None) -> Money:
        path = f"/v3/blockchain/fee/{chain.symbol}"
        reply = await self._transport.request("estimate_fee", "GET", path, accept={_FORBIDDEN}, deadline=deadline)
        return _successful(reply).read(lambda body: wire.network_fee(body, chain))

    async def _height(self, chain: Chain) -> int:
        params = {"chain": chain.ids[self._network]}
        path = "/v4/data/blockchains/block/current"
        reply = await self._transport.request("current_block", "GET", path, params=params, accept={_FORBIDDEN})
        return _successful(reply).read(wire.height)


def _successful(reply: Reply) -> Reply:
    """The reply itself if it is a success. Tatum refuses business, not only strangers, with 403."""
    if reply.succeeded:
        return reply
    raise _forbidden(reply) if reply.status == _FORBIDDEN else reply.refusal()


def _forbidden(reply: Reply) -> ProviderOutcome:
    if wire.says_resent(reply.body):
        return OutcomeUnknown(PROVIDER, "already-known")
    code = reply.code
    if code is None or code.startswith(_OURS_TO_MEND):
        return reply.refusal()
    return Unavailable(PROVIDER, code) if reply.safe else Declined(PROVIDER, code)


def _is_absent(reply: Reply) -> bool:
    """Whether the vendor itself, not some box on the way, says that there is no such thing."""
    return (reply.status == 404 and reply.code is not None) or reply.code == _NO_OPERATION
