"""What a run says: progress while it lasts, coverage and differences at its end."""

import sys
from collections.abc import Mapping

from tests.chaos.coverage import Coverage
from tests.chaos.moments import AFTER, BEFORE, ENOUGH, Moment, expected
from tests.chaos.provocations import why_never
from tests.chaos.run import Outcome


def say(line: str) -> None:
    """One line, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def show(outcome: Outcome) -> None:
    """Everything, differences last."""
    say("")
    show_coverage(outcome.coverage)
    say("")
    _show_counts("Blows", outcome.happened)
    _show_counts("Messages lost", outcome.lost)
    _show_counts("Asked for", outcome.asked)
    _show_counts("Sagas", outcome.judgement.ended)
    _show_counts("Effects", outcome.judgement.effects)
    _show_counts("Questions about virtual cards, and what merchants took or gave back", outcome.judgement.cards)
    flights = outcome.in_flight_at_kills
    say(f"In flight at each kill and freeze: at least {min(flights, default=0)}, {len(flights)} times")
    say(f"Accepted: {outcome.accepted}; quiet {outcome.quiet_after_s:.1f} s after the last blow")
    for told in outcome.judgement.open_sagas:
        say(f"open: {told}")
    say(f"wallet verify: {outcome.judgement.books}")
    for difference in outcome.judgement.differences:
        say(f"DIFFERENCE: {difference}")
    say(f"{len(outcome.judgement.differences)} differences, seed {outcome.options.seed}")


def show_coverage(coverage: Coverage) -> None:
    """Killed at which moment, how often before it and after it; those still below the bound are marked."""
    died = coverage.died_at
    named = dict.fromkeys(moment.what for moment in expected())
    met = [name for name in named if not why_never(name)]
    others = sorted({each.what for each in died} - set(met))
    say(f"{'Killed at':<46}{'before':>8}{'after':>8}")
    for name in (*met, *others):
        before, after = (died[Moment(name, when)] for when in (BEFORE, AFTER))
        say(f"{name:<46}{before:>8}{after:>8}{'' if min(before, after) >= ENOUGH or name in others else '  <'}")
    say(f"{len(met)} moments, {coverage}")
    for name in named:
        if name not in met:
            say(f"never: {name}: {why_never(name)}")


def _show_counts(title: str, counts: Mapping[str, int]) -> None:
    say(f"{title}: {', '.join(f'{name} {count}' for name, count in sorted(counts.items())) or 'none'}")
