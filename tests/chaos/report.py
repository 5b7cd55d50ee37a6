"""What a run says: progress while it lasts, coverage and differences at its end."""

import sys
from collections.abc import Mapping

from tests.chaos.moments import AFTER, BEFORE, Moment, expected
from tests.chaos.run import Outcome

ENOUGH = 3
"""How often a long run should have been killed at each moment."""


def say(line: str) -> None:
    """One line, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def show(outcome: Outcome) -> None:
    """Everything, differences last."""
    say("")
    _show_coverage(outcome)
    say("")
    _show_counts("Blows", outcome.happened)
    _show_counts("Messages lost", outcome.lost)
    _show_counts("Asked for", outcome.asked)
    _show_counts("Sagas", outcome.judgement.ended)
    _show_counts("Effects", outcome.judgement.effects)
    flights = outcome.in_flight_at_kills
    say(f"In flight at each kill and freeze: at least {min(flights, default=0)}, {len(flights)} times")
    say(f"Accepted: {outcome.accepted}; quiet {outcome.quiet_after_s:.1f} s after the last blow")
    for told in outcome.judgement.open_sagas:
        say(f"open: {told}")
    say(f"wallet verify: {outcome.judgement.books}")
    for difference in outcome.judgement.differences:
        say(f"DIFFERENCE: {difference}")
    say(f"{len(outcome.judgement.differences)} differences, seed {outcome.options.seed}")


def _show_coverage(outcome: Outcome) -> None:
    """Killed at which moment, how often before it and after it; those still below the bound are marked."""
    names = dict.fromkeys((*(moment.what for moment in expected()), *sorted(each.what for each in outcome.died_at)))
    say(f"{'Killed at':<46}{'before':>8}{'after':>8}")
    for name in names:
        before, after = (outcome.died_at[Moment(name, when)] for when in (BEFORE, AFTER))
        say(f"{name:<46}{before:>8}{after:>8}{'' if min(before, after) >= ENOUGH else '  <'}")


def _show_counts(title: str, counts: Mapping[str, int]) -> None:
    say(f"{title}: {', '.join(f'{name} {count}' for name, count in sorted(counts.items())) or 'none'}")
