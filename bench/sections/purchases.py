"""The main job under load: customers buy over HTTP, a bank pays, a chain delivers, and vendors call back at once."""

from collections import Counter
from collections.abc import Sequence
from statistics import median

from bench import purchase_load
from bench.context import Bench, Plan
from bench.figures import Row, at_least, at_most, told
from bench.issuer import issuing
from bench.measuring import Sample
from bench.purchase_load import PurchaseJob
from bench.sections.http import person, verify
from bench.stack import Stack, stacked
from bench.world import customer

SECTION = "purchases"
USERS = 16
IN_FLIGHT = 64
_WARMUP_MIN_S = 4.0
_WINDOW_MIN_S = 5.0


def count(plan: Plan) -> int:
    """How many samples it takes."""
    return plan.repetitions * 2


def measure(bench: Bench) -> list[Row]:
    """The rows of this section."""
    with issuing() as issuer:
        people = [person(issuer, number) for number in range(USERS)]
        tokens = [issuer.token(each.subject) for each in people]
        with bench.database(lambda: [customer(0)]) as database:
            bench.within(database, lambda opened: verify(opened, people))
            here, on_chain = list[Sample](), list[Sample]()
            with stacked(bench.servers, database, issuer.url) as stack:
                for _ in bench.rounds:
                    here.append(_measure_once(bench, stack, database, tokens, on_chain=False))
                    on_chain.append(_measure_once(bench, stack, database, tokens, on_chain=True))
    return [*_rows("bank to account", here), *_rows("bank to chain", on_chain)]


def _measure_once(bench: Bench, stack: Stack, database: str, tokens: Sequence[str], *, on_chain: bool) -> Sample:
    job = PurchaseJob(
        uri=bench.servers.mongod.url,
        database=database,
        api_url=stack.api_url,
        sandbox_url=stack.sandbox_url,
        tokens=list(tokens),
        in_flight=IN_FLIGHT,
        on_chain=on_chain,
        warmup_s=max(_WARMUP_MIN_S, bench.plan.warmup_s),
        window_s=max(_WINDOW_MIN_S, bench.plan.window_s),
        pids=dict(stack.pids),
    )
    return bench.take(f"purchases {'on chain' if on_chain else 'here'}", purchase_load.__name__, [job])[0]


def _rows(way: str, found: Sequence[Sample]) -> list[Row]:
    cpu = ", ".join(f"{name} {median(each.cpu.get(name, 0) for each in found):.0%}" for name in found[0].cpu)
    refused = sum((Counter(each.refused) for each in found), Counter[str]())
    p50 = median(each.p50_ms for each in found) / 1_000
    return [
        Row(
            SECTION,
            f"{way}, completed, {IN_FLIGHT} in flight",
            "/s",
            tuple(each.per_s for each in found),
            at_least(60),
            f"CPU: {cpu}; p50 {told(p50, 's')} from order to delivery",
        ),
        Row(
            SECTION,
            f"{way}, orders refused",
            "",
            tuple(sum(each.refused.values()) for each in found),
            at_most(0),
            ", ".join(f"{number} of {refusal}" for refusal, number in refused.most_common(3)),
        ),
    ]
