"""Base58, and the addresses that a public key has here: derived from its text, valid to whoever checks them."""

from functools import lru_cache
from hashlib import sha256

from app.sandbox.tatum.chains import Chain

_DIGITS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32_LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_STEPS = ((1, 0x3B6A57B2), (2, 0x26508E6D), (4, 0x1EA119FA), (8, 0x3D4233DD), (16, 0x2A1462B3))
_FIELD = 2**255 - 19
_CURVE = -121_665 * pow(121_666, _FIELD - 2, _FIELD) % _FIELD
_VERSIONS = {"bitcoin": 0x6F, "tron": 0x41}


def base58(data: bytes) -> str:
    value = int.from_bytes(data, "big")
    digits: list[str] = []
    while value:
        value, rest = divmod(value, 58)
        digits.append(_DIGITS[rest])
    leading = len(data) - len(data.lstrip(b"\0"))
    return _DIGITS[0] * leading + "".join(reversed(digits))


def from_base58(text: str) -> bytes:
    """The bytes behind the text. Raises ValueError."""
    value = 0
    for digit in text:
        value = value * 58 + _DIGITS.index(digit)
    leading = len(text) - len(text.lstrip(_DIGITS[0]))
    return b"\0" * leading + value.to_bytes((value.bit_length() + 7) // 8, "big")


def with_check(data: bytes) -> str:
    """Base58 with the four bytes that notice a typing error."""
    return base58(data + sha256(sha256(data).digest()).digest()[:4])


def derived_address(chain: Chain, public_key: str, index: int) -> str:
    """The address of that number. Not the real derivation: any text is a public key here."""
    digest = sha256(f"{public_key}/{index}".encode()).digest()[:20]
    if chain.is_evm:
        return f"0x{digest.hex()}"
    return with_check(bytes([_VERSIONS[chain.name]]) + digest)


def token_account(wallet: bytes, mint: bytes) -> bytes:
    """Solana's account for a wallet's tokens: the first digest that nobody can have a key for."""
    seed = wallet + from_base58("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA") + mint
    ending = from_base58("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL") + b"ProgramDerivedAddress"
    digests = (sha256(seed + bytes((bump,)) + ending).digest() for bump in range(255, -1, -1))
    return next(digest for digest in digests if not _has_key(digest))


def _has_key(data: bytes) -> bool:
    """Whether the bytes are a point of Ed25519's curve, told by its y: then (y² - 1)(d·y² + 1) is a square."""
    y = int.from_bytes(data, "little") % 2**255
    residue = (y * y - 1) * (_CURVE * y * y + 1) % _FIELD
    return pow(residue, _FIELD // 2, _FIELD) <= 1


@lru_cache(maxsize=4096)
def output_script(address: str) -> str:
    """The script, in hexadecimal, that pays a testnet's address. Raises ValueError."""
    if address.lower().startswith("tb1"):
        version, program = _witness(address.lower())
        return bytes((version and 0x50 + version, len(program))).hex() + program.hex()
    data = from_base58(address)
    if with_check(data[:-4]) != address or len(data) != 25:
        raise ValueError("no such address")
    forms = {0x6F: ("76a914", "88ac"), 0xC4: ("a914", "87")}
    if data[0] not in forms:
        raise ValueError("an address of another network")
    return data[1:21].hex().join(forms[data[0]])


def _witness(address: str) -> tuple[int, bytes]:
    """The version and the program of a bech32 address. Raises ValueError."""
    letters = [_BECH32_LETTERS.index(letter) for letter in address[3:]]
    remainder = 1
    for value in (*(ord(letter) >> 5 for letter in "tb"), 0, *(ord(letter) & 31 for letter in "tb"), *letters):
        top = remainder >> 25
        remainder = (remainder & 0x1FFFFFF) << 5 ^ value
        for bit, step in _BECH32_STEPS:
            remainder ^= step if top & bit else 0
    if len(letters) < 10 or remainder != (0x2BC830A3 if letters[0] else 1):
        raise ValueError("a typing error")
    bits = "".join(f"{value:05b}" for value in letters[1:-6])
    return letters[0], bytes(int(bits[start : start + 8], 2) for start in range(0, len(bits) - 7, 8))
