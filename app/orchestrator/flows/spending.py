"""What makes a chain send one of a kind: the nonce or the inputs it uses up, and the proof that others used them.

Where a chain has neither (Solana's messages and Tron's transactions expire by themselves, with the block they name),
the approval alone decides, and nothing is ever concluded from absence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.ledger.changes import Companion
from app.money import Money
from app.orchestrator import treasury
from app.orchestrator.effects import Effect
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Ready, Run, Waiting
from app.providers.chain_ports import CoinOrder, Input, SendsCoins
from app.providers.tatum.chains import CHAINS

READ_LAG = timedelta(seconds=30)
"""How late the vendor's reads may be: so long a proof must stand before it counts."""
_LOOKS = 3
"""What the chain has shown may have been taken by others before our own books were read."""


@dataclass(frozen=True, slots=True)
class Spending:
    """What a send takes from the treasury's address, by the chain's family."""

    async def take(self, run: Run, chain: str, amount: Money, outside: Outside) -> Ready | Waiting:
        """What the send will use up, taken in the commit that announces it; Waiting while others have it all."""
        match CHAINS[chain].family:
            case "evm":
                return await self._take_nonce(chain, outside)
            case "utxo":
                return await self._take_inputs(run, chain, amount, outside)
            case _:
                return Ready()

    async def _take_nonce(self, chain: str, outside: Outside) -> Ready:
        coins = outside.providers.coins
        address = treasury.address_id(chain, coins.treasury(chain))
        mined = await coins.next_nonce(chain)
        numbering = treasury.numbering_from(*await outside.kept.numbering(address), mined)
        nonce, companion = treasury.take_nonce(address, numbering)
        return Ready({"nonce": nonce}, (companion,))

    async def _take_inputs(self, run: Run, chain: str, amount: Money, outside: Outside) -> Ready | Waiting:
        fee = await outside.providers.rates.network_fee(chain, None)
        for _ in range(_LOOKS):
            ready = await self._free_inputs(run, chain, amount, fee, outside)
            if ready is not None:
                return ready
        return Waiting()

    async def _free_inputs(self, run: Run, chain: str, amount: Money, fee: Money, outside: Outside) -> Ready | None:
        in_use = await outside.kept.inputs_in_use(chain)
        candidates = await outside.providers.coins.unspent(chain, treasury.worth_asking_for(in_use, amount + fee))
        known = await outside.kept.inputs(chain, [each.ref for each in candidates])
        chosen = treasury.choose_inputs(candidates, treasury.taken_refs(known.values()), amount + fee, run.saga_id)
        if chosen is None:
            return None
        stored = [{"tx_id": each.tx_id, "place": each.place, "amount": str(each.amount)} for each in chosen]
        companions = treasury.take_inputs(chain, chosen, known, run.saga_id)
        return Ready({"inputs": stored, "network_fee": str(fee)}, tuple(companions))

    def order(self, chain: str, to: str, amount: Money, request: Mapping[str, Any]) -> CoinOrder:
        """The order as it was stored, the same for every re-send."""
        fee = request.get("network_fee")
        return CoinOrder(
            chain,
            to,
            amount,
            nonce=request.get("nonce"),
            inputs=inputs_of(request, amount),
            fee=None if fee is None else Money.parse(fee, amount.asset),
        )

    def give_back(self, run: Run, chain: str, outside_address: str) -> tuple[Companion, ...]:
        """What was taken and never used, for others; only when nothing with it was signed, or ever will be."""
        taken = run.results.get(run.step, {})
        if "nonce" in taken:
            address = treasury.address_id(chain, outside_address)
            return (treasury.return_nonce(address, taken["nonce"], run.saga_id),)
        refs = [f"{each['tx_id']}:{each['place']}" for each in taken.get("inputs", ())]
        return tuple(treasury.return_inputs(chain, refs, run.saga_id))

    def used(self, run: Run, chain: str) -> tuple[Companion, ...]:
        """What was taken is spent for good, and nobody need look for it among what is taken."""
        refs = [f"{each['tx_id']}:{each['place']}" for each in run.results.get(run.step, {}).get("inputs", ())]
        return tuple(treasury.use_inputs(chain, refs, run.saga_id))

    async def rival(self, effect: Effect, tx_id: str | None, coins: SendsCoins) -> str | None:
        """Why a send can never be mined any more, if that is so: somebody else's transaction is, with what it needs.

        Whoever asks looks for the send itself afterwards: it may be the one that was mined.
        """
        request = effect.request
        if "nonce" in request:
            return "nonce-used" if await coins.next_nonce(request["chain"]) > request["nonce"] else None
        needed = {f"{each['tx_id']}:{each['place']}" for each in request.get("inputs", ())}
        if not needed:
            return None
        for each in await coins.spenders(request["chain"]):
            if each.tx_id != tx_id and needed & each.spent:
                return "inputs-spent"
        return None


def inputs_of(request: Mapping[str, Any], amount: Money) -> tuple[Input, ...]:
    """The stored inputs of a send."""
    return tuple(
        Input(each["tx_id"], each["place"], Money.parse(each["amount"], amount.asset))
        for each in request.get("inputs", ())
    )


def settling_time(chain: str, amount: Money) -> timedelta:
    """How long a rival must have been in the chain before it counts: as long as our own sends need to be deep."""
    known = CHAINS[chain]
    return max(READ_LAG, timedelta(seconds=known.confirmations(amount) * known.block_s))


SPENDING = Spending()
