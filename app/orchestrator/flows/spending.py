"""What makes a chain send one of a kind: the nonce or the inputs it uses up, and the proof that others used them.

Where a chain has neither (Solana's messages and Tron's transactions expire by themselves, with the block they name),
the approval alone decides, and nothing is ever concluded from absence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.ledger.changes import Companion
from app.money import Money, asset
from app.orchestrator import treasury
from app.orchestrator.effects import Effect
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Outcome, Ready, Run, Waiting
from app.orchestrator.treasury import FreeInput
from app.providers.chain_ports import ChainTransaction, CoinOrder, Input, PendingSend, SendsCoins
from app.providers.tatum.addresses import canonical_address
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
        numbering = treasury.numbering_from(*await outside.kept.numbering(address, mined), mined)
        nonce, companion = treasury.take_nonce(address, numbering)
        return Ready({"nonce": nonce}, (companion,))

    async def _take_inputs(self, run: Run, chain: str, amount: Money, outside: Outside) -> Ready | Waiting:
        fee = await outside.providers.rates.network_fee(chain, None)
        needed = amount + fee

        async def read(lent: Sequence[Input]) -> Sequence[FreeInput]:
            in_use = await outside.kept.inputs_in_use(chain)
            candidates = await outside.providers.coins.unspent(chain, treasury.worth_asking_for(in_use, lent, needed))
            known = await outside.kept.inputs(chain, [each.ref for each in candidates])
            return treasury.free_inputs(candidates, known, lent, run.saga_id)

        for _ in range(_LOOKS):
            given = await outside.purse.give(chain, needed, run.now, read)
            if given is not None:
                chosen = [each.input for each in given]
                stored = [{"tx_id": each.tx_id, "place": each.place, "amount": str(each.amount)} for each in chosen]
                companions = treasury.take_inputs(chain, given, run.saga_id)
                return Ready({"inputs": stored, "network_fee": str(fee)}, tuple(companions))
        return Waiting()

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

    async def carried_out(self, effect: Effect, outside: Outside) -> PendingSend | None:
        """The send as the chain shows it, whatever its queue says: mined with what it took, paying whom it was to."""
        for each in await self._mined_with(effect.request, outside):
            if carried_out_by(effect.request, each):
                return as_broadcast(effect, each.tx_id)
        return None

    async def _mined_with(self, request: Mapping[str, Any], outside: Outside) -> Sequence[ChainTransaction]:
        """The latest transactions that have used a send's nonce, or inputs of it."""
        chain, coins, receiving = request["chain"], outside.providers.coins, outside.providers.receiving
        needed = _inputs_needed(request)
        if needed:
            return [each for each in await coins.spenders(chain) if needed & each.spent]
        if "nonce" not in request or await coins.next_nonce(chain) <= request["nonce"]:
            return ()
        page = await receiving.history(chain, coins.treasury(chain))
        ours = dict.fromkeys(line.tx_id for line in page if not line.incoming)
        found = [await coins.transaction(chain, tx_id) for tx_id in ours]
        return [each for each in found if each is not None and each.nonce == request["nonce"]]

    async def rival(self, effect: Effect, tx_id: str | None, coins: SendsCoins) -> str | None:
        """Why a send can never be mined any more, if that is so: somebody else's transaction is, with what it needs.

        Whoever asks looks for the send itself afterwards: it may be the one that was mined.
        """
        request = effect.request
        if "nonce" in request:
            return "nonce-used" if await coins.next_nonce(request["chain"]) > request["nonce"] else None
        needed = _inputs_needed(request)
        if not needed:
            return None
        for each in await coins.spenders(request["chain"]):
            if each.tx_id != tx_id and needed & each.spent:
                return "inputs-spent"
        return None


def absent_for_now(run: Run, ref: str, patience: timedelta) -> Waiting | None:
    """It is not to be seen, and may be seen again; None once it has stayed away for as long as that."""
    since = run.results.get(run.step, {}).get("absent_since")
    if since is None:
        return Waiting(Outcome(result={"absent_since": run.now}), until=run.now + patience, refs=(ref,))
    return Waiting(until=since + patience, refs=(ref,)) if run.now < since + patience else None


def as_broadcast(effect: Effect, tx_id: str) -> PendingSend:
    """The send's operation, as its queue has it once it was broadcast."""
    request = effect.request
    amount = Money.parse(request["amount"], asset(request["currency"]))
    return PendingSend(effect.ref, request["chain"], request["to"], amount, tx_id)


def carried_out_by(request: Mapping[str, Any], found: ChainTransaction) -> bool:
    """Whether a transaction is what a send asked for: whom it pays, how much, and with which nonce or inputs."""
    chain, amount = request["chain"], Money.parse(request["amount"], asset(request["currency"]))
    to = canonical_address(chain, request["to"])
    if not any((canonical_address(chain, paid.to), paid.amount) == (to, amount) for paid in found.paid):
        return False
    if "nonce" in request and found.nonce != request["nonce"]:
        return False
    needed = _inputs_needed(request)
    return not needed or bool(needed & found.spent)


def is_one_of_a_kind(request: Mapping[str, Any]) -> bool:
    """Whether a chain can carry it out only once."""
    return "nonce" in request or bool(request.get("inputs"))


def _inputs_needed(request: Mapping[str, Any]) -> set[str]:
    return {f"{each['tx_id']}:{each['place']}" for each in request.get("inputs", ())}


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
