"""What the product needs from the chains, in our words. Errors are those of app/providers/ports.py."""

from dataclasses import dataclass
from typing import Literal, Protocol

from app.money import Asset, Money


@dataclass(frozen=True, slots=True)
class Input:
    """An output of an earlier transaction that a new one spends; a chain lets it be spent once."""

    tx_id: str
    place: int
    amount: Money

    @property
    def ref(self) -> str:
        """Its name on the chain, as in ``"<hash>:0"``."""
        return f"{self.tx_id}:{self.place}"


@dataclass(frozen=True, slots=True)
class CoinOrder:
    """Coins or tokens to be sent from the treasury to one address.

    ``nonce`` (EVM chains) and ``inputs`` (UTXO chains) make two of the same order one transaction: a chain takes
    each only once. ``fee`` is what the sender of a UTXO transaction leaves to the miners; None: the usual.
    ``gas_percent``: how much of the estimated gas price is offered, more than 100 to displace one with the same nonce.
    """

    chain: str
    to: str
    amount: Money
    nonce: int | None = None
    inputs: tuple[Input, ...] = ()
    fee: Money | None = None
    gas_percent: int = 100

    def __post_init__(self) -> None:
        if self.amount.minor <= 0:
            raise ValueError("a send moves something")


@dataclass(frozen=True, slots=True)
class PendingSend:
    """A send in the key daemon's queue, decoded from what it is about to sign. ``tx_id`` once broadcast.

    ``to`` is the address it pays (``SendsCoins.paid_at``). ``inputs`` are the names of those it spends, empty where the
    vendor is to choose them.
    """

    id: str
    chain: str
    to: str
    amount: Money
    tx_id: str | None
    nonce: int | None = None
    inputs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Paid:
    """One receiver of a transaction. ``place`` names it within the transaction: an output's number, ``value`` for an
    account chain's own coin, ``log-3`` for a token's transfer; with the hash it is the payment's identity.
    """

    place: str
    to: str
    amount: Money


@dataclass(frozen=True, slots=True)
class ChainTransaction:
    """A transaction as the chain sees it. One block deep is one confirmation; ``paid`` lists every receiver.

    ``spent`` (UTXO chains) and ``nonce`` (EVM chains) are what it has used up of its sender's.
    """

    tx_id: str
    status: Literal["pending", "mined", "reverted"]
    block_number: int | None
    confirmations: int
    fee: Money
    paid: tuple[Paid, ...]
    spent: frozenset[str] = frozenset()
    nonce: int | None = None


@dataclass(frozen=True, slots=True)
class Movement:
    """A line of an address's history."""

    tx_id: str
    address: str
    incoming: bool


class SendsCoins(Protocol):
    """Sends coins on chain through a key daemon that asks for approval before it signs."""

    def treasury(self, chain: str) -> str:
        """The address that coins of that chain are sent from."""
        ...

    def paid_at(self, chain: str, to: str, asset: Asset) -> str:
        """The address that a queued send to ``to`` is decoded to pay: another one where tokens have accounts."""
        ...

    async def send(self, order: CoinOrder) -> str:
        """Queue a send and return the id of the pending operation. There is no idempotency: twice is two sends."""
        ...

    async def pending_send(self, pending_id: str) -> PendingSend | None: ...

    async def pending_sends(self, chain: str) -> tuple[PendingSend, ...]:
        """The chain's queue, as far as it can be decoded."""
        ...

    async def cancel_send(self, pending_id: str) -> None:
        """Delete the pending operation; one that is gone already is no error."""
        ...

    async def transaction(self, chain: str, tx_id: str, *, enough: int | None = None) -> ChainTransaction | None:
        """The transaction; None where the vendor knows none, or only one that waits for a block.

        ``enough``: as many confirmations as whoever asks needs; how many there are beyond them need not be told.
        """
        ...

    async def next_nonce(self, chain: str) -> int:
        """How many transactions of the treasury are in blocks: the nonce that the next one must have."""
        ...

    async def unspent(self, chain: str, at_least: Money) -> tuple[Input, ...]:
        """Mined outputs that the treasury can spend, worth at least that if there is that much."""
        ...

    async def spenders(self, chain: str) -> tuple[ChainTransaction, ...]:
        """The latest mined transactions that spent outputs of the treasury, newest first."""
        ...


class ReceivesCoins(Protocol):
    """Has addresses of ours watched. No private key is involved: addresses are derived from a public one."""

    async def deposit_address(self, chain: str, index: int) -> str:
        """The address of that number.

        Raises Declined where there are none: the chain derives none, and nobody has made any.
        """
        ...

    async def watch(self, chain: str, address: str) -> None:
        """Have everything that comes in there told; asked again, nothing changes."""
        ...

    async def transaction(self, chain: str, tx_id: str) -> ChainTransaction | None: ...

    async def history(self, chain: str, address: str, offset: int = 0) -> tuple[Movement, ...]:
        """A page of an address's mined transactions, newest first, behind the first ``offset`` lines; empty: no more.

        On UTXO chains only what came in.
        """
        ...

    async def balance(self, chain: str, address: str, asset: Asset) -> Money:
        """What the chain says is there."""
        ...
