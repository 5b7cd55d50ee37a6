"""Where Solana keeps a wallet's tokens: an account for each kind, whose address is derived from the wallet's.

The derivation is the associated token account program's: SHA-256 over wallet, token program, mint and the first number,
counted down from 255, with which the result is no point of the curve, so that nobody can have a key for it.
Source: solana.com/docs/core/pda and github.com/solana-program/associated-token-account.
"""

from hashlib import sha256

from app.providers.tatum import base58

_KEY_BYTES = 32
_MARKER = b"ProgramDerivedAddress"
_PRIME = 2**255 - 19
_D = -121665 * pow(121666, -1, _PRIME) % _PRIME
"""Of Ed25519: -x² + y² = 1 + d·x²·y² (RFC 8032, section 5.1)."""


def key(address: str) -> bytes:
    """The 32 bytes of an address. Raises ValueError."""
    data = base58.decoded(address)
    if data is None or len(data) != _KEY_BYTES:
        raise ValueError("an address has 32 bytes")
    return data


TOKEN_PROGRAM = key("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
ASSOCIATED_PROGRAM = key("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")


def associated(wallet: bytes, mint: bytes) -> bytes:
    """The account that keeps a wallet's tokens of that mint."""
    seeds = wallet + TOKEN_PROGRAM + mint
    for number in range(255, -1, -1):
        found = sha256(seeds + bytes([number]) + ASSOCIATED_PROGRAM + _MARKER).digest()
        if not _is_on_curve(found):
            return found
    raise ValueError("a wallet without an account")  # one in 2^256


def _is_on_curve(data: bytes) -> bool:
    """Whether some x goes with this y: whether (y² - 1) / (d·y² + 1) is a square."""
    square = pow(int.from_bytes(data, "little") & (2**255 - 1), 2, _PRIME)
    ratio = (square - 1) * pow(_D * square + 1, -1, _PRIME) % _PRIME
    return pow(ratio, (_PRIME - 1) // 2, _PRIME) in {0, 1}
