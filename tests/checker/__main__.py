"""Print what the checker sees, as Markdown: ``python -m tests.checker`` (the figures of docs/checker.md)."""

import structlog

from app.orchestrator.flows import FLOWS
from tests.checker import effect_claims, flow_claims
from tests.checker.effect_setups import BOUNDS, DECLARED, TAKEN_AWAY, setup
from tests.checker.flow_orders import ORDERS
from tests.checker.search import Counterexample, Explored


def told(result: Explored | Counterexample) -> str:
    """A result in one cell."""
    if isinstance(result, Counterexample):
        return str(result.moves)
    return f"{result.states:,} | {result.moves:,}"


def main() -> None:
    """Every search of the short round."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    for provider in DECLARED:
        for world in ("a calm day", "a freeze"):
            print(f"| {provider} | {world} | {told(effect_claims.check(setup(provider, BOUNDS[world](provider))))} |")
    for name, order in ORDERS.items():
        flow = next(flow for flow in FLOWS.values() if flow.name == order.flow)
        print(f"| {name} | {told(flow_claims.check(order, flow, attempts_max=1))} |")
    for rule, without in TAKEN_AWAY.items():
        print(f"| {rule} | {told(effect_claims.check(without))} |")


if __name__ == "__main__":
    main()
