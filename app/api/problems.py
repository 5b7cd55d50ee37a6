"""Refusals as RFC 9457 problems. This is the one place that knows which status a kind of refusal has."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, assert_never

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic_core import PydanticCustomError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.errors import (
    AuthenticationInsufficient,
    Fact,
    Kind,
    Malformed,
    Missing,
    PermissionDenied,
    ProofInvalid,
    SignatureInvalid,
    TokenInvalid,
    Unacceptable,
    WalletError,
)
from app.identity.proofs import ALGORITHM
from app.middleware.state import state_of
from app.plumbing.correlation import correlation_id

MEDIA_TYPE = "application/problem+json"

_TYPES = "https://wallet.example/problems/"
_ERRORS_MAX = 20
_NAME_SHOWN_MAX = 40


def status_of(kind: Kind) -> int:  # noqa: PLR0911 - one return for each kind is the point
    """The HTTP status of a kind of refusal."""
    match kind:
        case Kind.MALFORMED:
            return 400
        case Kind.UNAUTHENTICATED:
            return 401
        case Kind.FORBIDDEN:
            return 403
        case Kind.MISSING:
            return 404
        case Kind.CONFLICT:
            return 409
        case Kind.TOO_LARGE:
            return 413
        case Kind.UNACCEPTABLE:
            return 422
        case Kind.TOO_MANY:
            return 429
        case Kind.BUSY:
            return 503
    assert_never(kind)


def render_problem(error: Exception) -> Response:
    """The answer to a refusal, or a 500 that tells nothing of anything else."""
    if isinstance(error, WalletError):
        return _problem(status_of(error.kind), error.code, error.sentence, error.facts, _headers(error))
    return _problem(500, "internal-error", "Something went wrong here; the correlation id finds it in the logs.")


def problems(*refusals: type[WalletError]) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that may refuse so: statuses with the codes they carry."""
    codes: dict[int, list[str]] = {}
    for refusal in refusals:
        codes.setdefault(status_of(refusal.kind), []).append(refusal.code)
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": ", ".join(names), "content": content} for status, names in codes.items()}


def refused(error: WalletError) -> PydanticCustomError:
    """The refusal for use inside a validator: the answer keeps its code, and names where in the body it was."""
    return PydanticCustomError(error.code, "{sentence}", {"sentence": error.sentence})


def install(app: FastAPI) -> None:
    """Answer every refusal raised inside a route with its problem."""
    app.add_exception_handler(WalletError, _on_refusal)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)


async def _on_refusal(request: Request, error: Exception) -> Response:
    state = state_of(request.scope)
    state.refusal = error if isinstance(error, WalletError) else None
    if isinstance(error, Malformed):
        state.verb_reached = False
    return render_problem(error)


async def _on_invalid(request: Request, error: Exception) -> Response:
    """A body or parameter of the wrong shape. What was given is never repeated, only where it stands."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type only
    state_of(request.scope).verb_reached = False
    found: Sequence[Mapping[str, Any]] = error.errors()
    if any(each["loc"][:1] == ("path",) for each in found):
        return render_problem(Missing())
    errors = [{"where": _where(each["loc"]), "problem": _complaint(each)} for each in found[:_ERRORS_MAX]]
    sentence = "; ".join(f"{each['where']}: {each['problem']}" for each in errors[:3])
    return _problem(422, _code(found), sentence, {}, errors=errors)


async def _on_http(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: no such path, another method."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type only
    state_of(request.scope).verb_reached = False
    phrase = HTTPStatus(error.status_code).phrase
    return _problem(error.status_code, phrase.lower().replace(" ", "-"), f"{phrase}.", {}, error.headers)


def _code(found: Sequence[Mapping[str, Any]]) -> str:
    """The code that all errors share, if it is one of ours (they have hyphens, pydantic's have underscores)."""
    codes = {each["type"] for each in found}
    shared = codes.pop() if len(codes) == 1 else ""
    return shared if "-" in shared else Unacceptable.code


def _complaint(found: Mapping[str, Any]) -> str:
    """The validator's sentence; the one kind that quotes the input is said without the quotation."""
    if found["type"] == "union_tag_invalid":
        return f"Input tag should be one of {found['ctx']['expected_tags']}"
    return str(found["msg"])


def _where(location: Sequence[str | int]) -> str:
    """The place in the request; names that the caller made up are cut short."""
    return ".".join(str(part)[:_NAME_SHOWN_MAX] for part in location)


def _problem(
    status: int,
    code: str,
    detail: str,
    facts: Mapping[str, Fact] | None = None,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Response:
    body = {
        **(facts or {}),
        **more,
        "type": _TYPES + code,
        "title": code.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
        "code": code,
        "correlation_id": correlation_id.get(),
    }
    return JSONResponse(body, status, headers, MEDIA_TYPE)


def _challenge_again(error: AuthenticationInsufficient) -> str:
    """RFC 9470, 3."""
    asked = f'Bearer error="insufficient_user_authentication", max_age="{error.facts["max_age_s"]}"'
    classes = error.facts["acr_values"]
    return f'{asked}, acr_values="{classes}"' if classes else asked


def _headers(error: WalletError) -> dict[str, str]:
    headers: dict[str, str] = {}
    retry_after_s = getattr(error, "retry_after_s", None)
    if retry_after_s is not None:
        headers["Retry-After"] = str(retry_after_s)
    if isinstance(error, AuthenticationInsufficient):
        headers["WWW-Authenticate"] = _challenge_again(error)
    elif isinstance(error, ProofInvalid):
        headers["WWW-Authenticate"] = f'DPoP error="invalid_dpop_proof", algs="{ALGORITHM}"'
    elif isinstance(error, TokenInvalid):
        headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    elif isinstance(error, PermissionDenied):
        headers["WWW-Authenticate"] = f'Bearer error="insufficient_scope", scope="{error.facts["permission"]}"'
    elif error.kind is Kind.UNAUTHENTICATED and not isinstance(error, SignatureInvalid):
        headers["WWW-Authenticate"] = "Bearer"
    return headers
