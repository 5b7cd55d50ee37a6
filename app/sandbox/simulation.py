"""What every simulator is handed: its configuration, time, book, agenda and outbox."""

import hashlib
from dataclasses import dataclass

import httpx2

from app.sandbox.agenda import Agenda
from app.sandbox.calls import Calls
from app.sandbox.config import SandboxConfig
from app.sandbox.faults import Faults
from app.sandbox.shifted_clock import ShiftedClock
from app.sandbox.store import Store
from app.sandbox.webhooks import Webhooks


@dataclass(frozen=True, slots=True)
class Simulation:
    """The world the simulators share. ``http`` reaches the wallet."""

    config: SandboxConfig
    clock: ShiftedClock
    store: Store
    agenda: Agenda
    webhooks: Webhooks
    faults: Faults
    calls: Calls
    http: httpx2.AsyncClient

    async def new_hex(self, kind: str, digits: int) -> str:
        """An id that looks random and was never given out before."""
        number = await self.store.next_number()
        return hashlib.sha256(f"{kind}/{number}".encode()).hexdigest()[:digits]

    async def new_uuid(self, kind: str) -> str:
        """An id in the shape of a UUID."""
        digits = await self.new_hex(kind, 32)
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
