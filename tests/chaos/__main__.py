"""``python -m tests.chaos``: what ``./scripts/chaos`` runs."""

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from app.plumbing.embedded import CannotStart
from app.stack.folder import Folder
from app.stack.problem import GaveUp, Problem
from tests.chaos import report
from tests.chaos.coverage import Coverage
from tests.chaos.run import Options, run

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Let it rage, judge, report; 0 only if nothing was lost, doubled or left lying about."""
    given = _options(arguments)
    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.default_int_handler)
    root = given.data or Path(tempfile.mkdtemp(prefix="wallet-chaos-"))
    options = Options(given.seed, given.minutes, given.in_flight, given.pace, Folder.at(root))
    coverage, outcome = Coverage(given.seed), None
    try:
        outcome = asyncio.run(run(options, coverage, report.say))
    except (Problem, GaveUp, CannotStart) as failure:
        report.say(f"{failure.sentence} The folder is kept: {root}")
        return 1
    except KeyboardInterrupt:
        report.say(f"Stopped; nothing is left running. The folder is kept: {root}")
        return _INTERRUPTED
    except BaseExceptionGroup as failures:
        report.say(f"{_causes(failures)} The folder is kept: {root}")
        return 1
    finally:
        if outcome is None:
            report.show_coverage(coverage)
    report.show(outcome)
    if outcome.judgement.differences:
        report.say(f"The folder and its logs are kept: {root}. The same again: --seed {given.seed}")
        return 1
    if given.data is None:
        shutil.rmtree(root)
    return 0


def _causes(failures: BaseExceptionGroup[BaseException]) -> str:
    return " ".join(
        _causes(each) if isinstance(each, BaseExceptionGroup) else f"{type(each).__name__}: {each}."
        for each in failures.exceptions
    )


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./scripts/chaos", add_help=False)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--in-flight", type=int, default=40)
    parser.add_argument("--pace", type=float, default=1.0)
    parser.add_argument("--data", type=Path, default=None)
    options = parser.parse_args(arguments)
    if options.minutes <= 0 or options.in_flight < 1 or options.pace < 0:
        parser.error("--minutes and --in-flight are greater than nothing, and time does not run backwards")
    return options


if __name__ == "__main__":
    sys.exit(main())
