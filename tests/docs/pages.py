"""The pages of the documentation, and what they mention."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DECISIONS = ROOT / "docs" / "decisions"

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_SHELLS = {"sh", "console"}


@dataclass(frozen=True, slots=True)
class Page:
    """One Markdown file."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def prose(self) -> str:
        """Everything but what stands in fences."""
        return _FENCE.sub("", self.text)

    @property
    def code(self) -> list[str]:
        """What the prose sets in code."""
        return _CODE.findall(self.prose)

    @property
    def links(self) -> list[str]:
        """Where its links lead."""
        return _LINK.findall(self.prose)

    @property
    def anchors(self) -> set[str]:
        """What a link may name behind its ``#``."""
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(self.prose)}

    def commands(self) -> Iterator[str]:
        """What a reader is told to type: in the prose, in scripts, and behind the prompt of sessions."""
        yield from self.code
        for language, block in _FENCE.findall(self.text):
            if language in _SHELLS:
                lines = block.replace("\\\n", " ").splitlines()
                yield from (line for line in lines if language == "sh" or line.startswith("$ "))


def pages() -> list[Page]:
    """Every page of the project."""
    return [Page(ROOT / "README.md"), Page(ROOT / "CHANGELOG.md"), *map(Page, sorted((ROOT / "docs").rglob("*.md")))]
