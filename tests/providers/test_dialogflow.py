"""Dialogflow's questions: who asks, what they ask, and what they are answered; the vendor's own schema judges both."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from app.clock import ManualClock
from app.errors import Malformed, ProviderUnavailable, TokenInvalid, TokenMissing
from app.identity.configured import conversation_tokens
from app.providers import exact_json
from app.providers.dialogflow.webhooks import Fulfilments
from app.providers.dialogflow.wire import ANSWER_BYTES_MAX, Answer, Intent, Question, Turn, question_of
from app.settings import load
from tests.issuer import KEYS, Issuer
from tests.providers.dialogflow_schema import schema_of

NOW = datetime(2026, 11, 20, 5, tzinfo=UTC)
AGENT = "service-4711@gcp-sa-dialogflow.iam.gserviceaccount.com"
AUDIENCE = "https://api.wallet.example/webhooks/dialogflow"
SESSION = "projects/p/locations/global/agents/a/sessions/s1"
ASKED: dict[str, Any] = {
    "detectIntentResponseId": "6f1c",
    "text": "send 20 dollars to Ada",
    "languageCode": "en",
    "fulfillmentInfo": {"tag": "transfer.prepare"},
    "intentInfo": {
        "lastMatchedIntent": "projects/p/locations/global/agents/a/intents/i",
        "displayName": "transfer",
        "confidence": 0.93,
        "parameters": {
            "amount": {"originalValue": "20 dollars", "resolvedValue": {"amount": 20.10, "currency": "USD"}}
        },
    },
    "pageInfo": {
        "currentPage": "projects/p/locations/global/agents/a/flows/f/pages/x",
        "formInfo": {
            "parameterInfo": [
                {"displayName": "amount", "required": True, "state": "FILLED", "value": 20, "justCollected": True},
                {"displayName": "memo", "required": True, "state": "EMPTY"},
            ]
        },
    },
    "sessionInfo": {"session": SESSION, "parameters": {"recipient": "ada"}},
    "messages": [],
    "payload": {},
}


class Google(Issuer):
    """Signs for the agent's service account."""

    def claims(self, **changes: Any) -> dict[str, Any]:
        told = {
            "iss": "https://accounts.google.com",
            "sub": "1000",
            "aud": AUDIENCE,
            "email": AGENT,
            "email_verified": True,
        }
        return super().claims(**{**told, "permissions": None, **changes})


async def read(
    authorization: str | None, *, google: Google | None = None, told: Any = ASKED, secret: str = "", given: str = ""
) -> Question:
    """What is read of a request with that header, and ``given`` in place of a token."""
    settings = load(dialogflow_keys_url=KEYS, dialogflow_audience=AUDIENCE)
    google = google or Google(NOW)
    async with google.client() as http:
        tokens = conversation_tokens(settings, http, ManualClock(NOW))
        fulfilments = Fulfilments(tokens, service_account=AGENT, secret=SecretStr(secret))
        headers = {"authorization": authorization, "x-dialogflow-secret": given}
        body = told if isinstance(told, bytes) else json.dumps(told).encode()
        return await fulfilments.read(body, {name: value for name, value in headers.items() if value is not None})


@pytest.mark.parametrize("issuer", ["https://accounts.google.com", "accounts.google.com"])
async def test_a_question_of_the_agents_account_is_read_as_it_was_asked(issuer: str) -> None:
    question = await read(f"Bearer {Google(NOW).token(iss=issuer)}")
    assert question == Question(
        id="6f1c:transfer.prepare",
        tag="transfer.prepare",
        session=SESSION,
        language="en",
        turn=Turn("text", "send 20 dollars to Ada"),
        intent=Intent("transfer", {"amount": {"amount": Decimal("20.1"), "currency": "USD"}}),
        form={"amount": 20},
        parameters={"recipient": "ada"},
    )


FORGED = {
    "another account": {"email": "service-4712@gcp-sa-dialogflow.iam.gserviceaccount.com"},
    "no account": {"email": None},
    "an account that nobody has verified": {"email_verified": False},
    "an account that is verified in words": {"email_verified": "true"},
    "another webhook": {"aud": "https://api.wallet.example/webhooks/unit"},
    "no audience": {"aud": None},
    "another issuer": {"iss": "https://accounts.google.com.evil.test"},
    "long expired": {"exp": int(NOW.timestamp()) - 61},
    "never expiring": {"exp": None},
    "from the future": {"iat": int(NOW.timestamp()) + 61},
}


@pytest.mark.parametrize("claims", FORGED.values(), ids=FORGED.keys())
async def test_a_token_that_is_not_the_agents_for_this_webhook_is_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(TokenInvalid):
        await read(f"Bearer {Google(NOW).token(**claims)}")


