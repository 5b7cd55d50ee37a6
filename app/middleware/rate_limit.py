"""How often a caller, a tenant and an address may ask, told in the fields of draft-ietf-httpapi-ratelimit-headers."""

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import TooMany
from app.ids import derived_id
from app.middleware.state import state_of
from app.plumbing.rates import Rate, Rates, Taken, TooSoon

MACHINES = ("/webhooks/", "/health/")
"""How the templates of routes begin that are limited elsewhere or not at all."""


class RateLimit:
    """Raises TooMany. It comes before idempotency: a request that is turned away here claims no key.

    ``limits`` names the rates of a ``caller``, a ``tenant`` and an ``address``; what is not named is not limited. What
    nobody signs for counts for the address alone, except what machines ask: a vendor that is turned away would only
    come again, and its events are counted at the inbox.
    """

    def __init__(self, app: ASGIApp, rates: Rates, limits: Mapping[str, Rate]) -> None:
        self._app = app
        self._rates = rates
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        subjects = _subjects(scope) if scope["type"] == "http" else {}
        limited = [(name, subject) for name, subject in subjects.items() if name in self._limits]
        if not limited:
            await self._app(scope, receive, send)
            return
        wanted = [(f"{name}:{subject}", self._limits[name]) for name, subject in limited]
        verdict = await self._rates.take(wanted)
        name = limited[verdict.tightest][0]
        if isinstance(verdict, TooSoon):
            raise TooMany(name, verdict.after_s)
        told = _told(name, self._limits[name], verdict)

        async def send_with_rate(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *told]
            await send(message)

        await self._app(scope, receive, send_with_rate)


def _subjects(scope: Scope) -> dict[str, str]:
    """Whom the request counts for. Addresses are kept as digests: they are personal data."""
    state, client = state_of(scope), scope.get("client")
    if state.route and state.route.template.startswith(MACHINES):
        return {}
    principal = state.principal
    address = {"address": derived_id("adr", client[0])} if client else {}
    if principal is None:
        return address
    return {"caller": principal.stored_user_id, "tenant": principal.tenant, **address}


def _told(name: str, rate: Rate, taken: Taken) -> tuple[tuple[bytes, bytes], ...]:
    policy, left = f'"{name}";q={rate.uses};w={rate.per_s}', f'"{name}";r={taken.left}'
    return ((b"ratelimit-policy", policy.encode()), (b"ratelimit", left.encode()))
