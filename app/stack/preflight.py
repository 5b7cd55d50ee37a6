"""What this machine must have. Facts are gathered in one place; every check is a pure function of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

DISK_FREE_MB_MIN = 600

_MONGOD_LIBRARIES = {
    "libcurl.so.4": "libcurl4",
    "libssl.so.3": "libssl3",
    "libcrypto.so.3": "libssl3",
    "liblzma.so.5": "liblzma5",
}
_MONGOD_NEEDS = {"x86_64": ("avx", "AVX"), "aarch64": ("atomics", "ARMv8.2-A")}
_MACHINES = {"Linux": ("x86_64", "aarch64"), "Darwin": ("x86_64", "arm64")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was found on the machine, as far as a check asks for it."""

    python: tuple[int, int]
    system: str
    machine: str
    glibc: bool
    in_virtualenv: bool
    cpu_flags: frozenset[str]
    """Empty: the system does not tell."""
    disk_free_mb: int
    folder: str
    folder_writable: bool
    packages_missing: tuple[str, ...]
    settings_problem: str
    """What is wrong, a colon, the remedy. Empty: the settings are valid."""
    embedded: bool
    """Whether MongoDB or Valkey are to be started here."""
    production: bool
    mongod_said: str
    """The first line of what ``mongod --version`` printed, on either stream."""
    valkey_said: str
    ports_taken: tuple[tuple[int, str], ...]
    """Each with the option that chooses another."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's answer; without a remedy all is well."""

    check: str
    said: str
    remedy: str = ""

    @property
    def ok(self) -> bool:
        return not self.remedy

    @property
    def sentence(self) -> str:
        return f"{self.said}: {self.remedy}." if self.remedy else f"{self.said}."


def platform(facts: Facts) -> Finding:
    said = f"{facts.system} on {facts.machine}"
    if facts.machine not in _MACHINES.get(facts.system, ()):
        remedy = "use Linux with glibc on x86_64 or aarch64, or macOS (on Windows: WSL)"
        return Finding("platform", f"{said} is not supported", remedy)
    if facts.system == "Linux" and not facts.glibc:
        remedy = "use Debian, Ubuntu or Fedora, or docker-compose.yml"
        return Finding("platform", "This Linux has no glibc (Alpine, for one), which MongoDB needs", remedy)
    return Finding("platform", said)


def python(facts: Facts) -> Finding:
    said = "Python {}.{}".format(*facts.python)
    if facts.python < (3, 11):
        return Finding("python", f"{said} is too old", "install Python 3.11 or later and delete .venv")
    return Finding("python", said)


def virtualenv(facts: Facts) -> Finding:
    if not facts.in_virtualenv:
        return Finding("virtualenv", "This runs outside a virtual environment", "start it with ./scripts/run")
    return Finding("virtualenv", "a virtual environment of its own")


def packages(facts: Facts) -> Finding:
    if facts.packages_missing:
        missing = ", ".join(facts.packages_missing)
        return Finding("packages", f"Not installed: {missing}", "run ./scripts/run, which installs what is locked")
    return Finding("packages", "all installed; starting needs no network")


def settings(facts: Facts) -> Finding:
    if facts.settings_problem:
        said, _, remedy = facts.settings_problem.rstrip(".").rpartition(": ")
        return Finding("settings", said, remedy)
    return Finding("settings", "valid")


def servers(facts: Facts) -> Finding:
    if facts.embedded and facts.production:
        remedy = "set WALLET_MONGODB_URI and WALLET_REDIS_URL to servers of your own"
        return Finding("servers", "The embedded MongoDB and Valkey are for development, not for production", remedy)
    return Finding("servers", "embedded MongoDB and Valkey" if facts.embedded else "your own MongoDB and Redis")


def processor(facts: Facts) -> Finding:
    flag, name = _MONGOD_NEEDS.get(facts.machine, ("", ""))
    if facts.embedded and flag and facts.cpu_flags and flag not in facts.cpu_flags:
        remedy = "set WALLET_MONGODB_URI to a server elsewhere, or use another machine"
        return Finding("processor", f"This processor has no {name}, which MongoDB 6 needs", remedy)
    return Finding("processor", f"has {name}" if flag in facts.cpu_flags else "does not tell what it has")


def mongod(facts: Facts) -> Finding:
    if not facts.embedded or facts.mongod_said.startswith("db version"):
        return Finding("mongod", facts.mongod_said or "not needed")
    for library, package in _MONGOD_LIBRARIES.items():
        if library in facts.mongod_said:
            return Finding(
                "mongod", f"MongoDB needs {library}", f"install it (on Debian or Ubuntu: apt install {package})"
            )
    if "GLIBC" in facts.mongod_said:
        remedy = "use Debian 12, Ubuntu 22.04 or later, or set WALLET_MONGODB_URI"
        return Finding("mongod", "The system's glibc is too old for MongoDB", remedy)
    remedy = "set WALLET_MONGODB_URI to a server of your own"
    return Finding("mongod", f"MongoDB cannot run here ({facts.mongod_said or 'it said nothing'})", remedy)


def valkey(facts: Facts) -> Finding:
    if not facts.embedded or facts.valkey_said.startswith("Valkey server"):
        return Finding("valkey", facts.valkey_said or "not needed")
    remedy = "set WALLET_REDIS_URL to a server of your own"
    return Finding("valkey", f"Valkey cannot run here ({facts.valkey_said or 'it said nothing'})", remedy)


def folder(facts: Facts) -> Finding:
    if not facts.folder_writable:
        remedy = "choose another with --data, or change its owner"
        return Finding("folder", f"{facts.folder} cannot be written to", remedy)
    return Finding("folder", f"{facts.folder} can be written to")


def disk(facts: Facts) -> Finding:
    said = f"{facts.disk_free_mb} MB free"
    if facts.disk_free_mb < DISK_FREE_MB_MIN:
        remedy = f"make room for {DISK_FREE_MB_MIN} MB, or choose another folder with --data"
        return Finding("disk", f"Only {said} at {facts.folder}", remedy)
    return Finding("disk", said)


def ports(facts: Facts) -> Finding:
    for port, option in facts.ports_taken:
        remedy = f"end what listens there, or choose another with {option}"
        return Finding("ports", f"Port {port} of 127.0.0.1 is taken", remedy)
    return Finding("ports", "free")


CHECKS: tuple[Callable[[Facts], Finding], ...] = (
    platform,
    python,
    virtualenv,
    packages,
    settings,
    servers,
    processor,
    mongod,
    valkey,
    folder,
    disk,
    ports,
)
"""In the order in which one would mend them."""


def findings(facts: Facts) -> tuple[Finding, ...]:
    """Every check's answer."""
    return tuple(check(facts) for check in CHECKS)


def first_problem(found: Iterable[Finding]) -> Finding | None:
    """What to mend first, if anything."""
    return next((finding for finding in found if not finding.ok), None)
