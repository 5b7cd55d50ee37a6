"""Block heights, grown from the stored clock: a chain goes on while nobody looks."""

from datetime import timedelta

from app.sandbox.simulation import Simulation
from app.sandbox.tatum.chains import CHAINS, Chain

ANCHOR = "tatum_anchor"
_PACE_S_MIN = 0.02


class Blocks:
    """Heights that never fall, not even when the sandbox restarts at another pace."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._pace = timedelta(seconds=max(simulation.config.pace_s, _PACE_S_MIN))
        self._started_at = simulation.clock.now()
        self._heights = {chain.name: chain.height_first for chain in CHAINS}

    async def seed(self) -> None:
        """Continue from the stored anchor, and lay a new one at this start's pace."""
        store = self._simulation.store
        anchor = await store.get(ANCHOR, "anchor")
        now = self._simulation.clock.now()
        if anchor is not None:
            elapsed = now - anchor["at"]
            pace = timedelta(milliseconds=anchor["pace_ms"])
            self._heights = {
                chain.name: anchor["heights"][chain.name] + max(elapsed * chain.blocks_per_pace // pace, 0)
                for chain in CHAINS
            }
        self._started_at = now
        pace_ms = self._pace // timedelta(milliseconds=1)
        await store.put(ANCHOR, {"_id": "anchor", "at": now, "heights": self._heights, "pace_ms": pace_ms})

    def height(self, chain: Chain) -> int:
        elapsed = self._simulation.clock.now() - self._started_at
        return self._heights[chain.name] + elapsed * chain.blocks_per_pace // self._pace
