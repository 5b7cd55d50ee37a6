"""What customers asked for and what they were told, on disk before anything relies on it."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class Asked:
    """One request with one key. ``answered`` is the first definite answer; every later one must say the same."""

    customer: str
    path: str
    body: dict[str, Any]
    key: str
    status: int = 0
    answered: dict[str, Any] = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300

    @property
    def id(self) -> str:
        return str(self.answered.get("id", ""))


class Records:
    """All requests of a run, each written twice: when it is made, and when it has its answer."""

    def __init__(self, path: Path) -> None:
        self.all: list[Asked] = []
        self._file = path.open("a")

    def made(self, asked: Asked) -> None:
        self.all.append(asked)
        self._write(asked)

    def answered(self, asked: Asked, status: int, said: dict[str, Any]) -> None:
        asked.status, asked.answered = status, said
        self._write(asked)

    def close(self) -> None:
        self._file.close()

    def _write(self, asked: Asked) -> None:
        self._file.write(json.dumps(asdict(asked)) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())
