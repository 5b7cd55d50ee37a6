"""What the scripts refuse before a virtual environment exists: one sentence, exit code 2, nothing made."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]

OLD_PYTHON = "#!/bin/sh\nexit 1\n"
NO_VENV = '#!/bin/sh\ncase "$2" in *ensurepip*) exit 1 ;; *) exit 0 ;; esac\n'
ALPINE = "#!/bin/sh\nexit 1\n"
FULL_DISK = "#!/bin/sh\necho Filesystem blocks\necho /dev/disk 1000000 900000 102400 90% /\n"


def says(system: str, machine: str) -> str:
    return f'#!/bin/sh\ncase "$1" in -s) echo {system} ;; *) echo {machine} ;; esac\n'


REFUSED = (
    ({"uname": says("MINGW64_NT-10.0", "x86_64")}, "Windows is not supported: use WSL"),
    ({"uname": says("Linux", "riscv64")}, "Linux on riscv64 is not supported: use Linux with glibc"),
    ({"uname": says("Linux", "x86_64"), "getconf": ALPINE}, "This Linux has no glibc (Alpine, for one)"),
    (dict.fromkeys(("python3.13", "python3.12", "python3.11", "python3"), OLD_PYTHON), "No Python 3.11 or later was"),
    ({"python3.13": NO_VENV}, "python3.13 has no venv module: install it (on Debian or Ubuntu: apt install python3-v"),
    ({"df": FULL_DISK}, "Only 100 MB of disk are free here: make room for 600 MB"),
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The scripts and the locks, as someone has them who has just cloned the project."""
    checkout = tmp_path / "checkout"
    shutil.copytree(PROJECT / "scripts", checkout / "scripts")
    for name in ("pyproject.toml", "requirements.lock", "requirements-dev.lock"):
        shutil.copy(PROJECT / name, checkout)
    return checkout


def run(checkout: Path, *command: str, found_first: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a script with these programs standing in front of the machine's own."""
    programs = checkout.parent / "programs"
    programs.mkdir()
    for name, source in (found_first or {}).items():
        (programs / name).write_text(source)
        (programs / name).chmod(0o755)
    environment = {"PATH": f"{programs}:{os.defpath}", "HOME": str(checkout.parent), "PIP_NO_INDEX": "1"}
    return subprocess.run(
        command, cwd=checkout, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("script", ["run", "test"])
@pytest.mark.parametrize(("programs", "sentence"), REFUSED, ids=[sentence[:30] for _, sentence in REFUSED])
def test_what_is_missing_is_one_sentence_and_nothing_is_made(
    script: str, programs: dict[str, str], sentence: str, checkout: Path
) -> None:
    result = run(checkout, f"./scripts/{script}", found_first=programs)
    assert result.returncode == 2
    assert result.stderr.startswith(sentence)
    assert len(result.stderr.splitlines()) == 1
    assert not (checkout / ".venv").exists()


def test_help_installs_nothing(checkout: Path) -> None:
    result = run(checkout, "./scripts/run", "--once", "--help")
    assert result.returncode == 0
    assert "./scripts/run --once" in result.stdout
    assert not (checkout / ".venv").exists()


def test_a_failed_installation_shows_what_pip_said_and_can_be_tried_again(checkout: Path) -> None:
    (checkout / "requirements.lock").write_text("no-such-package==1.0 --hash=sha256:" + "0" * 64 + "\n")
    python = f'#!/bin/sh\nexec {sys.base_prefix}/bin/python3 "$@"\n'
    result = run(checkout, "./scripts/run", found_first={"python3.13": python})
    assert result.returncode == 2
    assert "no-such-package" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("The packages could not be installed")
    assert not list((checkout / ".venv").glob("stamp-*"))


def test_an_unchanged_lock_is_not_installed_twice(checkout: Path) -> None:
    venv = checkout / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "wallet").write_text('#!/bin/sh\necho "wallet $*"\n')
    (venv / "bin" / "wallet").chmod(0o755)
    stamp = "{ pwd; cat requirements.lock pyproject.toml; } | cksum >.venv/stamp-requirements.lock"
    subprocess.run(["/bin/sh", "-c", stamp], cwd=checkout, check=True)
    result = run(checkout, "./scripts/run", "--once", found_first={"uname": "#!/bin/sh\nexit 1\n"})
    assert (result.returncode, result.stdout, result.stderr) == (0, "wallet up --once\n", "")


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_holds_hashes_and_no_address(lock: str) -> None:
    lines = (PROJECT / lock).read_text().splitlines()
    assert not [line for line in lines if "://" in line or "/" in line.replace("# ", "") or line.startswith("-")]
    pinned = [number for number, line in enumerate(lines) if line[:1].isalnum()]
    assert len(pinned) > 40
    assert all("==" in lines[number] and "--hash=sha256:" in lines[number + 1] for number in pinned)
