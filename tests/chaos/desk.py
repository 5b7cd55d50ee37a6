"""The sandbox's control desk, which may be gone at any moment."""

from typing import Any

import httpx2

_TIMEOUT_S = 2.0


async def at_desk(
    sandbox_url: str, method: str, path: str, body: dict[str, object] | None = None
) -> dict[str, Any] | None:
    """What the desk answers to a request that it does; None when nobody is there, or it does not."""
    async with httpx2.AsyncClient(base_url=sandbox_url, trust_env=False, timeout=_TIMEOUT_S) as desk:
        try:
            answer = await desk.request(method, f"/control/{path}", json=body)
        except httpx2.TransportError:
            return None
    if not answer.is_success:
        return None
    return dict(answer.json()) if answer.content else {}
