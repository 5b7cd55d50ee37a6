"""Runs the Dockerfile's steps in a temporary folder, one folder per stage, and then the program it packs.

It knows the few instructions that our Dockerfile uses and refuses any other. A stage is built where the image's root
would be and put aside when the next begins, so that what is copied between stages finds its absolute paths again.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).parents[1]
DESCRIBES_ONLY = {"ENV", "USER", "EXPOSE", "CMD"}


def steps(dockerfile: Path) -> Iterator[tuple[str, str]]:
    """Each instruction and what follows it."""
    for line in dockerfile.read_text().splitlines():
        if line and not line.startswith("#"):
            instruction, _, rest = line.partition(" ")
            yield instruction, rest


@dataclass
class Rehearsal:
    """What has been built so far below ``folder``."""

    folder: Path
    workdir: str = "/"
    stage: str = ""
    entrypoint: list[str] = field(default_factory=list)

    @property
    def root(self) -> Path:
        return self.folder / "root"

    def here(self, path: str = "") -> Path:
        """Where the image's path is in this rehearsal."""
        return self.root / os.path.join(self.workdir, path).lstrip("/")  # noqa: PTH118 - a path of the image

    def begin(self, image: str) -> None:
        if self.root.exists():
            self.root.rename(self.folder / self.stage)
        self.stage = image.partition(" AS ")[2] or "final"
        self.root.mkdir()

    def change_to(self, workdir: str) -> None:
        self.workdir = workdir
        self.here().mkdir(parents=True, exist_ok=True)

    def copy(self, words: list[str]) -> None:
        source = PROJECT
        if words[0].startswith("--from="):
            source = self.folder / words.pop(0).removeprefix("--from=")
        *names, target = words
        for name in names:
            origin = source / name.lstrip("/")
            into = self.here(target) / origin.name if target.endswith("/") else self.here(target)
            if origin.is_dir():
                shutil.copytree(origin, into, symlinks=True, dirs_exist_ok=True)
            else:
                shutil.copy(origin, into)

    def run(self, command: str) -> None:
        python_first = f"PATH={shlex.quote(sys.base_prefix)}/bin:$PATH"
        subprocess.run(["/bin/sh", "-euc", f"{python_first}; {command}"], cwd=self.here(), check=True)


def rehearse(dockerfile: Path, folder: Path) -> Path:
    """Run every step; the packed program."""
    built = Rehearsal(folder)
    for instruction, rest in steps(dockerfile):
        print(instruction, rest, flush=True)
        match instruction:
            case "FROM":
                built.begin(rest)
            case "WORKDIR":
                built.change_to(rest)
            case "COPY":
                built.copy(shlex.split(rest))
            case "RUN":
                built.run(rest)
            case "ENTRYPOINT":
                built.entrypoint = json.loads(rest)
            case _ if instruction not in DESCRIBES_ONLY:
                raise SystemExit(f"The rehearsal does not know {instruction}.")
    return built.here(".venv/bin") / built.entrypoint[0]


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="wallet-image-") as folder:
        program = rehearse(PROJECT / "deploy" / "Dockerfile", Path(folder))
        subprocess.run([program, "--help"], check=True, stdout=subprocess.DEVNULL, cwd=folder)
        packed = sum(file.stat().st_size for file in program.parents[1].rglob("*") if file.is_file())
        if list(program.parents[1].rglob("mongod")):
            raise SystemExit("The image carries a mongod.")
        print(f"The packed program runs; {packed // 2**20} MB.")


if __name__ == "__main__":
    main()
