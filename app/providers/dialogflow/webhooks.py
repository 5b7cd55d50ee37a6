"""Dialogflow CX's questions: nothing signs their bytes, so who asks is proved by a token that Google has signed.

It is an ID token of the agent's service account, for the address of our webhook. What it carries beside the account is
not settled by the vendor's pages: how Google names itself is read in both spellings, and the audience is a setting. The
token is good for about an hour and says nothing of the body, so within that time a question can be asked again by
whoever has seen it; an answer must therefore do nothing that may not be done twice. And it proves that Google asks,
never who the customer is: no money moves because of an answer.

In the sandbox a secret in a header of ours may stand in for the token.
"""

from collections.abc import Mapping
from datetime import timedelta
from hmac import compare_digest
from typing import Any, Protocol

from pydantic import SecretStr

from app.errors import TokenInvalid, TokenMissing
from app.providers.capabilities import Capabilities
from app.providers.dialogflow.wire import Question, question_of
from app.providers.signatures import read_json

PROVIDER = "dialogflow"
CAPABILITIES = Capabilities(
    idempotency="none",
    key_lifetime=None,
    safe_resend_age=None,
    read_lag=timedelta(0),
    cancels=False,
    provider_fence="none",
    finality="nothing is done there: it asks, and is answered",
    differs={"fulfil": "asked once more when an answer is late or lost, under the same response id and tag"},
    is_called=False,
)

SECRET_HEADER = "x-dialogflow-secret"  # noqa: S105 - its name


class VerifiesTokens(Protocol):
    """Knows what a token of an issuer that is trusted says."""

    async def claims(self, token: str) -> Mapping[str, Any]: ...


class Fulfilments:
    """Reads questions. ``service_account``: the address of the account that asks; an empty ``secret`` opens nothing."""

    def __init__(self, tokens: VerifiesTokens, *, service_account: str, secret: SecretStr) -> None:
        self._tokens = tokens
        self._service_account = service_account
        self._secret = secret.get_secret_value().encode()

    async def read(self, body: bytes, headers: Mapping[str, str]) -> Question:
        """The question of a request.

        Raises TokenMissing, TokenInvalid; ProviderUnavailable when Google's keys are needed and cannot be had;
        Malformed.
        """
        if not self._knows_the_secret(headers.get(SECRET_HEADER, "")):
            await self._require_agent(headers.get("authorization", ""))
        return question_of(read_json(body))

    def _knows_the_secret(self, given: str) -> bool:
        return bool(self._secret) and compare_digest(given.encode(), self._secret)

    async def _require_agent(self, authorization: str) -> None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise TokenMissing
        claims = await self._tokens.claims(token)
        if claims.get("email") != self._service_account or claims.get("email_verified") is not True:
            raise TokenInvalid("it is another account's")
