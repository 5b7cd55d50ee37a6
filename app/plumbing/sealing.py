"""Sealing secrets at rest: AES-256-GCM, bound to the document they belong to, with the key's id for rotation."""

import hashlib
import secrets
from base64 import b64decode, b64encode
from typing import TypedDict

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

_KEY_BYTES = 32
_NONCE_BYTES = 12


class Sealed(TypedDict):
    """A sealed secret as stored."""

    key_id: str
    nonce: bytes
    ciphertext: bytes


class BrokenSeal(Exception):
    """The secret was sealed with another key, for another document, or has been touched."""


class Sealer:
    """Seals with one key and opens with any it is given; each is 32 bytes in base64, else a ValueError.

    To rotate, give the new key first and the old ones behind it, until nothing is sealed with them any more.
    """

    def __init__(self, key: SecretStr, *older: SecretStr) -> None:
        self._key_id, self._cipher = _cipher_of(key)
        self._ciphers = dict(_cipher_of(each) for each in (*older, key))

    def seal(self, secret: SecretStr, belongs_to: str) -> Sealed:
        """The secret, readable only with this key and only for that document."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        ciphertext = self._cipher.encrypt(nonce, secret.get_secret_value().encode(), belongs_to.encode())
        return Sealed(key_id=self._key_id, nonce=nonce, ciphertext=ciphertext)

    def seal_text(self, secret: SecretStr, belongs_to: str) -> str:
        """The same as one text, for where only text is kept."""
        sealed = self.seal(secret, belongs_to)
        parts = (b64encode(sealed["nonce"]), b64encode(sealed["ciphertext"]))
        return ".".join((sealed["key_id"], *(part.decode() for part in parts)))

    def open_text(self, sealed: str, belongs_to: str) -> SecretStr:
        """The secret again. Raises BrokenSeal."""
        try:
            key_id, nonce, ciphertext = sealed.split(".")
            parts = Sealed(key_id=key_id, nonce=b64decode(nonce), ciphertext=b64decode(ciphertext))
        except ValueError:
            raise BrokenSeal("not sealed by us") from None
        return self.open(parts, belongs_to)

    def open(self, sealed: Sealed, belongs_to: str) -> SecretStr:
        """The secret again. Raises BrokenSeal."""
        cipher = self._ciphers.get(sealed["key_id"])
        if cipher is None:
            raise BrokenSeal("sealed with another key")
        try:
            return SecretStr(cipher.decrypt(sealed["nonce"], sealed["ciphertext"], belongs_to.encode()).decode())
        except InvalidTag:
            raise BrokenSeal("sealed for another document, or touched") from None


def _cipher_of(key: SecretStr) -> tuple[str, AESGCM]:
    """The key's id, which tells nothing of it, and what it opens with."""
    raw = b64decode(key.get_secret_value(), validate=True)
    if len(raw) != _KEY_BYTES:
        raise ValueError(f"a sealing key is {_KEY_BYTES} bytes in base64")
    return hashlib.sha256(raw).hexdigest()[:16], AESGCM(raw)
