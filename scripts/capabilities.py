"""docs/capabilities.md, written from what the adapters declare: the data that the saga rules and the checker read."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from app.providers.capabilities import Capabilities
from app.providers.registry import CAPABILITIES

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "capabilities.md"

_OPENING = """\
# What each vendor promises

Written by `./scripts/draw` from what the adapters in `app/providers/` declare; a test fails when this page is older
than they are. The rules for unknown outcomes ([0008](decisions/0008-unknown-outcomes.md)) and the checker
([checker.md](checker.md)) read the same data, so a vendor whose declaration changes is judged anew.

- **Key**: where our idempotency key travels; *natural* where the object itself is unique at the vendor.
- **Remembered**, **Sent again until**: how long the vendor knows a key, and how old a call may be for the same key to
  be sent again; after that it is only looked up.
- **Reads lag**: how late a read may be in showing a write. Nobody concludes that something is absent before that.
- **Cancels**: whether a call that was made can be called off there.
- **Fence**: what stops a frozen process from acting after somebody gave its call up: the live *key*, our *approval*, or
  nothing. Without one, absence is never concluded by a machine.
"""

_IDEMPOTENCY = {"body-key": "in the body", "header-key": "in a header", "none": "none", "natural": "natural"}


def page() -> str:
    """The whole page."""
    return "\n".join([_OPENING, *_overview(), *(line for name in CAPABILITIES for line in _chapter(name))])


def _overview() -> Iterator[str]:
    yield "| Vendor | Key | Remembered | Sent again until | Reads lag | Cancels | Fence |"
    yield "|---|---|---|---|---|---|---|"
    for name, declared in CAPABILITIES.items():
        yield _row(name, declared)
    yield ""


def _row(name: str, declared: Capabilities) -> str:
    keyed = declared.idempotency != "none"
    cells = (
        f"**{name}**",
        _IDEMPOTENCY[declared.idempotency],
        _age(declared.key_lifetime, keyed=keyed),
        _age(declared.safe_resend_age, keyed=keyed),
        _span(declared.read_lag),
        "yes" if declared.cancels else "no",
        declared.provider_fence,
    )
    return f"| {' | '.join(cells)} |"


def _chapter(name: str) -> Iterator[str]:
    declared = CAPABILITIES[name]
    yield f"## {name}\n"
    yield f"Final: {declared.finality}.\n"
    if declared.differs:
        yield "| Operation | Differs |"
        yield "|---|---|"
        for operation, how in declared.differs.items():
            yield f"| `{operation}` | {how} |"
        yield ""


def _age(age: timedelta | None, *, keyed: bool) -> str:
    if age is None:
        return "for ever" if keyed else "-"
    return _span(age)


def _span(span: timedelta) -> str:
    hours, seconds = divmod(int(span.total_seconds()), 3_600)
    return f"{hours} h" if hours else f"{seconds} s"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"Wrote down {len(CAPABILITIES)} vendors in {PAGE.relative_to(ROOT)}.")
