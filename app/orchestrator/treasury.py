"""What a treasury address has given to its sends: nonces on EVM chains, inputs on UTXO chains. Pure.

A chain takes each nonce of an address, and each input, once. Taken in the commit that announces a send and stored
with it, they make two of the same send one; and another transaction that has used them proves that ours never will.

The documents belong to the chains, not to a tenant's book: every tenant's coins leave from the same address.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from app.ids import stored_id
from app.ledger.changes import ABSENT, Companion, Document
from app.money import Money
from app.providers.chain_ports import Input

NONCES, RETURNED_NONCES, INPUTS = "treasury_nonces", "treasury_returned_nonces", "treasury_inputs"

_BOOK = "chains"
_NOBODY = ""
_CHOICE = 32
"""So many free inputs a reading is to find: the next sends are given theirs out of it."""


@dataclass(frozen=True, slots=True)
class Numbering:
    """How far an address has counted. ``returned``: the lowest number that was given back unused, if there is one."""

    next: int
    version: int
    returned: int | None = None
    returned_id: str = ""


@dataclass(frozen=True, slots=True)
class FreeInput:
    """An input that nobody has; ``given_back``: somebody had, so there is a document of it."""

    input: Input
    given_back: bool


def address_id(chain: str, address: str) -> str:
    """The id of an address's allocator."""
    return stored_id(_BOOK, f"{chain}.{address}")


def input_id(chain: str, ref: str) -> str:
    """The id of an input's document."""
    return stored_id(_BOOK, f"{chain}.{ref}")


def numbering_from(document: Document | None, returned: Document | None, mined: int) -> Numbering:
    """The allocator as read; ``mined`` is the chain's own count, which a key used elsewhere may have moved on."""
    known = (0, 0) if document is None else (document["next"], document["version"])
    usable = returned if returned is not None and returned["nonce"] >= mined else None
    return Numbering(
        max(known[0], mined),
        known[1],
        None if usable is None else usable["nonce"],
        "" if usable is None else usable["_id"],
    )


def take_nonce(address: str, numbering: Numbering) -> tuple[int, Companion]:
    """The nonce of a send, and the companion that takes it: a number that was given back first, then the next one."""
    if numbering.returned is not None:
        return numbering.returned, take_returned(numbering.returned_id)
    guard = {"version": numbering.version} if numbering.version else ABSENT
    taken: Document = {"next": numbering.next + 1, "version": numbering.version + 1}
    return numbering.next, Companion(NONCES, address, guard, taken)


def take_returned(returned_id: str) -> Companion:
    """The companion that takes a number which was given back."""
    return Companion(RETURNED_NONCES, returned_id, {"free": 1}, {"free": 0})


def return_nonce(address: str, nonce: int, saga_id: str) -> Companion:
    """The companion that gives a nonce back: nothing with it was signed, nor ever will be."""
    document: Document = {"address": address, "nonce": nonce, "free": 1}
    return Companion(RETURNED_NONCES, f"{address}#{nonce}#{saga_id}", ABSENT, document)


def free_inputs(
    candidates: Sequence[Input], known: Mapping[str, Document], lent: Iterable[Input], whose: str
) -> tuple[FreeInput, ...]:
    """Inputs that nobody has taken; ``known`` are their documents, of those that were taken before, and ``lent`` those
    that somebody is about to take.

    Whoever reads them begins elsewhere, by a digest, so that processes at the same moment rarely want the same.
    """
    held = {ref for ref, document in known.items() if document["taken_by"] != _NOBODY}
    held |= {each.ref for each in lent} - known.keys()
    free = [FreeInput(each, given_back=each.ref in known) for each in candidates if each.ref not in held]
    return tuple(sorted(free, key=lambda each: sha256(f"{whose}/{each.input.ref}".encode()).digest()))


def enough_of(free: Sequence[FreeInput], needed: Money) -> int | None:
    """How many of these, from the first one on, are worth at least that; None where all of them are not."""
    worth = 0
    for number, each in enumerate(free, start=1):
        worth += each.input.amount.minor
        if worth >= needed.minor:
            return number
    return None


def take_inputs(chain: str, inputs: Iterable[FreeInput], saga_id: str) -> list[Companion]:
    """The companions that take inputs for a saga."""
    return [
        Companion(
            INPUTS,
            input_id(chain, each.input.ref),
            {"taken_by": _NOBODY} if each.given_back else ABSENT,
            {"ref": each.input.ref, "taken_by": saga_id, "minor": str(each.input.amount.minor), "in_use": 1},
        )
        for each in inputs
    ]


def return_inputs(chain: str, refs: Iterable[str], saga_id: str) -> list[Companion]:
    """The companions that give inputs back."""
    given_back: Document = {"taken_by": _NOBODY, "in_use": 0}
    return [Companion(INPUTS, input_id(chain, ref), {"taken_by": saga_id}, given_back) for ref in refs]


def use_inputs(chain: str, refs: Iterable[str], saga_id: str) -> list[Companion]:
    """The companions that note inputs as spent, once the send is as deep as is asked for."""
    return [Companion(INPUTS, input_id(chain, ref), {"taken_by": saga_id}, {"in_use": 0}) for ref in refs]


def worth_asking_for(in_use: Iterable[Document], lent: Iterable[Input], needed: Money) -> Money:
    """How much to ask the chain for: what sends have taken already or are about to, what is needed, and a choice.

    One output may be worth thousands of sends. Asked for no more than is needed, the chain would show all sends of the
    same moment the same one, and all but one would have to look again.
    """
    known = {document["ref"]: int(document["minor"]) for document in in_use}
    minors = ({each.ref: each.amount.minor for each in lent} | known).values()
    return Money(sum(minors) + _CHOICE * max(minors, default=0), needed.asset) + needed
