"""Crypto deposit: coins that somebody sent to an address of a customer's.

It starts from what the chain says, never from a request, and is a fact: nothing refuses it. What is in a block is
pending; it is the customer's once it is as deep as the chain and the amount ask for. A block that is replaced before
that takes it back, and when it stays away as long as a confirmation takes, what was booked is mirrored.

| Moment | DR / CR |
|---|---|
| seen in a block | clearing:in / pending |
| deep enough | custody / clearing:in · pending / customer |
| taken back | pending / clearing:in |
"""

from app.ledger.transactions import credit, debit
from app.orchestrator.flows import chart
from app.orchestrator.flows.chain import REORG_WINDOW, TATUM
from app.orchestrator.flows.params import Params, StoredMoney, money
from app.orchestrator.flows.spending import settling_time
from app.orchestrator.outside import Outside
from app.orchestrator.saga import Failed, Look, Outcome, Progress, Run, Saga, Settled, Step, Waiting
from app.orchestrator.watches import Watch
from app.providers.chain_ports import ChainTransaction
from app.providers.tatum.chains import CHAINS

CHAIN_DEPOSIT = "chain-deposit"
"""The kind of watches on credited deposits."""


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
    if found is None or not _pays(found, deposit):
        return _absent(run, refs)
    reappeared = Outcome(result={"absent_since": None})
    if found.confirmations < CHAINS[deposit.chain].confirmations(deposit.amount):
        return Waiting(reappeared, refs=refs)
    watch = Watch(
        kind=CHAIN_DEPOSIT,
        ref=refs[0],
        until=run.now + REORG_WINDOW[deposit.chain],
        facts={"amount": money(deposit.amount), "chain": deposit.chain, "account_id": deposit.account_id},
    )
    return Settled(_confirmed(run), (watch,))


def _pays(found: ChainTransaction, deposit: CryptoDeposit) -> bool:
    return any((paid.place, paid.amount) == (deposit.place, deposit.amount) for paid in found.paid)


def _absent(run: Run, refs: tuple[str, ...]) -> Progress:
    """Not in any block now. It may be mined again, so it is waited for as long as a confirmation takes."""
    deposit: CryptoDeposit = run.params
    since = run.results.get(run.step, {}).get("absent_since")
    patience = settling_time(deposit.chain, deposit.amount)
    if since is None:
        return Waiting(Outcome(result={"absent_since": run.now}), until=run.now + patience, refs=refs)
    if run.now < since + patience:
        return Waiting(until=since + patience, refs=refs)
    return Failed("reorganised")


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
