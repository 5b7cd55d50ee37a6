"""The drawn flows are those that run."""

from scripts.draw import PAGE, page


def test_the_drawn_flows_are_those_that_run() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run ./scripts/draw and commit docs/flows.md"
