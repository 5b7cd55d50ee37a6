"""Whether a text is an address of a chain and network, checksum included: coins sent to a typing error are gone.

Bitcoin: BIP-173 (bech32, witness version 0), BIP-350 (bech32m, versions 1 to 16), and base58check (P2PKH, P2SH).
"""

import hashlib

from app.providers.tatum.chains import Network

_CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32, _BECH32M = 1, 0x2BC830A3
_BECH32_CHARACTERS_MAX = 90
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE58_CHARACTERS_MAX = 35
_BASE58_BYTES = 25

_PREFIXES: dict[Network, str] = {"mainnet": "bc", "testnet": "tb"}
_VERSIONS: dict[Network, frozenset[int]] = {"mainnet": frozenset({0x00, 0x05}), "testnet": frozenset({0x6F, 0xC4})}


def is_valid_address(chain: str, network: Network, address: str) -> bool:
    """Whether coins of that chain and network can be sent to the address. No chain we do not know has one."""
    if chain != "bitcoin" or not address.isascii():
        return False
    return _is_segwit(address, _PREFIXES[network]) or _is_base58check(address, _VERSIONS[network])


def _is_segwit(address: str, prefix: str) -> bool:
    if len(address) > _BECH32_CHARACTERS_MAX or address not in {address.lower(), address.upper()}:
        return False
    found, separator, data = address.lower().rpartition("1")
    if not separator or found != prefix or not set(data) <= set(_CHARSET):
        return False
    values = [_CHARSET.index(letter) for letter in data]
    if len(values) < 7:
        return False
    version, program = values[0], _bytes_of(values[1:-6])
    if version > 16 or program is None or not 2 <= len(program) <= 40:
        return False
    if version == 0 and len(program) not in {20, 32}:
        return False
    return _checksum(_expanded(prefix) + values) == (_BECH32 if version == 0 else _BECH32M)


def _expanded(prefix: str) -> list[int]:
    return [ord(letter) >> 5 for letter in prefix] + [0] + [ord(letter) & 31 for letter in prefix]


def _checksum(values: list[int]) -> int:
    """The BCH code of BIP-173 over five-bit groups."""
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATOR):
            check ^= generator if top >> bit & 1 else 0
    return check


def _bytes_of(groups: list[int]) -> bytes | None:
    """Five-bit groups as bytes; None unless the padding is short and zero."""
    bits = len(groups) * 5
    number = 0
    for group in groups:
        number = number << 5 | group
    padding = bits % 8
    if padding > 4 or number & (1 << padding) - 1:
        return None
    return (number >> padding).to_bytes(bits // 8, "big")


def _is_base58check(address: str, versions: frozenset[int]) -> bool:
    if len(address) > _BASE58_CHARACTERS_MAX or not set(address) <= set(_BASE58):
        return False
    number = 0
    for letter in address:
        number = number * 58 + _BASE58.index(letter)
    zeros = len(address) - len(address.lstrip("1"))
    data = bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
    if len(data) != _BASE58_BYTES or data[0] not in versions:
        return False
    return hashlib.sha256(hashlib.sha256(data[:-4]).digest()).digest()[:4] == data[-4:]
