"""Tatum as the way to the chains: translate, call, translate.

A send is only queued here. Our key daemon asks for approval, signs and broadcasts; no private key is near.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from pydantic import SecretStr

from app.money import Asset, Money
from app.providers.capabilities import Capabilities
from app.providers.chain_ports import ChainTransaction, CoinOrder, Input, PendingSend
from app.providers.outcomes import Declined
from app.providers.replies import Reply
from app.providers.tatum import evm, solana, tron, utxo, wire
from app.providers.tatum.answers import FORBIDDEN, is_absent, successful
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
    finality="after the number of confirmations that the chain and the amount ask for",
    differs={
        "send": "with a nonce or inputs of ours a repeat confirms at most once; elsewhere only approval decides",
        "cancel_send": "works until the key daemon has signed; asked again, nothing changes",
        "subscribe": "one for each address and kind: asked again, the one that exists is found",
    },
)

_TRANSACTION = "/v4/data/blockchains/transaction"
_PAGE = "50"


@dataclass(frozen=True, slots=True)
class TreasuryWallet:
    """Where a chain's coins are sent from: the address, the daemon's handle of its key, and the key's number in it.

    ``xpub``: the public key that customers' addresses are derived from. Where the chain derives none, ``addresses``:
    those that the daemon has made keys for, given out in this order.
    """

    address: str
    signature_id: str
    index: int | None = None
    xpub: str = ""
    addresses: tuple[str, ...] = ()


def request_headers(api_key: SecretStr) -> dict[str, str]:
    """What every call to Tatum carries."""
    return {"x-api-key": api_key.get_secret_value(), "Accept": "application/json"}


class TatumAdapter:
    """Satisfies SendsCoins and QuotesRates."""

    capabilities = CAPABILITIES

    def __init__(self, transport: Transport, *, network: Network, wallets: Mapping[str, TreasuryWallet]) -> None:
        self._transport = transport
        self._network: Network = network
        self._wallets = wallets
        self._treasuries = {name: wallet.address for name, wallet in wallets.items()}

    def treasury(self, chain: str) -> str:
        return self._wallet(chain_named(chain)).address

    def paid_at(self, chain: str, to: str, asset: Asset) -> str:
        """Where the queue says that ``to`` is paid. Raises ValueError for what is no address."""
        known = chain_named(chain)
        return solana.paid_at(to, asset, known, self._network) if known.family == "solana" else to

    async def send(self, order: CoinOrder) -> str:
        """Queue a send and return the pending operation's id. Twice is two sends: there is no idempotency.

        Raises Declined, Unavailable or OutcomeUnknown, all within one call's timeout, the fee's estimate included.
        """
        chain = chain_named(order.chain)
        wallet = self._wallet(chain)
        if not chain.offers(order.amount.asset, self._network):
            raise Declined(PROVIDER, "unknown-asset")
        deadline = self._transport.deadline()
        path = f"/v3/{chain.path}/transaction"
        match chain.family:
            case "utxo":
                fee = order.fee or await self._byte_fee(chain, deadline)
                body = utxo.send_request(
                    order, chain, signature_id=wallet.signature_id, treasury_address=wallet.address, fee=fee
                )
            case "evm":
                gas = (await self._gas(chain, order.to, order.amount, deadline)).raised(order.gas_percent)
                body = evm.send_request(order, chain, signature_id=wallet.signature_id, index=wallet.index, gas=gas)
            case "tron":
                path = tron.send_path(order, chain)
                body = tron.send_request(
                    order,
                    chain,
                    self._network,
                    signature_id=wallet.signature_id,
                    index=wallet.index,
                    treasury_address=wallet.address,
                )
            case "solana":
                path = solana.send_path(order, chain)
                body = solana.send_request(
                    order, chain, self._network, signature_id=wallet.signature_id, treasury_address=wallet.address
                )
        reply = await self._transport.request("send", "POST", path, json=body, accept={FORBIDDEN}, deadline=deadline)
        return successful(reply).read(wire.pending_id)

    async def pending_send(self, pending_id: str) -> PendingSend | None:
        path = f"/v3/kms/{segment(PROVIDER, pending_id)}"
        reply = await self._transport.request("kms_get", "GET", path, accept={FORBIDDEN, 404})
        return None if is_absent(reply) else successful(reply).read(self._decoded)

    def _decoded(self, body: object) -> PendingSend:
        return wire.pending_send(body, self._network, self._treasuries)

    async def pending_sends(self, chain: str) -> tuple[PendingSend, ...]:
        """What waits to be signed with our handle. Raises Unavailable when an entry cannot be decoded."""
        known = chain_named(chain)
        body = {"signatureIds": [self._wallet(known).signature_id]}
        path = f"/v3/kms/pending/{known.symbol}"
        reply = await self._transport.request("kms_pending", "POST", path, json=body, safe=True, accept={FORBIDDEN})
        return successful(reply).read(lambda body: wire.pending_sends(body, known, self._network, self._treasuries))

    async def cancel_send(self, pending_id: str) -> None:
        """Delete the pending operation. One that is gone already is no error, and no proof that it was never signed:
        that proof is our own refusal to approve it.
        """
        path = f"/v3/kms/{segment(PROVIDER, pending_id)}"
        reply = await self._transport.request("kms_delete", "DELETE", path, accept={FORBIDDEN, 404})
        if not is_absent(reply):
            successful(reply)

    async def transaction(self, chain: str, tx_id: str, *, enough: int | None = None) -> ChainTransaction | None:
        """Where its own block is enough, nobody is asked how many there are above it."""
        known = chain_named(chain)
        params = {"chain": known.ids[self._network], "hash": tx_id}
        reply = await self._transport.request(
            "get_transaction", "GET", _TRANSACTION, params=params, accept={FORBIDDEN, 404}
        )
        if is_absent(reply):
            return None
        block = successful(reply).read(wire.block_of)
        height = block if block is None or enough == 1 else await self._height(known)
        return reply.read(lambda body: wire.transaction(body, known, self._network, height=height))

    async def next_nonce(self, chain: str) -> int:
        known = chain_named(chain)
        reply = await self._read("nonce", f"{_TRANSACTION}/count", known, address=self._wallet(known).address)
        return reply.read(wire.height)

    async def unspent(self, chain: str, at_least: Money) -> tuple[Input, ...]:
        known = chain_named(chain)
        address = self._wallet(known).address
        reply = await self._read("unspent", "/v4/data/utxos", known, address=address, totalValue=str(at_least))
        return reply.read(lambda body: utxo.unspent(body, known))

    async def spenders(self, chain: str) -> tuple[ChainTransaction, ...]:
        known = chain_named(chain)
        address, path = self._wallet(known).address, f"{_TRANSACTION}/history/utxos"
        reply = await self._read("utxo_history", path, known, address=address, txType="outgoing", pageSize=_PAGE)
        height = await self._height(known)
        return reply.read(lambda body: tuple(utxo.transaction(each, known, height=height) for each in body))

    async def rate(self, base: Asset, quote: Asset) -> Decimal:
        params = {"symbol": base.code, "basePair": quote.code}
        reply = await self._transport.request("rate", "GET", "/v4/data/rate/symbol", params=params, accept={FORBIDDEN})
        return successful(reply).read(wire.rate)

    async def network_fee(self, chain: str, to: str | None, amount: Money | None = None) -> Money:
        """What one usual send costs: by its size on a UTXO chain, by gas on EVM chains, a flat bound elsewhere."""
        known = chain_named(chain)
        match known.family:
            case "utxo":
                return await self._byte_fee(known, None)
            case "evm":
                sender = self._wallet(known).address
                gas = await self._gas(known, to or sender, amount or Money(1, known.coin), None)
                return gas.cost(known.coin)
            case _:
                of_tokens = amount is not None and amount.asset != known.coin
                return Money.parse(known.flat_fee_of_tokens if of_tokens else known.flat_fee, known.coin)

    async def _byte_fee(self, chain: Chain, deadline: float | None) -> Money:
        path = f"/v3/blockchain/fee/{chain.symbol}"
        reply = await self._transport.request("estimate_fee", "GET", path, accept={FORBIDDEN}, deadline=deadline)
        return successful(reply).read(lambda body: utxo.network_fee(body, chain))

    async def _gas(self, chain: Chain, to: str, amount: Money, deadline: float | None) -> evm.Gas:
        body = evm.gas_request(chain, self._network, sender=self._wallet(chain).address, to=to, amount=amount)
        path = "/v4/blockchainOperations/gas"
        reply = await self._transport.request(
            "estimate_fee", "POST", path, json=body, safe=True, accept={FORBIDDEN}, deadline=deadline
        )
        return successful(reply).read(evm.gas)

    async def _height(self, chain: Chain) -> int:
        return (await self._read("current_block", "/v4/data/blockchains/block/current", chain)).read(wire.height)

    async def _read(self, operation: str, path: str, chain: Chain, **params: str) -> Reply:
        asked = {"chain": chain.ids[self._network], **params}
        return successful(await self._transport.request(operation, "GET", path, params=asked, accept={FORBIDDEN}))

    def _wallet(self, chain: Chain) -> TreasuryWallet:
        """The chain's wallet; without one nothing is sent there."""
        try:
            return self._wallets[chain.name]
        except KeyError:
            raise Declined(PROVIDER, "no-wallet") from None
