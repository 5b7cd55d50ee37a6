"""Who asks: tokens, proofs, sign-ins and permissions."""

from app.errors.tree import Forbidden, Unauthenticated


class TokenMissing(Unauthenticated):
    """No bearer token."""

    code = "token-missing"

    def __init__(self) -> None:
        super().__init__("This request needs an Authorization header with a bearer token.")


class TokenInvalid(Unauthenticated):
    """The token failed a check; which one is told without repeating the token."""

    code = "token-invalid"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The bearer token was not accepted: {reason}.", reason=reason)


class ProofInvalid(Unauthenticated):
    """A token that is bound to a key came without a proof that its bearer has that key (RFC 9449)."""

    code = "proof-invalid"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The DPoP proof was not accepted: {reason}.", reason=reason)


class AuthenticationInsufficient(Unauthenticated):
    """So much moves only for somebody who has just signed in again (RFC 9470)."""

    code = "insufficient-user-authentication"

    def __init__(self, max_age_s: int, acr_values: tuple[str, ...]) -> None:
        super().__init__("This amount needs a fresh sign-in.", max_age_s=max_age_s, acr_values=" ".join(acr_values))


class PermissionDenied(Forbidden):
    """The token lacks a permission."""

    code = "permission-denied"

    def __init__(self, permission: str) -> None:
        super().__init__(f"This needs the permission {permission}.", permission=permission)
