"""What is signed on Solana: a legacy message, read from its bytes as the chain would read it.

Three counts of signers and read-only accounts, then the accounts (32 bytes each), a recent block's hash, and
instructions that name accounts by number. Counts are in the compact form of one to three bytes.
Source: solana.com/docs/core/transactions.
"""

from dataclasses import dataclass

_KEY_BYTES = 32
_HEADER_BYTES = 3
_VERSIONED = 0x80


@dataclass(frozen=True, slots=True)
class Instruction:
    """A call of a program with these accounts."""

    program: bytes
    accounts: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """``payer``, the first signer, pays the fee."""

    signers: int
    payer: bytes
    instructions: tuple[Instruction, ...]


def read_message(data: bytes) -> Message:
    """The message in these bytes. Raises ValueError or LookupError for anything else, and for what follows it."""
    signers = data[0]
    if signers >= _VERSIONED:
        raise ValueError("a legacy message is expected")
    count, rest = _count(data[_HEADER_BYTES:])
    if len(rest) < _KEY_BYTES * (count + 1):
        raise ValueError("accounts are missing")
    keys = [rest[_KEY_BYTES * place : _KEY_BYTES * (place + 1)] for place in range(count)]
    number, rest = _count(rest[_KEY_BYTES * (count + 1) :])
    instructions = []
    for _ in range(number):
        instruction, rest = _instruction(rest, keys)
        instructions.append(instruction)
    if rest:
        raise ValueError("something follows the message")
    return Message(signers, keys[0], tuple(instructions))


def _instruction(data: bytes, keys: list[bytes]) -> tuple[Instruction, bytes]:
    """The first instruction, and what follows it."""
    program = keys[data[0]]
    named, rest = _part(data[1:])
    content, rest = _part(rest)
    return Instruction(program, tuple(keys[place] for place in named), content), rest


def _part(data: bytes) -> tuple[bytes, bytes]:
    """So many bytes as their count says, and what follows them."""
    length, rest = _count(data)
    if len(rest) < length:
        raise ValueError("bytes are missing")
    return rest[:length], rest[length:]


def _count(data: bytes) -> tuple[int, bytes]:
    """A count in the compact form, seven bits a byte, and what follows it."""
    value = 0
    for place in range(3):
        value |= (data[place] & 0x7F) << (7 * place)
        if not data[place] & 0x80:
            return value, data[place + 1 :]
    raise ValueError("a count has at most three bytes")
