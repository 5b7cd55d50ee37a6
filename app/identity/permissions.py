"""What a token may allow, and the roles that bundle it."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Permission(StrEnum):
    """One thing a caller may do, as the issuer writes it in the ``permissions`` claim."""

    WALLET_READ = "wallet:read"
    WALLET_TRANSACT = "wallet:transact"
    COMPLIANCE_READ = "compliance:read"
    COMPLIANCE_ACT = "compliance:act"
    OPS_READ = "ops:read"
    OPS_ACT = "ops:act"
    AUDIT_READ = "audit:read"


ROLES: Mapping[str, frozenset[Permission]] = MappingProxyType(
    {
        "customer": frozenset({Permission.WALLET_READ, Permission.WALLET_TRANSACT}),
        "compliance": frozenset({Permission.COMPLIANCE_READ, Permission.COMPLIANCE_ACT}),
        "operator": frozenset({Permission.OPS_READ, Permission.OPS_ACT}),
        "auditor": frozenset({Permission.AUDIT_READ}),
    }
)
"""The roles as an issuer grants them. Only permissions are ever checked; no role reaches us in a token."""
