"""Which moments processes have died at, where they are to die next, and who is to lead there."""

from collections import Counter
from random import Random

from tests.chaos.moments import ENOUGH, Moment, least_covered
from tests.chaos.provocations import Provocation, provocation_of, reachable

_ARMED = 24
_HEAD_START = 4
"""How many times more what leads where nobody has died yet is done than what leads where somebody has, once."""


class Coverage:
    """``died_at``: how often a process of the product died at which moment; whoever kills one counts it there.

    Of moments that are covered equally little the seed orders which is first.
    """

    def __init__(self, seed: str) -> None:
        moments = reachable()
        self._moments = Random(f"{seed}/moments").sample(moments, len(moments))
        self._ways = {moment: provocation_of(moment.what) for moment in moments}
        self._provoked: Counter[Provocation] = Counter()
        self.died_at: Counter[Moment] = Counter()

    def rarest(self) -> tuple[Moment, ...]:
        """Some of the moments that are covered least."""
        return tuple(least_covered(self._moments, self.died_at, _ARMED))

    def wanting(self) -> tuple[Moment, ...]:
        """All that have not been met often enough, the least covered first; everything, once there are none."""
        ordered = least_covered(self._moments, self.died_at, len(self._moments))
        return tuple(each for each in ordered if self.died_at[each] < ENOUGH) or tuple(ordered)

    def provocation(self) -> Provocation:
        """What leads to moments that are wanting: those that nobody has died at first, but all of them in turn."""
        met: dict[Provocation, int] = {}
        for moment in self.wanting():
            met.setdefault(self._ways[moment], min(self.died_at[moment], ENOUGH))
        chosen = min(met, key=lambda way: self._provoked[way] + _HEAD_START * met[way])
        self._provoked[chosen] += 1
        return chosen

    def __str__(self) -> str:
        sides = [self.died_at[moment] for moment in self._moments]
        met, often = sum(map(bool, sides)), sum(each >= ENOUGH for each in sides)
        return f"{len(sides)} sides: {met} met, {often} {ENOUGH} times or more, {len(sides) - often} less often"
