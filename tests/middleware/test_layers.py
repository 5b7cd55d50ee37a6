"""Correlation, access log, last resort, body limit, authentication and authorisation, each as the caller sees it."""

from collections.abc import AsyncIterator

import httpx2
import pytest
from structlog.testing import capture_logs

from app.plumbing.correlation import correlation_id
from app.plumbing.logging import FIELDS, keep_known_fields, name_exception
from tests.middleware.toys import Toy

ALICE = {"Authorization": "Bearer alice"}


async def chunks(size: int, count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * size


async def test_a_well_formed_correlation_id_is_kept(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/v1/things/1", headers={**ALICE, "X-Correlation-ID": "mobile-7.abc_DEF"})

    assert answer.headers["X-Correlation-ID"] == "mobile-7.abc_DEF"
    assert correlation_id.get() == ""


@pytest.mark.parametrize("offered", ["short", "x" * 65, "has space", "line\\nbreak", "<script>1", "a;b=c-12345", ""])
async def test_any_other_correlation_id_is_replaced(offered: str, client: httpx2.AsyncClient) -> None:
    answer = await client.get("/v1/things/1", headers=[*ALICE.items(), ("X-Correlation-ID", offered)])

    assert answer.headers["X-Correlation-ID"].startswith("cor_")


@pytest.mark.parametrize("path", ["/nowhere", "/v1/things/1", "/v1/payments"])
async def test_every_answer_is_correlated_and_problems_repeat_the_id(path: str, client: httpx2.AsyncClient) -> None:
    answer = await client.get(path)

    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["correlation_id"] == answer.headers["X-Correlation-ID"]


async def test_one_line_per_request_names_the_route_and_nothing_private(client: httpx2.AsyncClient) -> None:
    with capture_logs() as lines:
        await client.get("/v1/things/secret-thing?q=secret-query", headers={**ALICE, "X-Private": "secret-header"})

    [line] = lines
    assert line["route"] == "/v1/things/{thing}"
    assert (line["method"], line["status"], line["user_id"]) == ("GET", 200, "usr_alice")
    assert line["duration_ms"] >= 0
    assert "secret" not in str(line)


async def test_an_unexpected_error_tells_the_caller_nothing_and_the_log_no_values(
    toy: Toy, client: httpx2.AsyncClient
) -> None:
    toy.verdict = "broken"
    with capture_logs(processors=[name_exception]) as lines:
        answer = await client.post("/v1/notes", headers=ALICE)

    assert (answer.status_code, answer.json()["code"]) == (500, "internal-error")
    report = next(line for line in lines if line["event"] == "unexpected error")
    assert report["error_type"] == "builtins.ZeroDivisionError"
    assert any("toys.py" in frame for frame in report["frames"])
    assert "4242" not in str(lines) + answer.text
    assert {"status": 500, "event": "request"}.items() <= lines[-1].items()


def test_a_log_field_that_nobody_listed_is_dropped() -> None:
    entry = keep_known_fields(None, "info", {"event": "request", "status": 200, "email": "a@b.example", "token": "t"})

    assert entry == {"event": "request", "status": 200}
    assert not {"token", "body", "headers", "email", "name", "query", "exception"} & FIELDS


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [
        ("/webhooks/bank", 1_048_576, 200),
        ("/webhooks/bank", 1_048_577, 413),
        ("/v1/payments", 65_537, 413),
        ("/webhooks/../v1/payments", 65_537, 413),
    ],
)
async def test_a_body_beyond_its_limit_is_refused_by_its_length(
    path: str, size: int, status: int, client: httpx2.AsyncClient
) -> None:
    answer = await client.post(path, content=b"x" * size, headers=ALICE)

    assert answer.status_code == status


@pytest.mark.parametrize(("path", "count"), [("/v1/payments", 5), ("/v1/notes", 5), ("/webhooks/bank", 65)])
async def test_a_chunked_body_is_read_no_further_than_its_limit(
    path: str, count: int, client: httpx2.AsyncClient
) -> None:
    sent = {**ALICE, "Idempotency-Key": "k-1", "Content-Type": "application/json"}
    answer = await client.post(path, content=chunks(16_384, count), headers=sent)

    assert (answer.status_code, answer.json()["code"]) == (413, "body-too-large")


@pytest.mark.parametrize("length", ["-1", "1e3", "many", "9" * 30])
async def test_a_length_that_is_no_length_is_refused(length: str, client: httpx2.AsyncClient) -> None:
    answer = await client.post("/webhooks/bank", headers={"Content-Length": length})

    assert answer.status_code == 413


@pytest.mark.parametrize("given", ["", "Basic YTpi", "Bearer", "Bearer ", "alice"])
async def test_without_a_bearer_token_nobody_is_let_in(given: str, client: httpx2.AsyncClient) -> None:
    answer = await client.get("/v1/things/1", headers={"Authorization": given})

    assert (answer.status_code, answer.json()["code"]) == (401, "token-missing")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_a_refused_token_is_challenged(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/v1/things/1", headers={"Authorization": "bearer nobody"})

    assert (answer.status_code, answer.json()["code"]) == (401, "token-invalid")
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


async def test_two_authorization_headers_are_one_too_many(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/v1/things/1", headers=[*ALICE.items(), ("Authorization", "Bearer bob")])

    assert answer.json()["code"] == "token-invalid"


async def test_a_missing_permission_is_named(client: httpx2.AsyncClient) -> None:
    reading_only = {"Authorization": "Bearer alice:wallet:read"}
    answer = await client.post("/v1/payments", json={"amount": "1"}, headers=reading_only)

    assert (answer.status_code, answer.json()["permission"]) == (403, "wallet:transact")
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="wallet:transact"'


async def test_who_asks_comes_before_what_they_ask(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/v1/payments", content=b"{")

    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not-found"),
        ("GET", "/v1/things/1/", 404, "not-found"),
        ("GET", "/V1/things/1", 404, "not-found"),
        ("GET", "//v1/things/1", 404, "not-found"),
        ("DELETE", "/v1/things/1", 405, "method-not-allowed"),
        ("OPTIONS", "/v1/things/1", 405, "method-not-allowed"),
        ("GET", "/v1/payments", 405, "method-not-allowed"),
    ],
)
async def test_what_matches_no_route_needs_no_token_and_reaches_nothing(
    method: str, path: str, status: int, code: str, client: httpx2.AsyncClient
) -> None:
    answer = await client.request(method, path)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_head_is_not_a_way_around_the_token(client: httpx2.AsyncClient) -> None:
    assert (await client.head("/v1/things/1")).status_code == 405


@pytest.mark.parametrize("path", ["/v1/things/a%2Fb", "/v1/%74hings/1", "/nowhere/../v1/things/1"])
async def test_a_path_spelt_otherwise_still_needs_the_token(path: str, toy: Toy) -> None:
    async with toy.client() as client:
        answer = await client.get(path)

    assert answer.status_code in {401, 404}


async def test_a_poisoned_host_header_changes_nothing(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/v1/things/1", headers={"Host": "wallet.test/health/live?"})

    assert answer.status_code == 401
