"""Each rule is there for a reason: without it the search finds how money is lost."""

import pytest

from tests.checker.effect_claims import check
from tests.checker.effect_setups import TAKEN_AWAY
from tests.checker.search import Counterexample
from tests.docs.pages import ROOT, Page


@pytest.mark.parametrize("rule", TAKEN_AWAY)
def test_without_the_rule_a_claim_breaks(rule: str) -> None:
    found = check(TAKEN_AWAY[rule])
    assert isinstance(found, Counterexample), f"{rule}: nothing is lost without it, within these bounds: {found}"
    assert "stuck" not in found.claim, f"\n{found}"


def test_a_counterexample_reads_as_a_story() -> None:
    found = check(TAKEN_AWAY["a timeout is no failure"])
    assert [line.split("  ")[0] for line in str(found).splitlines()] == [
        "start",
        "worker A claims the saga",
        "worker A commits: sending",
        "worker A looks at its lease: it lasts",
        "worker A writes the request",
        "worker A's request arrives",
        "worker A's line breaks",
        "worker A commits: failed, compensated",
        "broken: never concluded absent what happens after all, but for what a recovery explains",
    ]


@pytest.mark.parametrize("rule", TAKEN_AWAY)
def test_the_page_about_the_checker_tells_the_rule(rule: str) -> None:
    assert f"| {rule} |" in Page(ROOT / "docs" / "checker.md").text, "print it with python -m tests.checker"
