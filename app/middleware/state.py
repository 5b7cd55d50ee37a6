"""What the layers learn about a request, kept in its ASGI scope for the layers and the route further in."""

from dataclasses import dataclass, field

from starlette.types import Scope

from app.errors import WalletError
from app.identity.principals import Principal
from app.middleware.routes import DeclaredRoute

_NAME = "wallet"


@dataclass(slots=True)
class RequestState:
    """``route`` is None where nothing matches. ``refusal`` is the error that was rendered, if one was.

    ``verb_reached`` is false when the request was refused while it was still being read.
    """

    route: DeclaredRoute | None = None
    path_params: dict[str, str] = field(default_factory=dict)
    principal: Principal | None = None
    idempotency_key: str | None = None
    refusal: WalletError | None = None
    verb_reached: bool = True


def state_of(scope: Scope) -> RequestState:
    """The state of the request that the scope belongs to."""
    state: RequestState = scope.setdefault("state", {}).setdefault(_NAME, RequestState())
    return state
