"""The parts of the sandbox that play other people: the issuer of tokens, the vendors' own consoles, the fault dial."""

from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx2

from app.stack.problem import Problem

ROLES: dict[str, tuple[str, ...]] = {
    "customer": ("wallet:read", "wallet:transact"),
    "compliance": ("compliance:read", "compliance:act"),
    "operator": ("ops:read", "ops:act"),
    "auditor": ("audit:read", "compliance:read", "ops:read"),
}


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token and how many seconds it is good for."""

    value: str
    lifetime_s: int


class SandboxClient:
    """Calls the sandbox at that address; a refusal of the sandbox is a Problem, because the caller asked for it."""

    def __init__(self, base_url: str, issuer: str = "") -> None:
        self._issuer = issuer or f"{base_url}/auth0/"
        self._client = httpx2.AsyncClient(base_url=base_url, timeout=10.0, trust_env=False)

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, failure, trace)

    async def token(self, user: str, *, role: str, tenant: str = "") -> Token:
        """A token for that user with the permissions of that role."""
        asked: dict[str, Any] = {"grant_type": "password", "username": user, "permissions": list(ROLES[role])}
        if tenant:
            asked["tenant"] = tenant
        given = await self._post(f"{self._issuer}oauth/token", asked)
        return Token(given["access_token"], int(given["expires_in"]))

    async def approve_applicant(self, applicant_id: str) -> None:
        """What a reviewer at Sumsub does."""
        await self._post("/control/sumsub/review", {"applicant_id": applicant_id, "reviewAnswer": "GREEN"})

    async def public_token(self) -> str:
        """What Plaid's own screen hands to the mobile app once the customer has logged in at the bank."""
        given = await self._post(
            "/plaid/sandbox/public_token/create",
            {
                "client_id": "console",
                "secret": "console",
                "institution_id": "ins_109508",
                "initial_products": ["auth"],
            },
        )
        return str(given["public_token"])

    async def decline_next_send(self) -> None:
        await self._post("/control/faults", {"vendor": "tatum", "operation": "send", "fault": "decline", "times": 1})

    async def _post(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = await self._client.post(path, json=content)
        except httpx2.TransportError:
            raise Problem("The sandbox does not answer: start it with ./scripts/run --no-demo.") from None
        if answer.is_error:
            raise Problem(f"The sandbox refused {path} with {answer.status_code}: {answer.text[:200]}")
        return dict(answer.json()) if answer.content else {}
