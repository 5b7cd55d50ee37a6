"""The same request twice is answered twice and done once: claim, run, remember; or replay."""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import IdempotencyKeyMalformed, IdempotencyKeyMissing, OutcomeUnresolved
from app.idempotency.claims import Answer, Claim, Claims, KeyScope
from app.idempotency.fingerprint import fingerprint
from app.idempotency.keys import parse_key
from app.middleware.declarations import is_dry_run
from app.middleware.routes import DeclaredRoute
from app.middleware.state import RequestState, state_of

REPLAYED = "Idempotent-Replayed"

_CONTENT_HEADERS = ("content-type", "location")
_ANSWER_BYTES_MAX = 256 * 1_024
_ABOUT_THE_CALLER = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class Idempotency:
    """Raises IdempotencyKeyMissing, IdempotencyKeyMalformed, IdempotencyKeyReused, IdempotencyInProgress.

    A claim outlives its request in two cases: the answer is the verb's verdict (then it is remembered), or the
    outcome is unknown, as where the verb was cut short (then the claim stays until its lifetime ends). Otherwise it is
    given up. A client that goes away changes nothing: the verb ends, and its answer waits for the repeat.
    """

    def __init__(self, app: ASGIApp, claims: Claims) -> None:
        self._app = app
        self._claims = claims

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = state_of(scope) if scope["type"] == "http" else RequestState()
        if state.route and state.route.takes_key and not (state.route.may_dry_run and is_dry_run(scope)):
            state.idempotency_key = _key(scope, state.route)
        key_scope = _key_scope(state)
        if key_scope is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            body = await request.body()
        except ClientDisconnect:
            return
        await self._answer(key_scope, _fingerprint(key_scope, request, state, body), scope, _again(body, receive), send)

    async def _answer(self, key: KeyScope, fingerprint: str, scope: Scope, receive: Receive, send: Send) -> None:
        claimed = await self._claims.claim(key, fingerprint)
        match claimed:
            case Answer():
                headers = {**dict(claimed.headers), REPLAYED: "true"}
                await Response(claimed.body, claimed.status, headers)(scope, receive, send)
            case Claim():
                await self._run(claimed, scope, receive, send)
            case None:
                await self._app(scope, receive, send)

    async def _run(self, claim: Claim, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the request; its answer leaves only after it is settled, so a repeat never finds the claim open."""
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        try:
            await self._app(scope, receive, keep)
        except OutcomeUnresolved:
            raise
        except Exception:
            await self._claims.release(claim)
            raise
        await self._settle(claim, messages, state_of(scope))
        for message in messages:
            await send(message)

    async def _settle(self, claim: Claim, messages: list[Message], state: RequestState) -> None:
        if isinstance(state.refusal, OutcomeUnresolved):
            return
        answer = _verdict(messages) if state.verb_reached else None
        if answer is None:
            await self._claims.release(claim)
        else:
            await self._claims.remember(claim, answer)


def _key(scope: Scope, route: DeclaredRoute) -> str | None:
    values = Headers(scope=scope).getlist("idempotency-key")
    if len(values) > 1:
        raise IdempotencyKeyMalformed
    if not values and route.needs_key:
        raise IdempotencyKeyMissing
    return parse_key(values[0]) if values else None


def _key_scope(state: RequestState) -> KeyScope | None:
    route, caller, key = state.route, state.principal, state.idempotency_key
    if route is None or caller is None or key is None:
        return None
    return KeyScope(caller.tenant, caller.user_id, route.method, route.template, key)


def _fingerprint(key: KeyScope, request: Request, state: RequestState, body: bytes) -> str:
    query = request.query_params.multi_items() if request.scope["query_string"] else []
    return fingerprint(key.method, key.template, state.path_params, query, body)


def _again(body: bytes, receive: Receive) -> Receive:
    """A channel that offers the body that was read, then whatever the connection says next."""
    offered = False

    async def receive_again() -> Message:
        nonlocal offered
        if offered:
            return await receive()
        offered = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


def _verdict(messages: list[Message]) -> Answer | None:
    """The answer, if it says what became of the request: not "come back later", not "who are you".

    One that must not be stored, because it holds a secret, is given anew by the resource itself.
    """
    start = next((message for message in messages if message["type"] == "http.response.start"), None)
    if start is None or start["status"] >= HTTPStatus.INTERNAL_SERVER_ERROR or start["status"] in _ABOUT_THE_CALLER:
        return None
    headers = Headers(raw=start["headers"])
    body = b"".join(message.get("body", b"") for message in messages)
    if "retry-after" in headers or "no-store" in headers.get("cache-control", "") or len(body) > _ANSWER_BYTES_MAX:
        return None
    kept = tuple((name, headers[name]) for name in _CONTENT_HEADERS if name in headers)
    return Answer(start["status"], kept, body)
