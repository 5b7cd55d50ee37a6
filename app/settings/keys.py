"""The keys that the product itself seals and signs with."""

from pydantic import SecretStr

from app.settings.section import Section


class KeySettings(Section):
    """Each is 32 bytes in base64."""

    sealing_key: SecretStr = SecretStr("c2FuZGJveC1zZWFsaW5nLWtleS0wMTIzNDU2Nzg5YWI=")
    """Seals bank-link tokens at rest (AES-GCM)."""
    sealing_keys_older: SecretStr = SecretStr("")
    """Keys that were ``sealing_key`` before, with spaces between: what they have sealed can still be opened."""

    receipt_key: SecretStr = SecretStr("c2FuZGJveC1yZWNlaXB0LWtleS1zZWVkLTAxMjM0NTY=")
    """The seed of the Ed25519 key that signs receipts."""

    @property
    def older_sealing_keys(self) -> tuple[SecretStr, ...]:
        """The keys that may open what they sealed, and seal nothing any more."""
        return tuple(map(SecretStr, self.sealing_keys_older.get_secret_value().split()))
