"""Bodies are taken literally: nothing is coerced, guessed or silently dropped, and no input is echoed."""

from datetime import UTC, datetime

import httpx2
import pytest
from redis.asyncio import Redis

from app.clock import ManualClock
from app.idempotency.claims import Claims
from app.plumbing.rates import Rates
from tests.middleware.toys import Toy

JSON = "application/json"


async def post(
    redis: Redis, body: bytes | str, content_type: str = JSON, path: str = "/v1/payments"
) -> httpx2.Response:
    clock = ManualClock(datetime(2026, 11, 20, tzinfo=UTC))
    toy = Toy(Claims(redis, clock), Rates(redis, clock))
    sent = {"Authorization": "Bearer alice", "Idempotency-Key": "k-1", "Content-Type": content_type}
    async with toy.client() as client:
        answer = await client.post(path, content=body, headers=sent)
    assert toy.runs == (answer.status_code == 201)
    return answer


UNREADABLE: dict[str, str | bytes] = {
    "no JSON": '{"amount": ',
    "trailing comma": '{"amount": "1",}',
    "NaN": '{"amount": NaN}',
    "Infinity": '{"amount": -Infinity}',
    "a name twice": '{"amount": "1", "amount": "2"}',
    "a name twice further in": '{"amount": "1", "metadata": {"a": 1, "a": 2}}',
    "deeply nested": "[" * 60_000,
    "a huge integer": '{"amount": ' + "9" * 5_000 + "}",
    "Latin-1": '{"amount": "\u00e9"}'.encode("latin-1"),
    "UTF-16": '{"amount": "1"}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + b'{"amount": "1"}',
}


@pytest.mark.parametrize("kind", UNREADABLE)
async def test_what_is_not_strictly_json_is_malformed(kind: str, redis: Redis) -> None:
    answer = await post(redis, UNREADABLE[kind])

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed-request")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
async def test_json_must_be_called_json(content_type: str, redis: Redis) -> None:
    answer = await post(redis, '{"amount": "1"}', content_type)

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed-request")


async def test_an_unknown_query_parameter_is_refused_rather_than_ignored(redis: Redis) -> None:
    answer = await post(redis, '{"amount": "1"}', path="/v1/payments?dry_run=true")

    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"where": "query.dry_run", "problem": "There is no such parameter."}]


async def test_a_charset_may_be_named(redis: Redis) -> None:
    assert (await post(redis, '{"amount": "1"}', "application/json; charset=utf-8")).status_code == 201


UNACCEPTABLE = {
    '{"amount": 10}': ("invalid-amount", "body.amount"),
    '{"amount": 10.5}': ("invalid-amount", "body.amount"),
    '{"amount": true}': ("invalid-amount", "body.amount"),
    '{"amount": null}': ("invalid-amount", "body.amount"),
    '{"amount": {"$gt": ""}}': ("invalid-amount", "body.amount"),
    '{"amount": "1", "currency": "DOGE"}': ("unknown-currency", "body.currency"),
    '{"amount": "1", "currency": "usd"}': ("unknown-currency", "body.currency"),
    '{"amount": "1", "currency": {"$ne": 1}}': ("invalid-request", "body.currency"),
    '{"amount": "1", "extra": "secret"}': ("invalid-request", "body.extra"),
    '{"currency": "USD"}': ("invalid-request", "body.amount"),
    '{"amount": "1", "metadata": []}': ("invalid-request", "body.metadata"),
    '{"amount": "1", "funding": {"type": "secret"}}': ("invalid-request", "body.funding"),
    '{"amount": "1", "funding": {"type": "account", "account_id": {"$ne": 1}}}': (
        "invalid-request",
        "body.funding.account.account_id",
    ),
    '{"amount": "1", "funding": {"type": "account", "account_id": "txn_secret"}}': (
        "invalid-request",
        "body.funding.account.account_id",
    ),
    "[]": ("invalid-request", "body"),
    "null": ("invalid-request", "body"),
    "": ("invalid-request", "body"),
    '{"amount": "1", "metadata": {"a": {"b": 1}}}': ("invalid-metadata", "body.metadata"),
    '{"amount": "1", "metadata": {"a": 1.5}}': ("invalid-metadata", "body.metadata"),
    '{"amount": "1", "metadata": {"$where": "1"}}': ("invalid-metadata", "body.metadata"),
    '{"amount": "1", "metadata": {"a": 99999999999999999999}}': ("invalid-metadata", "body.metadata"),
}


@pytest.mark.parametrize("body", UNACCEPTABLE)
async def test_what_does_not_fit_is_named_by_place_and_code(body: str, redis: Redis) -> None:
    answer = await post(redis, body)
    problem = answer.json()

    assert answer.status_code == 422
    code, where = UNACCEPTABLE[body]
    assert (problem["code"], problem["errors"][0]["where"]) == (code, where)
    assert set(problem["errors"][0]) == {"where", "problem"}
    assert "secret" not in answer.text


async def test_flat_metadata_is_welcome(redis: Redis) -> None:
    body = '{"amount": "1", "metadata": {"order-id": "A1", "count": 3, "gift": true, "note": null}}'

    assert (await post(redis, body)).status_code == 201


async def test_a_long_made_up_name_is_cut_short(redis: Redis) -> None:
    answer = await post(redis, '{"amount": "1", "' + "n" * 5_000 + '": 1}')

    assert len(answer.text) < 1_000
