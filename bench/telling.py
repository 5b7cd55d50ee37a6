"""What the person in front of it sees while figures are taken: a bar, or plain lines where there is no terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

_REFRESHES_PER_S = 2
"""The bar lives on the machine that is measured."""


class Teller:
    """Tells the progress on standard error, so that standard output holds the table alone."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._progress: Progress | None = None
        self._section = ""
        self._taken = 0
        self._total = 0

    @contextmanager
    def section(self, name: str, total: int) -> Iterator[None]:
        """Everything told inside belongs to that section, which takes so many samples."""
        self._section, self._taken, self._total = name, 0, total
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        if not self._console.is_terminal:
            yield
            return
        with Progress(*columns, console=self._console, refresh_per_second=_REFRESHES_PER_S) as self._progress:
            self._progress.add_task(name, total=total)
            yield
        self._progress = None

    def doing(self, what: str) -> None:
        """What is happening now; told by the bar alone."""
        if self._progress is not None:
            self._show(f"{self._section}: {what}")

    def took(self, what: str, figure: str) -> None:
        """One sample is there."""
        self._taken += 1
        self._show(f"{self._section} {self._taken}/{self._total}: {what}, {figure}")

    def line(self, sentence: str) -> None:
        """A sentence that stays."""
        self._console.print(sentence)

    def _show(self, text: str) -> None:
        if self._progress is None:
            self._console.print(text)
        else:
            task = self._progress.task_ids[0]
            self._progress.update(task, description=text, completed=self._taken)
