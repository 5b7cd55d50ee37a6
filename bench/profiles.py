"""``--profile``: where the CPU time goes, instead of how much is done."""

from dataclasses import replace
from pathlib import Path

from bench.context import CALLERS, LOAD, Bench
from bench.sections import door, http, sagas, webhooks
from bench.world import Draw

PROFILED = ("door", "http", "webhooks", "sagas")


def profile(bench: Bench, section: str, folder: Path) -> Path:
    """Profile the process that does the section's work; the file it is written to."""
    if section == "door":
        return _door(bench, folder)
    if section == "sagas":
        sagas.profile(bench, str(folder / "worker.txt"))
        return folder / "worker.txt"
    measure = webhooks.measure if section == "webhooks" else http.measure
    file = folder / f"api-{section}.txt"
    measure(bench, profile=str(file))
    return file


def _door(bench: Bench, folder: Path) -> Path:
    file = folder / "door.txt"
    with bench.database(door.accounts) as database:
        job = replace(bench.job(database, "door", Draw(door.CUSTOMERS), CALLERS), profile=str(file))
        bench.take("door, profiled", LOAD, [job])
    return file
