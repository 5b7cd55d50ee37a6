"""Base58, and the addresses that a public key has here: derived from its text, valid to whoever checks them."""

from hashlib import sha256

from app.sandbox.tatum.chains import Chain

_DIGITS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
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
