"""Every missing thing is one plain sentence that names the remedy."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.stack import machine, preflight
from app.stack.preflight import Facts

GOOD = Facts(
    python=(3, 11),
    system="Linux",
    machine="x86_64",
    glibc=True,
    in_virtualenv=True,
    cpu_flags=frozenset({"sse4_2", "avx"}),
    disk_free_mb=10_000,
    folder="/data/wallet",
    folder_writable=True,
    packages_missing=(),
    settings_problem="",
    embedded=True,
    production=False,
    mongod_said="db version v6.0.5",
    valkey_said="Valkey server v=9.1.2",
    ports_taken=(),
)

LIBCURL = "mongod: error while loading shared libraries: libcurl.so.4: cannot open shared object file"
LIBSSL = "mongod: error while loading shared libraries: libcrypto.so.3: cannot open shared object file"
LIBLZMA = "mongod: error while loading shared libraries: liblzma.so.5: cannot open shared object file"
OLD_GLIBC = "mongod: /lib/libc.so.6: version `GLIBC_2.34' not found"

WRONG = (
    ("platform", {"system": "Windows_NT"}, "Windows_NT on x86_64 is not supported: use Linux with glibc"),
    ("platform", {"machine": "riscv64"}, "Linux on riscv64 is not supported: use Linux with glibc"),
    ("platform", {"glibc": False}, "This Linux has no glibc (Alpine, for one), which MongoDB needs: use Debian"),
    ("python", {"python": (3, 10)}, "Python 3.10 is too old: install Python 3.11 or later"),
    ("virtualenv", {"in_virtualenv": False}, "This runs outside a virtual environment: start it with ./scripts/run"),
    ("packages", {"packages_missing": ("redis",)}, "Not installed: redis: run ./scripts/run"),
    ("settings", {"settings_problem": "WALLET_X is wrong: mend it."}, "WALLET_X is wrong: mend it"),
    ("servers", {"production": True}, "The embedded MongoDB and Valkey are for development, not for production: set"),
    ("processor", {"cpu_flags": frozenset({"sse"})}, "This processor has no AVX, which MongoDB 6 needs: set WALLET_M"),
    ("processor", {"machine": "aarch64"}, "This processor has no ARMv8.2-A, which MongoDB 6 needs: set WALLET_MONGO"),
    ("mongod", {"mongod_said": LIBCURL}, "libcurl.so.4: install it (on Debian or Ubuntu: apt install libcurl4)."),
    ("mongod", {"mongod_said": LIBSSL}, "libcrypto.so.3: install it (on Debian or Ubuntu: apt install libssl3)."),
    ("mongod", {"mongod_said": LIBLZMA}, "liblzma.so.5: install it (on Debian or Ubuntu: apt install liblzma5)."),
    ("mongod", {"mongod_said": OLD_GLIBC}, "The system's glibc is too old for MongoDB: use Debian 12"),
    ("mongod", {"mongod_said": ""}, "MongoDB cannot run here (it said nothing): set WALLET_MONGODB_URI"),
    ("valkey", {"valkey_said": "PermissionError"}, "Valkey cannot run here (PermissionError): set WALLET_REDIS_URL"),
    ("folder", {"folder_writable": False}, "/data/wallet cannot be written to: choose another with --data"),
    ("disk", {"disk_free_mb": 599}, "Only 599 MB free at /data/wallet: make room for 600 MB"),
    ("ports", {"ports_taken": ((8000, "--port"),)}, "Port 8000 of 127.0.0.1 is taken: end what listens there"),
)  # fmt: skip


def test_a_machine_that_has_everything_has_no_problem() -> None:
    assert preflight.first_problem(preflight.findings(GOOD)) is None


@pytest.mark.parametrize(
    ("check", "facts", "sentence"), WRONG, ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_is_missing_is_named_with_its_remedy(check: str, facts: dict[str, Any], sentence: str) -> None:
    problem = preflight.first_problem(preflight.findings(replace(GOOD, **facts)))
    assert problem is not None
    assert problem.check == check
    assert sentence in problem.sentence
    assert problem.sentence.endswith(".")
    assert "\n" not in problem.sentence


def test_servers_of_ones_own_need_neither_processor_nor_binaries() -> None:
    elsewhere = replace(
        GOOD, embedded=False, production=True, cpu_flags=frozenset({"sse"}), mongod_said="", valkey_said=""
    )
    assert preflight.first_problem(preflight.findings(elsewhere)) is None


def test_a_system_that_hides_its_processor_is_given_the_benefit_of_the_doubt() -> None:
    assert preflight.processor(replace(GOOD, cpu_flags=frozenset())).ok


def test_the_processor_is_read_from_what_the_kernel_tells(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nflags\t\t: fpu avx sse\n\nprocessor\t: 1\nflags\t\t: fpu\n")
    assert machine.cpu_flags(cpuinfo) == {"fpu", "avx", "sse"}
    assert machine.cpu_flags(tmp_path / "absent") == frozenset()


def test_this_machine_can_run_the_stack(tmp_path: Path) -> None:
    facts = machine.gather(tmp_path / "not" / "made" / "yet")
    assert facts.mongod_said.startswith("db version")
    assert facts.valkey_said.startswith("Valkey server")
    assert preflight.folder(facts).ok


def test_a_folder_below_a_file_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert not machine.gather(tmp_path / "file" / "data").folder_writable


def test_a_wrong_setting_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WALLET_PORT", "a-secret-by-mistake")
    said = preflight.settings(machine.gather(tmp_path)).sentence
    assert said.startswith("WALLET_PORT is wrong (")
    assert "a-secret-by-mistake" not in said
