"""Whether a text is an address of a chain and network, checksum included: coins sent to a typing error are gone.

Bitcoin: BIP-173 (bech32, witness version 0), BIP-350 (bech32m, versions 1 to 16), and base58check (P2PKH, P2SH).
EVM chains: EIP-55; the checksum is in the letters' case, so one of letters in a single case has none, and is taken.
Tron: base58check of 21 bytes that begin with 0x41. Solana: base58 of 32 bytes, no checksum. The last three look the
same on every network: nothing tells them apart.
"""

import re
from functools import lru_cache
from typing import assert_never

from app.providers.tatum import base58
from app.providers.tatum.chains import CHAINS, Network
from app.providers.tatum.keccak import keccak_256

_CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32, _BECH32M = 1, 0x2BC830A3
_BECH32_CHARACTERS_MAX = 90
_CHECK_GROUPS = 6
_VERSIONED_BYTES = 21
_SOLANA_BYTES = 32
_EVM = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)
_EVM_NOBODY = f"0x{0:040x}"
"""Coins and tokens sent there are destroyed."""


def is_valid_address(chain: str, network: Network, address: str) -> bool:
    """Whether coins of that chain and network can be sent to the address. No chain we do not know has one."""
    known = CHAINS.get(chain)
    if known is None or not address.isascii():
        return False
    match known.family:
        case "utxo":
            prefix, versions = known.address_prefixes[network], known.address_versions[network]
            return _is_segwit(address, prefix) or _is_base58check(address, versions)
        case "evm":
            return _is_evm(address)
        case "tron":
            return _is_base58check(address, known.address_versions[network])
        case "solana":
            return _is_solana(address)
        case _:
            assert_never(known.family)


def canonical_address(chain: str, address: str) -> str:
    """The one spelling under which an address is kept and compared: EIP-55 on EVM chains, small letters in bech32.

    Elsewhere, and on chains that nobody knows, the case of letters is content.
    """
    known = CHAINS.get(chain)
    if known is None:
        return address
    if known.family == "evm":
        return checksummed(address)
    is_bech32 = known.family == "utxo" and address.lower().startswith(tuple(known.address_prefixes.values()))
    return address.lower() if is_bech32 else address


def checksummed(address: str) -> str:
    """An EVM address with the letters' case that EIP-55 gives it."""
    digits = address.removeprefix("0x").lower()
    digest = keccak_256(digits.encode()).hex()
    return "0x" + "".join(
        digit.upper() if int(bits, 16) >= 8 else digit for digit, bits in zip(digits, digest, strict=False)
    )


@lru_cache(maxsize=4096)
def segwit_address(prefix: str, version: int, program: bytes) -> str:
    """The address of a witness program."""
    values = [version, *_groups(program)]
    check = _checksum([*_expanded(prefix), *values, *[0] * _CHECK_GROUPS]) ^ (_BECH32 if version == 0 else _BECH32M)
    values += [check >> 5 * place & 31 for place in reversed(range(_CHECK_GROUPS))]
    return f"{prefix}1" + "".join(_CHARSET[value] for value in values)


def _is_evm(address: str) -> bool:
    if _EVM.fullmatch(address) is None or address.lower() == _EVM_NOBODY:
        return False
    digits = address[2:]
    return digits in {digits.lower(), digits.upper()} or address == checksummed(address)


def _is_solana(address: str) -> bool:
    data = base58.decoded(address)
    return data is not None and len(data) == _SOLANA_BYTES and data != bytes(_SOLANA_BYTES)


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


def _groups(data: bytes) -> list[int]:
    """Bytes as five-bit groups, the last one filled up with zeros."""
    count = -(-len(data) * 8 // 5)
    number = int.from_bytes(data, "big") << count * 5 - len(data) * 8
    return [number >> 5 * place & 31 for place in reversed(range(count))]


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


def _is_base58check(address: str, versions: tuple[int, ...]) -> bool:
    data = base58.checked(address)
    return data is not None and len(data) == _VERSIONED_BYTES and data[0] in versions
