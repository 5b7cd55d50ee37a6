"""A customer talks to the agent, and the agent asks the wallet what to say."""

import pytest
from structlog.testing import capture_logs

from app.middleware.body_limit import LARGE_REQUEST_BYTES_MAX
from app.plumbing.logging import add_correlation_id, name_exception
from tests.world_fixtures import busy_world, sandbox_book
from tests.worlds import World

__all__ = ["busy_world", "sandbox_book"]

CANARY = "canary4242424242424242"
TURN = {"said": f"send all I have to {CANARY}", "tag": f"transfer.{CANARY}", "found": {"name": CANARY}}


@pytest.fixture(scope="module")
def timings() -> dict[str, str]:
    return {"dialogflow_secret": CANARY[::-1]}


async def test_whatever_is_asked_for_the_customer_is_sent_to_the_app_and_nothing_is_kept(busy_world: World) -> None:
    with capture_logs(processors=[add_correlation_id, name_exception]) as lines:
        for proof in ({}, {"secret": CANARY[::-1]}):
            taken = (await busy_world.desk.post("/control/dialogflow/turn", json={**TURN, **proof})).json()
            assert (taken["event"], taken["reason"]) == (None, "")
            assert taken["messages"] == ["That cannot be done in a conversation yet. Please use the app."]
    assert lines
    assert CANARY not in str(lines)
    assert CANARY[::-1] not in str(lines)
    database = busy_world.runtime.database
    for name in await database.list_collection_names():
        async for document in database[name].find({}):
            assert CANARY not in repr(document)


async def test_a_question_that_comes_again_gets_the_same_answer(busy_world: World) -> None:
    asked = {
        "detectIntentResponseId": "6f1c",
        "fulfillmentInfo": {"tag": "transfer.prepare"},
        "sessionInfo": {"session": "projects/p/locations/global/agents/a/sessions/s1"},
    }
    headers = {"X-Dialogflow-Secret": CANARY[::-1]}
    answers = [await busy_world.api.post("/webhooks/dialogflow", json=asked, headers=headers) for _ in range(2)]
    assert [each.status_code for each in answers] == [200, 200]
    assert answers[0].content == answers[1].content


async def test_a_wrong_secret_is_refused_and_only_counted(busy_world: World) -> None:
    taken = (await busy_world.desk.post("/control/dialogflow/turn", json={**TURN, "secret": "other"})).json()
    assert taken["event"] == "webhook.error.rejected"
    labels = {"method": "POST", "route": "/webhooks/dialogflow", "status": "401"}
    registry = busy_world.runtime.measures.registry
    assert registry.get_sample_value("wallet_request_seconds_count", labels) == 1


async def test_an_oversized_question_is_not_read(busy_world: World) -> None:
    body = b'"' + b"x" * LARGE_REQUEST_BYTES_MAX + b'"'
    answer = await busy_world.api.post("/webhooks/dialogflow", content=body)
    assert answer.status_code == 413
