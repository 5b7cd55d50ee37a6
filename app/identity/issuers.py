"""Who may say who somebody is: the issuers that are trusted, and what each may say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from joserfc.jwk import RSAKey

from app.errors import TokenInvalid
from app.ids import is_book

DEFAULT_TENANT = "default"


class KnowsKeys(Protocol):
    """Where public keys come from."""

    async def key(self, key_id: str) -> RSAKey: ...


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """An issuer, the audience its tokens must be for, and where its keys come from.

    Its people belong to ``tenant`` if that is named, else to the tenant in ``tenant_claim``, else to the default one.
    ``permissions_claim`` holds a list of names, or names with spaces between as ``scope`` does (RFC 9068, 2.2.3).
    """

    issuer: str
    audience: str
    keys: KnowsKeys
    tenant: str = ""
    tenant_claim: str = ""
    permissions_claim: str = "permissions"

    def tenant_of(self, claims: Mapping[str, Any]) -> str:
        """The tenant that the token's owner belongs to. Raises TokenInvalid."""
        if self.tenant or not self.tenant_claim:
            return self.tenant or DEFAULT_TENANT
        tenant = claims.get(self.tenant_claim)
        if not isinstance(tenant, str) or not is_book(tenant):
            raise TokenInvalid("it names no tenant")
        return tenant

    def permissions_of(self, claims: Mapping[str, Any]) -> list[str]:
        """The names of what the token allows, known ones or not. Raises TokenInvalid."""
        claim = claims.get(self.permissions_claim, [])
        if self.permissions_claim == "scope" and isinstance(claim, str):
            return claim.split(" ")
        if not isinstance(claim, list) or not all(isinstance(entry, str) for entry in claim):
            raise TokenInvalid("its permissions are not a list of names")
        return claim
