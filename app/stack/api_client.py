"""The API as a customer's app calls it."""

from types import TracebackType
from typing import Any, Self

import httpx2


class Refused(Exception):
    """The API did not do what was asked; the sentence names the call and the code."""


class ApiClient:
    """Calls with one bearer token. Every call has a deadline; a refusal is raised as Refused."""

    def __init__(self, base_url: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._client = httpx2.AsyncClient(base_url=base_url, headers=headers, timeout=15.0, trust_env=False)

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, failure, trace)

    async def get(self, path: str) -> dict[str, Any]:
        return await self._call("GET", path)

    async def post(self, path: str, content: dict[str, Any], *, key: str = "") -> dict[str, Any]:
        return await self._call("POST", path, json=content, headers={"Idempotency-Key": key} if key else None)

    async def _call(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        try:
            answer = await self._client.request(method, path, **request)
        except httpx2.TransportError as failure:
            raise Refused(f"{method} {path} got no answer ({type(failure).__name__}).") from None
        if answer.is_error:
            raise Refused(f"{method} {path} was refused with {answer.status_code}: {answer.text[:300]}")
        return dict(answer.json())
