"""Whether they may: the permission that the matched route declares in its signature."""

from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import TokenMissing
from app.middleware.state import state_of


class Authorisation:
    """Raises PermissionDenied. It comes before idempotency, so no answer is replayed to one who lost a permission."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            state = state_of(scope)
            if state.route and state.route.permission:
                if state.principal is None:
                    raise TokenMissing
                state.principal.require(state.route.permission)
        await self._app(scope, receive, send)
