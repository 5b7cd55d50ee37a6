"""What a customer's app needs to have a card charged: the payment's secret, for as long as it can be paid.

With the secret anybody can pay, and see the payment. It is kept sealed in its saga, opened for its owner alone, and is
in no log and no remembered answer.
"""

import asyncio
from collections.abc import Awaitable, Callable

from pydantic import SecretStr

from app.clock import Clock
from app.orchestrator.flows.card_topup import CLIENT_SECRET, CardTopup
from app.orchestrator.journal import SagaRecord
from app.orchestrator.store import SagaStore
from app.plumbing.sealing import Sealer

_PATIENCE_S = 2.0
_PAUSE_S = 0.05


class CardPrompts:
    """Opens the secrets of top-ups. ``hasten`` drives a saga here and now, unless somebody else does."""

    def __init__(
        self, sagas: SagaStore, sealer: Sealer, clock: Clock, hasten: Callable[[str], Awaitable[None]]
    ) -> None:
        self._sagas = sagas
        self._sealer = sealer
        self._clock = clock
        self._hasten = hasten

    async def ready(self, saga: SagaRecord) -> SagaRecord:
        """The top-up once it can be paid, or as it stands after two seconds: then its secret is asked for later."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + _PATIENCE_S
        while _is_on_its_way(saga) and loop.time() < ends_at:
            await self._hasten(saga.id)
            saga = await self._sagas.saga(saga.id) or saga
            if _is_on_its_way(saga):
                await asyncio.sleep(_PAUSE_S)
        return saga

    def secret_of(self, saga: SagaRecord) -> SecretStr | None:
        """The secret, while the payment can be confirmed. Raises BrokenSeal."""
        sealed = saga.results.get("collect", {}).get(CLIENT_SECRET)
        expires_at = CardTopup.model_validate(saga.params).expires_at
        if sealed is None or saga.status not in {"running", "waiting"} or self._clock.now() >= expires_at:
            return None
        return self._sealer.open_text(sealed, saga.id)


def _is_on_its_way(saga: SagaRecord) -> bool:
    return saga.status == "running" and CLIENT_SECRET not in saga.results.get("collect", {})