@pytest.mark.parametrize("given", [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwdw=="])
async def test_without_a_token_nothing_is_read(given: str | None) -> None:
    with pytest.raises(TokenMissing):
        await read(given, told=b"no JSON either")


async def test_a_key_that_google_has_not_published_signs_nothing() -> None:
    forger, google = Google(NOW), Google(NOW)
    forger.rotate("stranger")
    with pytest.raises(TokenInvalid):
        await read(f"Bearer {forger.token()}", google=google)
    google.rotate("key-2")
    assert (await read(f"Bearer {google.token()}", google=google)).id


async def test_while_googles_keys_cannot_be_had_nobody_is_believed() -> None:
    google = Google(NOW)
    google.down = True
    with pytest.raises(ProviderUnavailable):
        await read(f"Bearer {google.token()}", google=google)


async def test_a_secret_stands_in_for_a_token_and_an_empty_one_for_nothing() -> None:
    assert (await read(None, secret="own", given="own")).id
    for given, secret in (("other", "own"), ("", "own"), ("", ""), ("own", "")):
        with pytest.raises(TokenMissing):
            await read(None, secret=secret, given=given)


@pytest.mark.parametrize(
    ("member", "kind"),
    [
        ("text", "text"),
        ("triggerIntent", "intent"),
        ("transcript", "speech"),
        ("triggerEvent", "event"),
        ("dtmfDigits", "digits"),
    ],
)
async def test_a_turn_may_be_words_digits_an_intent_or_an_event(member: str, kind: Any) -> None:
    told = {**{name: value for name, value in ASKED.items() if name != "text"}, member: "42"}
    question = await read(f"Bearer {Google(NOW).token()}", told=told)
    assert question.turn == Turn(kind, "42")


async def test_a_question_needs_an_id_a_tag_and_a_session_and_nothing_else() -> None:
    bare = {name: ASKED[name] for name in ("detectIntentResponseId", "fulfillmentInfo", "sessionInfo")}
    question = await read(
        f"Bearer {Google(NOW).token()}", told={**bare, "redactedText": "x", "intentInfo": [], "languageCode": 1}
    )
    assert (question.turn, question.intent, question.form, question.language) == (None, None, {}, "")
    for name in bare:
        with pytest.raises(Malformed):
            await read(f"Bearer {Google(NOW).token()}", told={**bare, name: {}})
    for nonsense in (b"[]", b"{", b'{"amount":NaN}'):
        with pytest.raises(Malformed):
            await read(f"Bearer {Google(NOW).token()}", told=nonsense)


def test_the_vendors_schema_reads_what_we_take_for_a_question() -> None:
    request = schema_of("WebhookRequest").from_json(json.dumps(ASKED))
    assert (request.text, request.fulfillment_info.tag) == (ASKED["text"], "transfer.prepare")


def test_a_question_that_the_vendors_schema_has_written_is_read_the_same() -> None:
    schema = schema_of("WebhookRequest")
    written = schema.to_json(schema.from_json(json.dumps(ASKED)), use_integers_for_enums=False)
    assert question_of(exact_json.loads(written)) == question_of(exact_json.loads(json.dumps(ASKED)))


def test_the_vendors_schema_reads_every_answer() -> None:
    answer = Answer(
        says=("Send $20.00 to Ada?", "Confirm in the app."),
        replaces=True,
        parameters={"operationId": "op_9", "stale": None},
        payload={"deepLink": "wallet://confirm/op_9"},
        page="projects/p/locations/global/agents/a/flows/f/pages/x",
    )
    response = schema_of("WebhookResponse").from_json(answer.body().decode())
    said = response.fulfillment_response
    assert [each.text.text[0] for each in said.messages] == list(answer.says)
    assert said.merge_behavior.name == "REPLACE"
    assert dict(response.session_info.parameters) == {"operationId": "op_9", "stale": None}
    assert response.target_page == answer.page
    least = schema_of("WebhookResponse").from_json(Answer(says=("Hello.",)).body().decode())
    assert least.fulfillment_response.merge_behavior.name == "APPEND"
    assert "session_info" not in least


def test_an_answer_leads_one_way_and_is_no_larger_than_the_vendor_reads() -> None:
    with pytest.raises(ValueError, match="not to both"):
        Answer(says=(), page="p", flow="f")
    with pytest.raises(ValueError, match=str(ANSWER_BYTES_MAX)):
        Answer(says=("x" * ANSWER_BYTES_MAX,)).body()


async def test_google_is_asked_for_its_keys_once_for_many_questions() -> None:
    google, settings = Google(NOW), load(dialogflow_keys_url=KEYS, dialogflow_audience=AUDIENCE)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=google)) as http:
        fulfilments = Fulfilments(
            conversation_tokens(settings, http, ManualClock(NOW)), service_account=AGENT, secret=SecretStr("")
        )
        for _ in range(3):
            await fulfilments.read(json.dumps(ASKED).encode(), {"authorization": f"Bearer {google.token()}"})
    assert google.fetches == 1
