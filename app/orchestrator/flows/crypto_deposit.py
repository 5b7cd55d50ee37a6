"""Crypto deposit: coins that somebody sent to an address of a customer's.

It starts from what the chain says, never from a request, and is a fact: nothing refuses it. What is in a block is
pending; it is the customer's once it is as deep as the chain and the amount ask for. A block that is replaced before
that takes it back, and when it stays away as long as a confirmation takes, what was booked is mirrored, and a watch
stays: the chain may have it again (``late_deposit.py``).

| Moment | DR / CR |
|---|---|
| seen in a block | clearing:in / pending |
| deep enough | custody / clearing:in · pending / customer |
| taken back | pending / clearing:in |
"""

from collections.abc import Mapping
from datetime import datetime

from app.ledger.transactions import credit, debit
from app.money import Money
from app.orchestrator.flows import chart
from app.orchestrator.flows.chain import MISSED_FOR, REORG_WINDOW, TATUM
from app.orchestrator.flows.params import Params, StoredMoney, money
from app.orchestrator.flows.spending import absent_for_now, settling_time
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Failed, Look, Outcome, Progress, Run, Saga, Settled, Step, Waiting
from app.orchestrator.watches import Watch
from app.providers.chain_ports import ChainTransaction
from app.providers.tatum.chains import CHAINS

CHAIN_DEPOSIT = "chain-deposit"
"""The kind of watches on credited deposits."""

MISSING_DEPOSIT = "missing-deposit"
"""The kind of watches on deposits that the chain has taken back: it may have them again.

Of each deposit that has ended one watch is open, of one of the two kinds. Whoever books that the chain has changed its
mind trips it and leaves one of the other kind: so it is never credited twice without having been taken back between.
"""


class CryptoDeposit(Params):
    """What was paid to which address, by which receiver's line of which transaction, and for which account."""

    chain: str
    tx_id: str
    place: str
    address: str
    amount: StoredMoney
    account_id: str


def book_as_pending(run: Run) -> Outcome:
    """It is seen, and not the customer's yet."""
    deposit: CryptoDeposit = run.params
    clearing = chart.clearing_in(run.book, deposit.amount.asset)
    waiting = chart.pending(run.book, deposit.amount.asset)
    return Outcome((run.transaction("seen", debit(clearing, deposit.amount), credit(waiting, deposit.amount)),))


def take_back(run: Run) -> Outcome:
    """The mirror: the chain has taken it back."""
    deposit: CryptoDeposit = run.params
    clearing = chart.clearing_in(run.book, deposit.amount.asset)
    waiting = chart.pending(run.book, deposit.amount.asset)
    return Outcome((run.transaction("taken-back", debit(waiting, deposit.amount), credit(clearing, deposit.amount)),))


async def look_how_deep(run: Run, outside: Outside) -> Progress:
    """Whether it is deep enough, and still there."""
    deposit: CryptoDeposit = run.params
    found = await outside.providers.receiving.transaction(deposit.chain, deposit.tx_id)
    refs = (f"{TATUM}:tx:{deposit.tx_id}",)
    facts = {
        "amount": money(deposit.amount),
        "chain": deposit.chain,
        "account_id": deposit.account_id,
        "place": deposit.place,
    }
    if found is None or not pays(found, deposit.place, deposit.amount):
        absent = absent_for_now(run, refs[0], settling_time(deposit.chain, deposit.amount))
        return absent or Failed("reorganised", watches=(missing(refs[0], facts, run.now),))
    reappeared = Outcome(result={"absent_since": None})
    if not is_deep(found, deposit.chain, deposit.amount):
        return Waiting(reappeared, refs=refs)
    return Settled(_confirmed(run), (credited(refs[0], facts, run.now),))


def pays(found: ChainTransaction, place: str, amount: Money) -> bool:
    """Whether it pays that there: one that was reverted, or has left its block, pays nobody."""
    return found.status == "mined" and any((paid.place, paid.amount) == (place, amount) for paid in found.paid)


def is_deep(found: ChainTransaction, chain: str, amount: Money) -> bool:
    """Whether it is as deep as the chain and the amount ask for."""
    return found.confirmations >= CHAINS[chain].confirmations(amount)


def credited(ref: str, facts: Mapping[str, str], now: datetime) -> Watch:
    """The watch on a deposit that is the customer's."""
    return Watch(CHAIN_DEPOSIT, ref, now + REORG_WINDOW[facts["chain"]], facts)


def missing(ref: str, facts: Mapping[str, str], now: datetime) -> Watch:
    """The watch on one that is not."""
    return Watch(MISSING_DEPOSIT, ref, now + MISSED_FOR, facts)


def _confirmed(run: Run) -> Outcome:
    deposit: CryptoDeposit = run.params
    coin = deposit.amount.asset
    clearing, waiting = chart.clearing_in(run.book, coin), chart.pending(run.book, coin)
    return Outcome(
        (
            run.transaction(
                "confirmed", debit(chart.custody(run.book, coin), deposit.amount), credit(clearing, deposit.amount)
            ),
            run.transaction("credited", debit(waiting, deposit.amount), credit(deposit.account_id, deposit.amount)),
        )
    )


CRYPTO_DEPOSIT = Saga(
    "crypto_deposit",
    version=1,
    params=CryptoDeposit,
    steps=(
        Step(
            "record",
            lambda deposit: f"{money(deposit.amount)} were seen on {deposit.chain}",
            do=book_as_pending,
            undo=take_back,
        ),
        Step(
            "confirm",
            lambda deposit: f"{money(deposit.amount)} are deep enough in the chain",
            do=Look(look_how_deep),
        ),
    ),
)
