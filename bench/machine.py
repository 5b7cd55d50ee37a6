"""What a benchmark must say about where it ran, and what Linux tells about a process."""

import os
import platform
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pymongo

_PROC = Path("/proc")
_MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108 - named on the command line, for figures without a disk
_BUSY_LOAD = 0.5


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine and the versions that figures depend on."""

    system: str
    processor: str
    cores: int
    memory_gb: float
    python: str
    pymongo: str
    load_before: float

    @property
    def busy(self) -> bool:
        """Whether something else was running, so that the figures say little."""
        return self.load_before > _BUSY_LOAD

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def this_machine() -> Machine:
    """The machine this runs on."""
    return Machine(
        system=f"{platform.system()} {platform.release()}",
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        python=platform.python_version(),
        pymongo=pymongo.version,
        load_before=round(os.getloadavg()[0], 2),
    )


def memory_folder(room_gb: float) -> Path | None:
    """A file system in memory with that much room, where there is one."""
    if _MEMORY_FOLDER.is_dir() and shutil.disk_usage(_MEMORY_FOLDER).free > room_gb * 2**30:
        return _MEMORY_FOLDER
    return None


def cpu_seconds(pid: int) -> float | None:
    """The CPU time a process has used, in seconds; None where the system does not tell."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def age_s() -> float | None:
    """How long ago this process was started, its interpreter included; None where the system does not tell."""
    try:
        fields = (_PROC / "self" / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float | None:
    """The memory a process holds now, in MB of 10^6 bytes; None where the system does not tell."""
    try:
        status = (_PROC / str(pid) / "status").read_text()
    except OSError:
        return None
    kib = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(kib) * 1024 / 1_000_000


def _processor() -> str:
    try:
        lines = (_PROC / "cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
