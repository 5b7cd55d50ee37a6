"""The one table, and the JSON beside it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.figures import Row, told

_WIDTH_MIN = 180
_COLOURS = {"pass": "green", "miss": "red"}


def table(rows: Iterable[Row], title: str) -> Table:
    """Every figure with its goal beside it."""
    drawn = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
    for heading in ("Section", "Measure"):
        drawn.add_column(heading, no_wrap=heading == "Section")
    for heading in ("Goal", "Median", "Spread"):
        drawn.add_column(heading, justify="right", no_wrap=True)
    drawn.add_column("", no_wrap=True)
    drawn.add_column("Figures")
    last = ""
    for row in rows:
        drawn.add_row(*_cells(row, repeated=row.section == last), end_section=False)
        last = row.section
    return drawn


def _cells(row: Row, *, repeated: bool) -> Sequence[str]:
    colour = _COLOURS.get(row.verdict)
    verdict = f"[{colour}]{row.verdict}[/]" if colour else ""
    value = "-" if row.value is None else told(row.value, row.unit)
    goal = "" if row.goal is None else row.goal.told(row.unit)
    return "" if repeated else row.section, row.measure, goal, value, row.spread, verdict, row.detail


def show(rows: Iterable[Row], title: str) -> None:
    """Print the table on standard output, wide enough that no figure is cut where the output is a file."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=max(console.width, _WIDTH_MIN))
    console.print(table(rows, title))


def write(
    folder: Path, at: datetime, facts: Mapping[str, Any], rows: Iterable[Row], samples: Sequence[Mapping[str, Any]]
) -> Path:
    """Write everything that was measured to ``bench-<time>.json`` in that folder."""
    path = folder / f"bench-{at:%Y%m%dT%H%M%SZ}.json"
    content = {"at": at.isoformat(), **facts, "rows": [_plain(row) for row in rows], "samples": samples}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _plain(row: Row) -> dict[str, Any]:
    return {
        "section": row.section,
        "measure": row.measure,
        "unit": row.unit,
        "goal": None if row.goal is None else {"bound": row.goal.bound, "at_least": row.goal.at_least},
        "median": row.value,
        "values": row.values,
        "verdict": row.verdict or None,
        "detail": row.detail,
    }
