"""What the bank knows of cards' use, read as its customers and its own people read it."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx2

Document = dict[str, Any]
_PAGE = 1_000
_AT_ONCE = 8
_TIMEOUT_S = 30.0
_OF_THE_BANK = {"Authorization": "Bearer merchant"}


async def questions(sandbox_url: str) -> list[Document]:
    """Every question it has asked us, and what it was decided to be."""
    async with httpx2.AsyncClient(base_url=sandbox_url, trust_env=False, timeout=_TIMEOUT_S) as bank:
        return list((await bank.get("/control/unit/book")).json()["card_requests"])


async def authorizations(sandbox_url: str, asked: Sequence[Document]) -> dict[str, str]:
    """The status of each authorization that the questions have led to, by its id."""
    slots = asyncio.Semaphore(_AT_ONCE)
    async with httpx2.AsyncClient(
        base_url=f"{sandbox_url}/unit", headers=_OF_THE_BANK, trust_env=False, timeout=_TIMEOUT_S
    ) as bank:

        async def status(authorization_id: str) -> tuple[str, str]:
            async with slots:
                told = (await bank.get(f"/authorizations/{authorization_id}")).json()
            return authorization_id, str(told["data"]["attributes"]["status"])

        ids = [each["authorization_id"] for each in asked if each["authorization_id"] is not None]
        return dict(await asyncio.gather(*map(status, ids)))


async def movements(sandbox_url: str) -> list[Document]:
    """What merchants have taken, and given back: id, direction and amount in cents of each."""
    found: list[Document] = []
    async with httpx2.AsyncClient(
        base_url=f"{sandbox_url}/unit", headers=_OF_THE_BANK, trust_env=False, timeout=_TIMEOUT_S
    ) as bank:
        while True:
            page = f"filter[type]=purchaseTransaction&page[limit]={_PAGE}&page[offset]={len(found)}"
            listed = (await bank.get(f"/transactions?{page}")).json()["data"]
            found.extend({"id": each["id"], **each["attributes"]} for each in listed)
            if len(listed) < _PAGE:
                return found
