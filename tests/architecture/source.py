"""The product's source, as the house rules read it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Module:
    """One file of the product."""

    path: Path
    name: str
    text: str
    tree: ast.Module

    def at(self, node: ast.AST) -> str:
        """Where the node is, as editors and terminals link it."""
        return f"{self.path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"

    @property
    def imports(self) -> Iterator[tuple[str, ast.AST]]:
        """Every module that it names in an import, wherever that stands."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((alias.name, node) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module, node
                yield from ((f"{node.module}.{alias.name}", node) for alias in node.names)


def modules(*folders: str) -> list[Module]:
    """Every Python file below those folders of the project; all of ``app`` by default."""
    paths = (path for folder in folders or ("app",) for path in sorted(_files(ROOT / folder)))
    return [_read(path) for path in paths]


def parsed(text: str, path: str = "app/example.py") -> Module:
    """A module that only exists in a test of the rules themselves."""
    return Module(ROOT / path, _dotted(Path(path)), text, ast.parse(text))


def _files(place: Path) -> Iterator[Path]:
    return iter([place]) if place.is_file() else place.rglob("*.py")


def _read(path: Path) -> Module:
    text = path.read_text()
    return Module(path, _dotted(path.relative_to(ROOT)), text, ast.parse(text))


def _dotted(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
