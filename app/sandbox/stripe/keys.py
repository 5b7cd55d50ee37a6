"""Idempotency keys: the first execution's status and body are kept for 24 hours, a 500 included.

What fails validation is not an execution, so a key that was only refused is as good as new.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

from app.sandbox import exact_json
from app.sandbox.simulation import Simulation
from app.sandbox.stripe.wire import account_of, refusal
from app.sandbox.vendor import Answer, Call

KEYS = "stripe_keys"
LIFETIME = timedelta(hours=24)
KEY_CHARACTERS_MAX = 255

Do = Callable[[Call], Awaitable[Answer]]


class Keys:
    """Which answer a key has brought."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def once(self, do: Do) -> Do:
        """The operation, executed once for each key."""

        async def by_key(call: Call) -> Answer:
            key = call.header("idempotency-key")
            if not key:
                return await do(call)
            if len(key) > KEY_CHARACTERS_MAX:
                raise refusal(400, None, "Keys have at most 255 characters.", kind="idempotency_error")
            earlier = await self._earlier(call)
            if earlier is not None:
                return earlier
            answer = await do(call)
            await self.remember(call, answer)
            return answer

        return by_key

    async def remember(self, call: Call, answer: Answer) -> None:
        """Keep the answer under the call's key, unless one is kept."""
        if not call.header("idempotency-key") or await self._earlier(call) is not None:
            return
        await self._simulation.store.put(
            KEYS,
            {
                "_id": _id(call),
                "content": _content(call),
                "status": answer.status,
                "text": exact_json.write(answer.body),
                "at": self._simulation.clock.now(),
            },
        )

    async def _earlier(self, call: Call) -> Answer | None:
        used = await self._simulation.store.get(KEYS, _id(call))
        if used is None or self._simulation.clock.now() - used["at"] >= LIFETIME:
            return None
        if used["content"] != _content(call):
            message = "Keys for idempotent requests can only be used with the same parameters."
            raise refusal(400, None, message, kind="idempotency_error")
        answer = Answer(exact_json.read(used["text"]), used["status"])
        return replace(answer, headers={"Idempotent-Replayed": "true"})


def _id(call: Call) -> str:
    return f"{account_of(call)}/{call.header('idempotency-key')}"


def _content(call: Call) -> str:
    named = f"{call.request.method} {call.request.url.path}\n".encode()
    return hashlib.sha256(named + call.body).hexdigest()
