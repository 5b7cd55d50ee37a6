"""The caller of a request, as their verified token describes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.errors import PermissionDenied, TokenInvalid
from app.identity.issuers import DEFAULT_TENANT, TrustedIssuer
from app.identity.permissions import Permission
from app.identity.step_up import UNKNOWN, Authentication
from app.ids import derived_id, stored_id

__all__ = ["DEFAULT_TENANT", "Principal", "principal_of"]

_SUBJECT_LENGTH_MAX = 255  # OpenID Connect Core 2: "sub" must not exceed 255 ASCII characters
_KNOWN_PERMISSIONS: frozenset[str] = frozenset(Permission)


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody whose token was verified. A person is (issuer, subject); ``user_id`` is derived from both.

    ``key_thumbprint`` (RFC 7638) is of the key that the token is bound to; None: whoever bears it may use it.
    """

    user_id: str
    tenant: str
    issuer: str
    subject: str
    permissions: frozenset[Permission]
    authentication: Authentication = UNKNOWN
    key_thumbprint: str | None = None

    @property
    def book(self) -> str:
        """The book that this caller's money is in: one per tenant."""
        return self.tenant

    @property
    def stored_user_id(self) -> str:
        """The id under which the user is stored."""
        return stored_id(self.tenant, self.user_id)

    def require(self, permission: Permission) -> None:
        """Raise PermissionDenied unless the token carries the permission."""
        if permission not in self.permissions:
            raise PermissionDenied(permission)


def principal_of(claims: Mapping[str, Any], issuer: TrustedIssuer) -> Principal:
    """The caller that verified claims describe; permissions that we do not know are ignored.

    Raises TokenInvalid for a missing subject, a tenant that is no name, or permissions, a time of sign-in or a key of
    another shape.
    """
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _SUBJECT_LENGTH_MAX:
        raise TokenInvalid("it names no subject")
    return Principal(
        user_id=derived_id("usr", issuer.issuer, subject),
        tenant=issuer.tenant_of(claims),
        issuer=issuer.issuer,
        subject=subject,
        permissions=frozenset(Permission(name) for name in issuer.permissions_of(claims) if name in _KNOWN_PERMISSIONS),
        authentication=_authentication(claims),
        key_thumbprint=_key_thumbprint(claims),
    )


def _authentication(claims: Mapping[str, Any]) -> Authentication:
    at_s, acr = claims.get("auth_time"), claims.get("acr", "")
    if not isinstance(at_s, int | None) or isinstance(at_s, bool) or not isinstance(acr, str):
        raise TokenInvalid("it does not say plainly when its owner signed in")
    return Authentication(at_s, acr)


def _key_thumbprint(claims: Mapping[str, Any]) -> str | None:
    """RFC 9449, 6.1. A binding that we do not know must not be taken for none."""
    if "cnf" not in claims:
        return None
    binding = claims["cnf"]
    if not isinstance(binding, dict) or not isinstance(binding.get("jkt"), str):
        raise TokenInvalid("it is bound to its bearer in another way than by a key's thumbprint")
    return str(binding["jkt"])
