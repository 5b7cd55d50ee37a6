import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from bench import report
from bench.figures import Row, at_least, at_most, percentile, ratios, told
from bench.http_load import is_whole
from bench.measuring import Tally, Usage, Window


def test_the_middle_repetition_is_the_figure_and_the_others_its_spread() -> None:
    row = Row("door", "vs naive", "×", (9.5, 8.0, 20.0), at_least(9))
    assert (row.value, row.verdict, row.spread) == (9.5, "pass", "8× to 20×")


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (Row("door", "on its bound", "×", (9.0,), at_least(9)), "pass"),
        (Row("door", "below", "×", (8.99,), at_least(9)), "miss"),
        (Row("http", "on its bound", "ms", (120.0,), at_most(120)), "pass"),
        (Row("http", "above", "ms", (120.1,), at_most(120)), "miss"),
        (Row("http", "not built", "/s", (), at_least(9_000)), ""),
        (Row("door", "no goal", "×", (24.0,)), ""),
    ],
    ids=lambda value: value.measure if isinstance(value, Row) else "",
)
def test_a_verdict_needs_a_goal_and_a_figure(row: Row, verdict: str) -> None:
    assert row.verdict == verdict


def test_ratios_are_taken_within_a_repetition() -> None:
    """A machine that is twice as fast for one repetition changes both sides of it, and no ratio."""
    assert ratios([900.0, 1_800.0], [100.0, 200.0]) == (9.0, 9.0)


def test_a_repetition_without_a_reference_has_no_ratio() -> None:
    assert ratios([900.0, 900.0], [0.0, 100.0]) == (9.0,)


@pytest.mark.parametrize(("percent", "expected"), [(1, 1.0), (50, 50.0), (99, 99.0), (100, 100.0)])
def test_a_percentile_is_a_value_that_was_there(percent: float, expected: float) -> None:
    assert percentile([float(number) for number in range(1, 101)], percent) == expected


def test_a_percentile_of_few_and_of_none() -> None:
    assert percentile([3.0], 99) == 3.0
    assert percentile([1.0, 2.0, 3.0], 50) == 2.0
    assert percentile([], 50) == 0.0


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [(8.7249, "×", "8.72×"), (3412.4, "/s", "3,412/s"), (68.04, "ms", "68.0 ms"), (0.0, "", "0"), (1.0, "s", "1 s")],
)
def test_a_figure_is_told_in_three_digits(value: float, unit: str, expected: str) -> None:
    assert told(value, unit) == expected


def test_only_what_ends_inside_the_window_counts() -> None:
    tally = Tally(Window(begins_at=10.0, ends_at=12.0))
    tally.note(8.0, 9.9)
    tally.note(9.5, 10.0)
    tally.note(11.0, 11.5)
    tally.note(11.0, 12.0)
    sample = tally.sample(Usage({}, commits=4))
    assert (sample.per_s, sample.p50_ms, sample.commits_per_s) == (1.0, 500.0, 2.0)


def test_the_longest_wait_includes_refusals_and_what_outlasts_the_window() -> None:
    tally = Tally(Window(begins_at=10.0, ends_at=12.0))
    tally.note(11.0, 11.1)
    tally.note(11.0, 14.0)
    tally.note(10.0, 11.5, "Overloaded")
    sample = tally.sample(Usage({}, commits=0))
    assert (sample.per_s, sample.longest_s, sample.refused) == (0.5, 3.0, {"Overloaded": 1})


@pytest.mark.parametrize(
    ("answer", "whole"),
    [
        (b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}", True),
        (b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nx: y\r\n\r\n{}", True),
        (b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{", False),
        (b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n", False),
        (b"", False),
    ],
)
def test_an_answer_is_whole_when_its_body_is(answer: bytes, whole: bool) -> None:  # noqa: FBT001 - a column of the table
    assert is_whole(answer) is whole


def test_the_table_shows_each_goal_beside_its_figure() -> None:
    rows = [
        Row("door", "vs naive", "×", (9.5,), at_least(9), "7,400/s vs 780/s"),
        Row("door", "lone caller", "×", (1.3,), at_most(1.1)),
        Row("http", "a batch", "/s", (), at_least(9_000), "not built"),
    ]
    console = Console(width=150)
    with console.capture() as captured:
        console.print(report.table(rows, "title"))
    lines = captured.get().splitlines()
    assert any("≥ 9×" in line and "9.50×" in line and "pass" in line for line in lines)
    assert any("≤ 1.10×" in line and "1.30×" in line and "miss" in line for line in lines)
    assert any("≥ 9,000/s" in line and "not built" in line and "miss" not in line for line in lines)


def test_the_json_holds_rows_and_samples(tmp_path: Path) -> None:
    rows = [Row("door", "vs naive", "×", (9.5, 8.0, 20.0), at_least(9))]
    at = datetime(2026, 11, 20, 5, tzinfo=UTC)
    path = report.write(tmp_path, at, {"quick": True}, rows, [{"what": "door", "per_s": 7_400.0}])
    content = json.loads(path.read_text())
    assert path.name == "bench-20261120T050000Z.json"
    assert content["quick"] is True
    assert content["rows"][0]["median"] == 9.5
    assert content["rows"][0]["goal"] == {"bound": 9, "at_least": True}
    assert content["samples"] == [{"what": "door", "per_s": 7_400.0}]
