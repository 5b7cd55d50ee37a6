"""docs/flows.md, drawn from the registered flows: the story, the steps and the legal moves of each."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from app.orchestrator.flows import FLOWS
from app.orchestrator.lifecycle import diagram, is_call
from app.orchestrator.saga import Look, Saga, Step, always

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "flows.md"

_OPENING = """\
# Flows

Drawn by `./scripts/draw` from the definitions in `app/orchestrator/flows/`; a test fails when this page is older than
they are. `wallet saga graph NAME --version N` prints the same diagram.

A state is a step and a phase: `do`, `awaiting` (the outside world must settle first), `undo`, `awaiting_undo_of`;
`call_off` and `awaiting_end_of`, where what is under way can be stopped. Left out are the move to `parked` that every
state has, the move past a step that does not apply, and `cancelled`, in which what is written off ends.
"""


def page() -> str:
    """The whole page."""
    flows = [FLOWS[key] for key in sorted(FLOWS)]
    return "\n".join([_OPENING, *(line for flow in flows for line in _chapter(flow))])


def _chapter(flow: Saga) -> Iterator[str]:
    story = sys.modules[flow.params.__module__].__doc__ or ""
    yield f"## {flow.name}, version {flow.version}\n"
    yield f"{story.strip()}\n"
    yield "| Step | Does | Called off by | Undone by | Applies when |"
    yield "|---|---|---|---|---|"
    for step in flow.steps:
        yield _row(step)
    yield f"\n```mermaid\n{diagram(flow)}\n```\n"


def _row(step: Step) -> str:
    name = f"**{step.name}** (pivot: after it only forward)" if step.pivot else f"**{step.name}**"
    condition = "always" if step.when is always else _words(step.when.__name__)
    others = ("" if action is None else _told(action) for action in (step.call_off, step.undo))
    return f"| {name} | {_told(step.do)} | {' | '.join(others)} | {condition} |"


def _told(action: object) -> str:
    if is_call(action):
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(action).__name__).lower()
        return f"{name}, outside: {getattr(action, 'provider', '')}"
    if isinstance(action, Look):
        return f"{_words(action.examine.__name__)}, looking outside"
    return _words(getattr(action, "__name__", ""))


def _words(name: str) -> str:
    return name.replace("_", " ")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"Drew {len(FLOWS)} flows into {PAGE.relative_to(ROOT)}.")
