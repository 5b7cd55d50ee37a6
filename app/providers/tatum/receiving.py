"""Coins that come in: addresses of ours, watched by Tatum, and what the chain says of them."""

from collections.abc import Mapping

from app.money import Asset, Money
from app.providers.chain_ports import ChainTransaction, Movement
from app.providers.outcomes import Declined, Unavailable
from app.providers.tatum import wire
from app.providers.tatum.adapter import PROVIDER, TatumAdapter, TreasuryWallet
from app.providers.tatum.answers import FORBIDDEN, successful
from app.providers.tatum.chains import Network, chain_named
from app.providers.tatum.fields import text
from app.providers.transport import Transport, segment

_KINDS = ("INCOMING_NATIVE_TX", "INCOMING_FUNGIBLE_TX")
_WATCHED_ALREADY = "address.subscription.exists"
_PAGE = "50"


class TatumReceiving:
    """Satisfies ReceivesCoins. ``told_at`` is the URL that Tatum's webhooks go to."""

    def __init__(
        self,
        transport: Transport,
        chains: TatumAdapter,
        *,
        network: Network,
        wallets: Mapping[str, TreasuryWallet],
        told_at: str,
    ) -> None:
        self._transport = transport
        self._chains = chains
        self._network: Network = network
        self._wallets = wallets
        self._told_at = told_at

    async def deposit_address(self, chain: str, index: int) -> str:
        known = chain_named(chain)
        wallet = self._wallets.get(chain)
        if wallet is not None and wallet.addresses:
            return _made(wallet, index)
        if wallet is None or not wallet.xpub:
            raise Declined(PROVIDER, "no-public-derivation")
        path = f"/v3/{known.path}/address/{segment(PROVIDER, wallet.xpub)}/{index}"
        reply = await self._transport.request("derive_address", "GET", path, accept={FORBIDDEN})
        return successful(reply).read(lambda body: text(body["address"]))

    async def watch(self, chain: str, address: str) -> None:
        known = chain_named(chain)
        kinds = _KINDS if known.tokens else _KINDS[:1]
        for kind in kinds:
            attributes = {"chain": known.ids[self._network], "address": address, "url": self._told_at}
            body = {"type": kind, "attr": attributes}
            reply = await self._transport.request(
                "subscribe", "POST", "/v4/subscription", json=body, safe=True, accept={FORBIDDEN}
            )
            if reply.code != _WATCHED_ALREADY:
                successful(reply)

    async def transaction(self, chain: str, tx_id: str) -> ChainTransaction | None:
        return await self._chains.transaction(chain, tx_id)

    async def history(self, chain: str, address: str, offset: int = 0) -> tuple[Movement, ...]:
        known = chain_named(chain)
        paged = {"chain": known.ids[self._network], "pageSize": _PAGE, "offset": str(offset)}
        if known.family == "utxo":
            params = {**paged, "address": address, "txType": "incoming"}
            path = "/v4/data/blockchains/transaction/history/utxos"
            reply = await self._transport.request("utxo_history", "GET", path, params=params, accept={FORBIDDEN})
            return successful(reply).read(lambda body: wire.incoming_history(body, address))
        params = {**paged, "addresses": address}
        path = "/v4/data/transaction/history"
        reply = await self._transport.request("history", "GET", path, params=params, accept={FORBIDDEN})
        return successful(reply).read(wire.history)

    async def balance(self, chain: str, address: str, asset: Asset) -> Money:
        known = chain_named(chain)
        if asset == known.coin:
            params = {"chain": known.ids[self._network], "address": address}
            path = "/v4/data/blockchains/balance"
            reply = await self._transport.request("balance", "GET", path, params=params, accept={FORBIDDEN})
            return successful(reply).read(lambda body: wire.balance(body, known.coin))
        params = {"chain": known.ids[self._network], "addresses": address, "tokenTypes": "fungible"}
        path = "/v4/data/wallet/portfolio"
        reply = await self._transport.request("portfolio", "GET", path, params=params, accept={FORBIDDEN})
        return successful(reply).read(lambda body: wire.token_balance(body, known, self._network, asset))


def _made(wallet: TreasuryWallet, index: int) -> str:
    """The address of that number among those that the daemon has made. Raises Unavailable until it makes more."""
    if index >= len(wallet.addresses):
        raise Unavailable(PROVIDER, "no-address-left")
    return wallet.addresses[index]
