"""Who asks: the bearer token of RFC 6750, on routes that need a permission."""

from typing import Protocol

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import TokenInvalid, TokenMissing
from app.identity.principals import Principal
from app.middleware.state import state_of


class VerifiesTokens(Protocol):
    """Knows the caller behind a token."""

    async def principal(self, token: str) -> Principal: ...


class Authentication:
    """Notes the caller in the request's state. Raises TokenMissing, then what the token's check raises."""

    def __init__(self, app: ASGIApp, tokens: VerifiesTokens) -> None:
        self._app = app
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            state = state_of(scope)
            if state.route and state.route.permission:
                state.principal = await self._tokens.principal(_bearer_token(scope))
        await self._app(scope, receive, send)


def _bearer_token(scope: Scope) -> str:
    values = Headers(scope=scope).getlist("authorization")
    if len(values) > 1:
        raise TokenInvalid("there is more than one Authorization header")
    scheme, _, token = (values[0] if values else "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise TokenMissing
    return token.strip(" ")
