"""Who asks: the bearer token of RFC 6750, or the bound one of RFC 9449, on routes that need a permission."""

from dataclasses import dataclass
from typing import Protocol

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import ProofInvalid, TokenInvalid, TokenMissing
from app.identity.principals import Principal
from app.identity.proofs import Use
from app.middleware.state import state_of

_PROOF = "dpop"


class VerifiesTokens(Protocol):
    """Knows the caller behind a token."""

    async def principal(self, token: str) -> Principal: ...


class VerifiesProofs(Protocol):
    """Knows whether a bound token is used by whoever has its key."""

    async def require(self, proof: str, use: Use) -> None: ...


@dataclass(frozen=True, slots=True)
class Callers:
    """Whose word is taken for who calls.

    A token that is bound to a key is accepted only with a proof of that key, by whichever scheme it comes; callers of
    ``bound_tenants`` must have one that is. ``public_url`` is how clients reach us, if not as the request says.
    """

    tokens: VerifiesTokens
    proofs: VerifiesProofs | None = None
    bound_tenants: frozenset[str] = frozenset()
    public_url: str = ""


class Authentication:
    """Notes the caller in the request's state. Raises TokenMissing, what the tokens' check raises, ProofInvalid."""

    def __init__(self, app: ASGIApp, callers: Callers) -> None:
        self._app = app
        self._callers = callers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            state = state_of(scope)
            if state.route and state.route.permission:
                scheme, token = _credentials(scope)
                principal = await self._callers.tokens.principal(token)
                if principal.key_thumbprint is not None:
                    await self._require_proof(scope, token, principal.key_thumbprint)
                elif scheme == _PROOF or principal.tenant in self._callers.bound_tenants:
                    raise ProofInvalid("the token is bound to no key")
                state.principal = principal
        await self._app(scope, receive, send)

    async def _require_proof(self, scope: Scope, token: str, thumbprint: str) -> None:
        proofs = Headers(scope=scope).getlist("dpop")
        if len(proofs) > 1:
            raise ProofInvalid("there is more than one")
        if self._callers.proofs is None:
            raise ProofInvalid("nobody here can judge one")
        base = self._callers.public_url or f"{scope['scheme']}://{Headers(scope=scope).get('host', '')}"
        use = Use(scope["method"], base + scope["path"], token, thumbprint)
        await self._callers.proofs.require(proofs[0] if proofs else "", use)


def _credentials(scope: Scope) -> tuple[str, str]:
    """The scheme in small letters, and the token."""
    values = Headers(scope=scope).getlist("authorization")
    if len(values) > 1:
        raise TokenInvalid("there is more than one Authorization header")
    scheme, _, token = (values[0] if values else "").partition(" ")
    if scheme.lower() not in {"bearer", _PROOF} or not token:
        raise TokenMissing
    return scheme.lower(), token.strip(" ")
