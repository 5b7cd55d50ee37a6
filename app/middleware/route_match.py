"""Finds out once which route a request is for; every later decision is about that route, never about the path."""

from starlette.types import ASGIApp, Receive, Scope, Send

from app.middleware.route_table import RouteTable
from app.middleware.state import state_of


class RouteMatch:
    """Notes the matched route in the request's state."""

    def __init__(self, app: ASGIApp, routes: RouteTable) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (matched := self._routes.match(scope)):
            state = state_of(scope)
            state.route, state.path_params = matched
        await self._app(scope, receive, send)
