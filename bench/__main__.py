"""``python -m bench``: what ``./scripts/bench`` runs."""

import argparse
import signal
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

from app.plumbing.embedded import CannotStart
from bench import report
from bench.children import LoadFailed
from bench.context import Bench, Plan
from bench.figures import Row
from bench.machine import Machine, memory_folder, this_machine
from bench.profiles import PROFILED, profile
from bench.sections import door, edge, http, providers, purchases, sagas, scale, two, webhooks
from bench.servers import Servers, started
from bench.telling import Teller

SECTIONS: dict[str, ModuleType] = {
    "door": door,
    "edge": edge,
    "http": http,
    "two": two,
    "sagas": sagas,
    "purchases": purchases,
    "providers": providers,
    "webhooks": webhooks,
    "scale": scale,
}
_NOT_QUICK = ("scale",)
_ROOM_GB = 16.0
_ROOM_QUICK_GB = 4.0
_INTERRUPTED = 130

_QUICK = Plan(repetitions=3, warmup_s=0.4, window_s=1.2)
_FULL = Plan(repetitions=3, warmup_s=1.5, window_s=6.0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for; the exit code tells whether that worked, not whether a goal was met."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.default_int_handler)  # also where the shell ignores some
    options = _options(arguments)
    machine, teller = this_machine(), Teller()
    if machine.busy:
        teller.line(f"The machine is busy (load {machine.load_before}): what follows says little.")
    try:
        with started(_parent(options), options.cache_gb) as servers:
            teller.line(f"MongoDB with {options.cache_gb:g} GB of cache and Valkey run on {servers.kept_in}")
            bench = Bench(_plan(options), servers, teller)
            if options.profile:
                _profile(bench, options.sections, options.out)
            else:
                _measure(bench, options, machine)
    except (CannotStart, LoadFailed) as failure:
        teller.line(str(failure))
        return 1
    except KeyboardInterrupt:
        teller.line("Stopped; nothing is left running.")
        return _INTERRUPTED
    return 0


def _measure(bench: Bench, options: argparse.Namespace, machine: Machine) -> None:
    at, rows = datetime.now(UTC), list[Row]()
    for name in options.sections:
        with bench.teller.section(name, SECTIONS[name].count(bench.plan)):
            rows.extend(SECTIONS[name].measure(bench))
    facts = {"machine": machine.facts(), **_conditions(bench.servers, bench.plan, options)}
    report.show(rows, f"{at:%Y-%m-%d %H:%M} UTC, {machine.cores} cores, {bench.servers.kept_in}, majority + journal")
    path = report.write(options.out, at, facts, rows, bench.taken)
    bench.teller.line(f"Medians of {bench.plan.repetitions} interleaved repetitions; all of it: {path}")


def _conditions(servers: Servers, plan: Plan, options: argparse.Namespace) -> dict[str, object]:
    return {
        "quick": options.quick,
        "data": servers.kept_in,
        "cache_gb": servers.cache_gb,
        "repetitions": plan.repetitions,
        "warmup_s": plan.warmup_s,
        "window_s": plan.window_s,
    }


def _profile(bench: Bench, sections: Iterable[str], folder: Path) -> None:
    for name in sections:
        with bench.teller.section(name, 1):
            file = profile(bench, name, folder)
        sys.stdout.write(f"{file}\n{file.read_text()}\n\n")


def _plan(options: argparse.Namespace) -> Plan:
    plan = _QUICK if options.quick else _FULL
    repetitions = 1 if options.profile else options.repetitions or plan.repetitions
    return Plan(repetitions, plan.warmup_s, plan.window_s)


def _parent(options: argparse.Namespace) -> Path | None:
    if not options.memory:
        return None
    room_gb = _ROOM_GB if "scale" in options.sections else _ROOM_QUICK_GB
    folder = memory_folder(room_gb)
    if folder is None:
        raise SystemExit(f"There is no file system in memory with {room_gb:g} GB free: leave --memory out.")
    return folder


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./scripts/bench", add_help=False)
    parser.add_argument("sections", nargs="*", metavar="SECTION", choices=[[], *SECTIONS])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--repetitions", type=int, default=0)
    parser.add_argument("--cache-gb", type=float, default=4.0)
    parser.add_argument("--out", type=Path, default=Path())
    options = parser.parse_args(arguments)
    everything = PROFILED if options.profile else tuple(SECTIONS)
    left_out = _NOT_QUICK if options.quick else ()
    options.sections = options.sections or [name for name in everything if name not in left_out]
    refused = [name for name in options.sections if name not in everything or name in left_out]
    if options.repetitions < 0 or options.cache_gb <= 0:
        parser.error("--repetitions and --cache-gb are greater than nothing")
    if refused:
        parser.error(f"{', '.join(refused)} cannot be asked for with {'--profile' if options.profile else '--quick'}")
    return options


if __name__ == "__main__":
    sys.exit(main())
