"""What the user sees: lines, and a sign of life while something takes its time."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


class Teller:
    """Writes to a terminal with colour and a spinner, and to anything else as plain lines."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def heading(self, text: str) -> None:
        self._print(f"\n{text}", style="bold")

    def line(self, text: str) -> None:
        self._print(text)

    def step(self, name: str, text: str) -> None:
        self._print(f"  {name:<12}{text}")

    def warn(self, text: str) -> None:
        self._print(text, style="yellow")

    def trouble(self, text: str) -> None:
        self._print(text, style="red")

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """A spinner for as long as it takes; nothing where nobody watches."""
        if self._console.is_terminal:
            with self._console.status(text):
                yield
        else:
            yield

    def _print(self, text: str, style: str | None = None) -> None:
        # Neither wrapped nor marked up: what is printed is there to be copied.
        self._console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
