"""Sealing secrets at rest: AES-256-GCM, bound to the document they belong to, with the key's id for rotation."""

import hashlib
import secrets
from base64 import b64decode
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
    """Seals and opens with one key of 32 bytes, given in base64. Any other key is a ValueError."""

    def __init__(self, key: SecretStr) -> None:
        raw = b64decode(key.get_secret_value(), validate=True)
        if len(raw) != _KEY_BYTES:
            raise ValueError(f"a sealing key is {_KEY_BYTES} bytes in base64")
        self._cipher = AESGCM(raw)
        self._key_id = hashlib.sha256(raw).hexdigest()[:16]

    def seal(self, secret: SecretStr, belongs_to: str) -> Sealed:
        """The secret, readable only with this key and only for that document."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        ciphertext = self._cipher.encrypt(nonce, secret.get_secret_value().encode(), belongs_to.encode())
        return Sealed(key_id=self._key_id, nonce=nonce, ciphertext=ciphertext)

    def open(self, sealed: Sealed, belongs_to: str) -> SecretStr:
        """The secret again. Raises BrokenSeal."""
        if sealed["key_id"] != self._key_id:
            raise BrokenSeal("sealed with another key")
        try:
            return SecretStr(self._cipher.decrypt(sealed["nonce"], sealed["ciphertext"], belongs_to.encode()).decode())
        except InvalidTag:
            raise BrokenSeal("sealed for another document, or touched") from None
