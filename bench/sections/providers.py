"""The lines to vendors: what a call costs here, the vendor's own time left out."""

from statistics import median

from bench import call_load
from bench.call_load import CallJob
from bench.context import Bench, Plan
from bench.figures import Row, at_most, told

SECTION = "providers"
IN_FLIGHT = 20


def count(plan: Plan) -> int:
    """How many samples it takes."""
    return plan.repetitions


def measure(bench: Bench) -> list[Row]:
    """The rows of this section."""
    job = CallJob(IN_FLIGHT, bench.plan.warmup_s, bench.plan.window_s)
    found = [bench.take("calls to a bank", call_load.__name__, [job])[0] for _ in bench.rounds]
    return [
        Row(
            SECTION,
            f"CPU of a payment's call, {IN_FLIGHT} in flight",
            "ms",
            tuple(each.cpu["call"] for each in found),
            at_most(1.5),
            f"{told(median(each.per_s for each in found), '/s')}; adapter, line, circuit and log line included",
        )
    ]
