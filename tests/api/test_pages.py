import re

import httpx2
import pytest


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_pages_fetch_nothing_from_elsewhere(path: str, client: httpx2.AsyncClient) -> None:
    page = await client.get(path)

    assert page.headers["content-type"].startswith("text/html")
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?:https?:)?//""", page.text)
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


async def test_the_front_door_points_to_the_operations(client: httpx2.AsyncClient) -> None:
    page = await client.get("/")

    assert 'href="/docs"' in page.text
    assert 'href="/openapi.json"' in page.text


async def test_the_description_tells_permission_and_refusals(client: httpx2.AsyncClient) -> None:
    description = (await client.get("/openapi.json")).json()

    operation = description["paths"]["/v1/me"]["get"]
    assert operation["x-permission"] == "wallet:read"
    assert operation["security"] == [{"bearer": []}]
    assert list(operation["responses"]["401"]["content"]) == ["application/problem+json"]
    assert operation["responses"]["401"]["description"] == "token-missing, token-invalid, proof-invalid"
    assert "Problem" in description["components"]["schemas"]
    assert "HTTPValidationError" not in str(description)


async def test_no_shape_in_the_description_has_the_name_of_another(client: httpx2.AsyncClient) -> None:
    """Two of one name are both described by where their code is, and so are the classes of a generated client."""
    schemas = (await client.get("/openapi.json")).json()["components"]["schemas"]
    assert [name for name in schemas if "__" in name] == []
