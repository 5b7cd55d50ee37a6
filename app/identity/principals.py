"""The caller of a request, as their verified token describes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.errors import PermissionDenied, TokenInvalid
from app.identity.permissions import Permission
from app.ids import derived_id, is_book, stored_id

DEFAULT_TENANT = "default"

_SUBJECT_LENGTH_MAX = 255  # OpenID Connect Core 2: "sub" must not exceed 255 ASCII characters
_KNOWN_PERMISSIONS: frozenset[str] = frozenset(Permission)


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody whose token was verified. A person is (issuer, subject); ``user_id`` is derived from both."""

    user_id: str
    tenant: str
    issuer: str
    subject: str
    permissions: frozenset[Permission]

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


def principal_of(claims: Mapping[str, Any], tenant_claim: str) -> Principal:
    """The caller that verified claims describe; permissions that we do not know are ignored.

    Raises TokenInvalid for a missing subject, a tenant that is no name, or a ``permissions`` claim of another shape.
    """
    issuer, subject = str(claims["iss"]), claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _SUBJECT_LENGTH_MAX:
        raise TokenInvalid("it names no subject")
    return Principal(
        user_id=derived_id("usr", issuer, subject),
        tenant=_tenant(claims, tenant_claim),
        issuer=issuer,
        subject=subject,
        permissions=_permissions(claims.get("permissions", [])),
    )


def _tenant(claims: Mapping[str, Any], tenant_claim: str) -> str:
    if not tenant_claim:
        return DEFAULT_TENANT
    tenant = claims.get(tenant_claim)
    if not isinstance(tenant, str) or not is_book(tenant):
        raise TokenInvalid("it names no tenant")
    return tenant


def _permissions(claim: object) -> frozenset[Permission]:
    if not isinstance(claim, list) or not all(isinstance(entry, str) for entry in claim):
        raise TokenInvalid("its permissions are not a list of names")
    return frozenset(Permission(entry) for entry in claim if entry in _KNOWN_PERMISSIONS)
