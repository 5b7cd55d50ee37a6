"""Filling a nonce: the smallest amount of a coin, from the treasury to itself, with a nonce that holds others up.

An EVM chain mines an address's transactions in the order of their nonces. A nonce that was given back, and one whose
transaction the pool has dropped or finds too cheap, keep everything behind them waiting. A transfer to ourselves with
the same nonce lets the chain go on; of all transactions with that nonce it mines one. If that is this one, whoever had
the nonce before has the proof that theirs never will be; if it is theirs, this one is over.

| Moment | DR / CR |
|---|---|
| recorded | custody / delivery |
| sending, broadcast, confirmed, given up | as every chain send |
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.ledger.changes import Companion
from app.ledger.transactions import credit, debit
from app.money import Money
from app.orchestrator import treasury
from app.orchestrator.effects import Effect
from app.orchestrator.flows import chart
from app.orchestrator.flows.chain import ChainTerms, Send, Sighting
from app.orchestrator.flows.params import Params
from app.orchestrator.flows.spending import Spending
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Failed, Outcome, Progress, Ready, Run, Saga, Settled, Step
from app.providers.chain_ports import CoinOrder
from app.providers.tatum.chains import CHAINS


class NonceFill(Params):
    """Which nonce of which address, and how much of the estimated gas price is offered for it.

    ``returned_id``: the document of a nonce that was given back, taken by this; empty while another send has the nonce.
    """

    chain: str
    address: str
    nonce: int
    gas_percent: int
    returned_id: str = ""

    @property
    def amount(self) -> Money:
        """As little as can be sent."""
        return Money(1, CHAINS[self.chain].coin)


def set_aside(run: Run) -> Outcome:
    """What goes out and comes in again lies where every send takes it from."""
    fill: NonceFill = run.params
    coin = fill.amount.asset
    legs = (debit(chart.custody(run.book, coin), fill.amount), credit(chart.delivery(run.book, coin), fill.amount))
    return Outcome((run.transaction("set-aside", *legs),))


def put_back(run: Run) -> Outcome:
    """The mirror."""
    fill: NonceFill = run.params
    coin = fill.amount.asset
    legs = (debit(chart.delivery(run.book, coin), fill.amount), credit(chart.custody(run.book, coin), fill.amount))
    return Outcome((run.transaction("put-back", *legs),))


def to_ourselves(run: Run) -> ChainTerms:
    """The address that it comes from."""
    fill: NonceFill = run.params
    return ChainTerms(fill.chain, fill.address, fill.amount)


@dataclass(frozen=True, slots=True)
class Filling(Spending):
    """The given nonce and no other."""

    def order(self, chain: str, to: str, amount: Money, request: Mapping[str, Any]) -> CoinOrder:
        return replace(Spending.order(self, chain, to, amount, request), gas_percent=request["gas_percent"])

    def give_back(self, run: Run, chain: str, outside_address: str) -> tuple[Companion, ...]:
        """Only what this saga has taken itself; another send's nonce is that send's."""
        return Spending.give_back(self, run, chain, outside_address) if run.params.returned_id else ()


@dataclass(frozen=True, slots=True)
class Fill(Send):
    """A chain send that is nobody's money, so that nobody is owed anything when the chain takes it back."""

    async def examine(self, run: Run, outside: Outside) -> Progress | Ready | None:
        fill: NonceFill = run.params
        taken: tuple[Companion, ...] = ()
        if fill.returned_id:
            _, returned = await outside.kept.numbering(treasury.address_id(fill.chain, fill.address), fill.nonce)
            if returned is None or returned["_id"] != fill.returned_id:
                return Failed("nonce-taken")
            taken = (treasury.take_returned(fill.returned_id),)
        return Ready({"nonce": fill.nonce, "gas_percent": fill.gas_percent, "from": fill.address}, taken)

    def judge(self, run: Run, effect: Effect, seen: Sighting) -> Progress:
        judged = Send.judge(self, run, effect, seen)
        return replace(judged, watches=()) if isinstance(judged, Settled | Failed) else judged


NONCE_FILL = Saga(
    "nonce_fill",
    version=1,
    params=NonceFill,
    steps=(
        Step(
            "record",
            lambda fill: f"Nonce {fill.nonce} on {fill.chain} is to be filled",
            do=set_aside,
            undo=put_back,
        ),
        Step(
            "deliver",
            lambda fill: f"Nonce {fill.nonce} on {fill.chain} was filled",
            do=Fill(to_ourselves, Filling()),
            pivot=True,
        ),
    ),
)
