"""House rules that no linter of others knows. Each docstring tells the accident that its rule prevents."""

import ast
import tomllib
from collections.abc import Iterator

import pytest

from tests.architecture.source import ROOT, Module, modules, parsed

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50

DRIVERS = ("pymongo", "bson", "gridfs")
FRAMEWORKS = ("fastapi", "starlette")
EDGE = ("app.main", "app.api", "app.middleware", "app.sandbox")
RUN_BY_NAME = ("app.__main__",)


def within(name: str, places: tuple[str, ...]) -> bool:
    return any(name == place or name.startswith(f"{place}.") for place in places)


def strays(module: Module, packages: tuple[str, ...]) -> Iterator[str]:
    """Where the module imports one of those packages."""
    return (f"{module.at(node)} imports {name}" for name, node in module.imports if within(name, packages))


def may_hold_a_driver(module: Module) -> bool:
    declares = module.path.name == "schemas.py"
    return within(module.name, ("app.plumbing",)) or module.path.name.endswith("store.py") or declares


def test_the_database_driver_stays_in_plumbing_and_stores() -> None:
    """A query written in a route forgot the tenant, and one customer read another's balance.

    Documents are read and written in ``store.py`` files (the door's in ``batch_store.py``), and declared in
    ``schemas.py``, where the prefix, the
    concerns and the session are looked at together.
    """
    found = {each for module in modules() if not may_hold_a_driver(module) for each in strays(module, DRIVERS)}
    assert not found, "move the query into this room's store.py:\n" + "\n".join(sorted(found))


def test_the_web_framework_stays_at_the_edge() -> None:
    """A domain rule raised an HTTPException: the worker, which answers nobody, died of a 404."""
    found = {each for module in modules() if not within(module.name, EDGE) for each in strays(module, FRAMEWORKS)}
    assert not found, "raise an error of app/errors, and let the edge render it:\n" + "\n".join(sorted(found))


def test_no_file_grows_past_reading_in_one_sitting() -> None:
    """A rule was fixed in one of the two places that held it, because the file was too long to see both."""
    counts = {str(module.path.relative_to(ROOT)): lines(module) for module in modules()}
    long = [f"{path}: {n}" for path, n in counts.items() if n > FILE_LINES_MAX]
    assert not long, f"more than {FILE_LINES_MAX} lines; split by what changes together:\n" + "\n".join(long)


def lines(module: Module) -> int:
    return len(module.text.splitlines())


def long_functions(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                yield f"{module.at(node)}: {node.name} has {length}"


def test_no_function_grows_past_one_screen() -> None:
    """An early return was added above a release that nobody saw, forty lines further down: the hold stayed for ever."""
    found = [each for module in modules() for each in long_functions(module)]
    assert not found, f"more than {FUNCTION_LINES_MAX} lines; name its parts:\n" + "\n".join(found)


def entry_points() -> set[str]:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    return {target.partition(":")[0] for target in scripts.values()} | set(RUN_BY_NAME)


def reachable(product: list[Module]) -> set[str]:
    """The modules that some entry point imports, through however many others, or starts by their dotted name."""
    by_name = {module.name: module for module in product}
    reached: set[str] = set()
    waiting = [name for name in entry_points() if name in by_name]
    while waiting:
        name = waiting.pop()
        if name in reached or name not in by_name:
            continue
        reached.add(name)
        waiting.extend(named for named, _ in by_name[name].imports)
        waiting.extend(_started_by_name(by_name[name]))
        waiting.append(name.rpartition(".")[0])
    return reached


def _started_by_name(module: Module) -> Iterator[str]:
    """A server is told its application as ``package.module:function``, a child process its ``-m package.module``."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("app."):
            yield node.value.partition(":")[0]


def test_every_module_is_reached_from_an_entry_point() -> None:
    """A new fraud check was written, tested and reviewed; nothing imported it, and it never ran."""
    product = modules()
    dead = sorted({module.name for module in product} - reachable(product))
    assert not dead, "nothing that runs imports these; wire them in or delete them:\n" + "\n".join(dead)


@pytest.mark.parametrize(
    ("text", "stray"),
    [
        ("import pymongo", True),
        ("from pymongo.errors import PyMongoError", True),
        ("def f():\n    from bson import Decimal128", True),
        ("import pymongo_elsewhere", False),
        ("from app.plumbing import mongo", False),
    ],
)
def test_the_rule_sees_a_stray_driver(text: str, stray: bool) -> None:  # noqa: FBT001 - a column of the table
    assert bool(list(strays(parsed(text), DRIVERS))) is stray


def test_the_rule_sees_a_long_function() -> None:
    body = "\n".join("    pass" for _ in range(FUNCTION_LINES_MAX))
    assert list(long_functions(parsed(f"def f():\n{body}")))
    assert not list(long_functions(parsed(f"def f():\n{body[: -len('    pass')]}")))


def test_the_rule_sees_a_module_that_nothing_imports() -> None:
    product = [
        parsed("from app.used import x", "app/cli.py"),
        parsed("", "app/used.py"),
        parsed("import app.used", "app/dead.py"),
    ]
    assert reachable(product) == {"app.cli", "app.used"}
