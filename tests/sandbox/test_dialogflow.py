"""The simulated agent asks as the vendor does, once more if it must, and takes no answer that the vendor would not."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from app.clock import SystemClock
from app.sandbox.config import SandboxConfig
from app.sandbox.dialogflow.judging import ANSWER_BYTES_MAX
from app.sandbox.serve import create_sandbox
from tests.providers.dialogflow_schema import schema_of

Reply = Callable[[httpx2.Request], httpx2.Response]
SAID = {"fulfillmentResponse": {"messages": [{"text": {"text": ["Hello."]}}]}}


class Listening(httpx2.AsyncBaseTransport):
    """A wallet that gives the listed replies in turn, the last one for ever; an exception is raised."""

    def __init__(self, *replies: Any) -> None:
        self.replies = list(replies)
        self.asked: list[httpx2.Request] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await request.aread()
        self.asked.append(request)
        reply = self.replies[min(len(self.asked), len(self.replies)) - 1]
        if isinstance(reply, Exception):
            raise reply
        status, content = reply if isinstance(reply, tuple) else (200, reply)
        return httpx2.Response(status, content=content if isinstance(content, bytes) else json.dumps(content).encode())

    @property
    def questions(self) -> list[Any]:
        return [json.loads(each.content) for each in self.asked]


@asynccontextmanager
async def listening(config: SandboxConfig, *replies: Any) -> AsyncIterator[tuple[httpx2.AsyncClient, Listening]]:
    wallet = Listening(*replies)
    sandbox = create_sandbox(config, SystemClock(), transport=wallet)
    transport = httpx2.ASGITransport(app=sandbox)
    async with (
        sandbox.router.lifespan_context(sandbox),
        httpx2.AsyncClient(transport=transport, base_url="http://sandbox") as client,
    ):
        yield client, wallet


async def take(client: httpx2.AsyncClient, **turn: Any) -> Any:
    answer = await client.post("/control/dialogflow/turn", json={"said": "hello", "tag": "greet", **turn})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_question_is_the_vendors_but_for_a_field_that_no_page_shows(config: SandboxConfig) -> None:
    async with listening(config, SAID) as (client, wallet):
        taken = await take(client, intent="transfer", found={"amount": {"amount": 20, "currency": "USD"}})
    (asked,) = wallet.asked
    assert asked.url.path == "/webhooks/dialogflow"
    request = schema_of("WebhookRequest").from_json(asked.content.decode(), ignore_unknown_fields=True)
    assert (request.text, request.fulfillment_info.tag) == ("hello", "greet")
    assert request.detect_intent_response_id == taken["response_id"]
    assert request.intent_info.parameters["amount"].resolved_value["amount"] == 20
    with pytest.raises(Exception, match="redactedText"):
        schema_of("WebhookRequest").from_json(asked.content.decode())


async def test_the_token_is_the_agents_for_the_webhook_and_by_a_published_key(config: SandboxConfig) -> None:
    async with listening(config, SAID) as (client, wallet):
        await take(client)
        keys = KeySet.import_key_set((await client.get("/dialogflow/oauth2/v3/certs")).json())
    token = wallet.asked[0].headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, keys, algorithms=["RS256"]).claims
    assert (claims["iss"], claims["aud"]) == ("https://accounts.google.com", config.dialogflow_audience)
    assert (claims["email"], claims["email_verified"]) == (config.dialogflow_service_account, True)
    assert claims["exp"] - claims["iat"] == 3_600


async def test_a_secret_is_sent_in_place_of_the_token(config: SandboxConfig) -> None:
    async with listening(config, SAID) as (client, wallet):
        await take(client, secret="own")
    assert wallet.asked[0].headers["x-dialogflow-secret"] == "own"
    assert "authorization" not in wallet.asked[0].headers


async def test_a_question_without_an_answer_is_asked_once_more_and_is_the_same(config: SandboxConfig) -> None:
    async with listening(config) as (client, wallet):
        for lost in (httpx2.ReadTimeout("late"), httpx2.ConnectError("away"), (503, b"")):
            wallet.replies, wallet.asked = [lost, SAID], []
            taken = await take(client)
            assert (taken["event"], taken["messages"]) == (None, ["Hello."])
            assert wallet.questions[0] == wallet.questions[1]


async def test_after_the_second_silence_the_agent_meets_an_event(config: SandboxConfig) -> None:
    async with listening(config, httpx2.ReadTimeout("late")) as (client, wallet):
        assert (await take(client))["event"] == "webhook.error.timeout"
    assert len(wallet.asked) == 2


REFUSALS = {
    400: ("webhook.error.bad-request", 1),
    401: ("webhook.error.rejected", 1),
    404: ("webhook.error.not-found", 1),
    418: ("webhook.error", 1),
    500: ("webhook.error.unavailable", 2),
}
"""What a status is to the agent, and how often it asks."""


async def test_a_refusal_is_an_event_to_the_agent(config: SandboxConfig) -> None:
    async with listening(config) as (client, wallet):
        for status, (event, times) in REFUSALS.items():
            wallet.replies, wallet.asked = [(status, b"{}")], []
            assert (await take(client))["event"] == event
            assert len(wallet.asked) == times


async def test_a_session_keeps_what_answers_say_and_forgets_what_they_null(config: SandboxConfig) -> None:
    kept, gone = ({"sessionInfo": {"parameters": {"operationId": value}}} for value in ("op_9", None))
    async with listening(config, kept, gone) as (client, wallet):
        assert (await take(client, found={"name": "ada"}))["parameters"] == {"name": "ada", "operationId": "op_9"}
        assert (await take(client))["parameters"] == {"name": "ada"}
        (session,) = (await client.get("/control/dialogflow/book")).json()["sessions"]
    assert wallet.questions[1]["sessionInfo"]["parameters"] == {"name": "ada", "operationId": "op_9"}
    assert len(session["turns"]) == 2


MISREAD = {
    "no JSON": b"hello",
    "no object": [],
    "a page and a flow": {"targetPage": "p", "targetFlow": "f"},
    "an unknown member": {"fulfilmentResponse": {}},
    "a text that is no list": {"fulfillmentResponse": {"messages": [{"text": {"text": "Hello."}}]}},
    "a merge of its own": {"fulfillmentResponse": {"mergeBehavior": "INSERT"}},
    "parameters that are a list": {"sessionInfo": {"parameters": []}},
    "more than is read": {"payload": {"padding": "x" * ANSWER_BYTES_MAX}},
}


async def test_an_answer_that_the_vendor_would_not_read_is_an_error(config: SandboxConfig) -> None:
    async with listening(config) as (client, wallet):
        for content in MISREAD.values():
            wallet.replies, wallet.asked = [content], []
            taken = await take(client)
            assert (taken["event"], taken["messages"], len(wallet.asked)) == ("webhook.error", [], 1)
            assert taken["reason"]
