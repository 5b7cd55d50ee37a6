"""Signatures that others can check: Ed25519 (RFC 8032), keys and signatures in base64."""

import hashlib
from base64 import b64decode, b64encode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import SecretStr


class Signer:
    """Signs with one private key, given as its 32-byte seed in base64."""

    def __init__(self, seed: SecretStr) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(b64decode(seed.get_secret_value(), validate=True))
        raw = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.public_key = b64encode(raw).decode()
        self.key_id = hashlib.sha256(raw).hexdigest()[:16]

    def sign(self, text: str) -> str:
        """The signature of the text."""
        return b64encode(self._key.sign(text.encode())).decode()


def is_signed(text: str, signature: str, public_key: str) -> bool:
    """Whether the signature of the text is by the owner of that public key."""
    try:
        key = Ed25519PublicKey.from_public_bytes(b64decode(public_key, validate=True))
        key.verify(b64decode(signature, validate=True), text.encode())
    except (InvalidSignature, ValueError):
        return False
    return True
