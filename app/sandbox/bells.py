"""A tap on the shoulder of a vendor's loop: something was stored that is due, or will be, so many seconds from now."""

import asyncio

_FAR_S = 60.0
"""What is due later than that is left to the loop's own look."""


class Bells:
    """One bell for each vendor. A lost ring costs a look's interval, nothing else: what is due is in the store."""

    def __init__(self) -> None:
        self._bells: dict[str, asyncio.Event] = {}

    def ring(self, vendor: str, after_s: float) -> None:
        """Wake the vendor's loop then."""
        bell = self._of(vendor)
        if after_s <= 0:
            bell.set()
        elif after_s <= _FAR_S:
            asyncio.get_running_loop().call_later(after_s, bell.set)

    def hush(self, vendor: str) -> None:
        """What rings from here on is news."""
        self._of(vendor).clear()

    async def heard(self, vendor: str, patience_s: float) -> None:
        """Wait until it rings, but not longer than that."""
        try:
            async with asyncio.timeout(patience_s):
                await self._of(vendor).wait()
        except TimeoutError:
            return

    def _of(self, vendor: str) -> asyncio.Event:
        return self._bells.setdefault(vendor, asyncio.Event())
