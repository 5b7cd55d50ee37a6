"""Base58 and its checked form, as Bitcoin, Tron and Solana write bytes."""

import hashlib

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_CHARACTERS_MAX = 44
"""Enough for 32 bytes; decoding costs the square of the length."""
_CHECKSUM_BYTES = 4


def decoded(text: str) -> bytes | None:
    """The bytes, or None where the text is not base58, or longer than any address."""
    if len(text) > _CHARACTERS_MAX or not set(text) <= set(_ALPHABET):
        return None
    number = 0
    for letter in text:
        number = number * 58 + _ALPHABET.index(letter)
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def encoded(data: bytes) -> str:
    """The text of these bytes."""
    number, letters = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        letters = _ALPHABET[digit] + letters
    return "1" * (len(data) - len(data.lstrip(b"\x00"))) + letters


def checked(text: str) -> bytes | None:
    """What base58check guards, without the checksum; None where that is wrong."""
    data = decoded(text)
    if data is None or data[-_CHECKSUM_BYTES:] != _checksum(data[:-_CHECKSUM_BYTES]):
        return None
    return data[:-_CHECKSUM_BYTES]


def with_checksum(data: bytes) -> str:
    """The base58check text of these bytes."""
    return encoded(data + _checksum(data))


def _checksum(data: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()[:_CHECKSUM_BYTES]
