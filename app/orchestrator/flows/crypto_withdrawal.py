"""Crypto withdrawal: coins from an account here to an address on a chain.

At acceptance the amount and the network's fee are held. Both are charged in the account's own asset: who withdraws
tokens need not own the chain's coin, and what the network really takes is ours to pay. Then they are charged, and the
coins are sent. What is definitely not delivered (declined, reverted, replaced by another transaction) is given back,
its fee included.
"""

from app.ids import public_id
from app.ledger.transactions import Leg, credit, debit, release
from app.money import Money
from app.orchestrator.flows import chart
from app.orchestrator.flows.chain import ChainTerms, Send
from app.orchestrator.flows.params import Params, StoredMoney, money
from app.orchestrator.flows.screening import screened
from app.orchestrator.flows.spending import SPENDING
from app.orchestrator.saga import Outcome, Run, Saga, Step
from app.providers.screening_ports import Payment


class CryptoWithdrawal(Params):
    """From which account, on which chain, to where, how much arrives, and what is charged for the way."""

    account_id: str
    chain: str
    address: str
    amount: StoredMoney
    network_fee: StoredMoney

    @property
    def total(self) -> Money:
        """What leaves the account."""
        return self.amount + self.network_fee


def hold_coins(run: Run) -> Outcome:
    """What is to leave can be spent on nothing else from here on."""
    withdrawal: CryptoWithdrawal = run.params
    delivery = chart.delivery(run.book, withdrawal.amount.asset)
    return Outcome((run.hold("hold", withdrawal.account_id, delivery, withdrawal.total),))


def release_coins(run: Run) -> Outcome:
    """Give back what acceptance held; a charge has used it up, and its mirror has given it back."""
    if run.was_done("charge"):
        return Outcome()
    (held,) = hold_coins(run).transactions
    return Outcome((release(run.transaction_id("record", "hold-released"), held, run.params.total),))


def charge(run: Run) -> Outcome:
    """Take what was held: the coins on their way out, and the fee."""
    held = run.transaction_id("record", "hold")
    return Outcome((run.transaction("charged", *_charge(run), holds=(held,)),))


def give_back(run: Run) -> Outcome:
    """The mirror."""
    mirrored = (Leg(leg.account_id, leg.side.mirror, leg.amount, leg.opening) for leg in _charge(run))
    return Outcome((run.transaction("given-back", *mirrored),))


def chain_terms(run: Run) -> ChainTerms:
    """Where the coins go."""
    withdrawal: CryptoWithdrawal = run.params
    return ChainTerms(withdrawal.chain, withdrawal.address, withdrawal.amount)


def _charge(run: Run) -> tuple[Leg, ...]:
    withdrawal: CryptoWithdrawal = run.params
    coin, fee = withdrawal.amount.asset, withdrawal.network_fee
    return (
        debit(withdrawal.account_id, withdrawal.total),
        credit(chart.delivery(run.book, coin), withdrawal.amount),
        *((credit(chart.network_fees_charged(run.book, coin), fee),) if fee else ()),
    )


def payment(run: Run) -> Payment:
    """What a check is told."""
    withdrawal: CryptoWithdrawal = run.params
    return Payment(public_id(run.saga_id), withdrawal.amount, "chain", withdrawal.address)


CRYPTO_WITHDRAWAL = Saga(
    "crypto_withdrawal",
    version=1,
    params=CryptoWithdrawal,
    steps=(
        Step(
            "record",
            lambda withdrawal: f"{money(withdrawal.total)} are held in the account, the network's fee included",
            do=hold_coins,
            undo=release_coins,
        ),
        Step(
            "charge",
            lambda withdrawal: f"{money(withdrawal.total)} were taken from the account",
            do=charge,
            undo=give_back,
        ),
        Step(
            "deliver",
            lambda withdrawal: f"{money(withdrawal.amount)} were delivered on {withdrawal.chain}",
            do=Send(chain_terms, SPENDING),
            pivot=True,
        ),
    ),
)

SCREENED_CRYPTO_WITHDRAWAL = screened(CRYPTO_WITHDRAWAL, payment)
"""The same, checked before anything leaves."""
