"""No float near money.

The accident: 0.1 + 0.2 is 0.30000000000000004, a 64-bit float holds no 18-decimal coin exactly, and one ``float()`` in
a fee turns books that balance into books that nearly do. A duration is no money: a name that ends in ``_s`` may be a
float. Dividing a Fraction is exact.
"""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.source import Module, modules, parsed

NEAR_MONEY = ("app/money.py", "app/plumbing/decimals.py", "app/ledger", "app/wallets", "app/orchestrator")
REMEDY = "a float near money; count minor units in an int (if it is a duration, end its name in _s)"


def floats(module: Module) -> Iterator[str]:
    """Every float literal, ``float`` and true division, except where a duration is meant."""
    yield from _visit(module, module.tree, about="")


def _visit(module: Module, node: ast.AST, about: str) -> Iterator[str]:
    if _is_float(node) and not _is_duration(about):
        yield f"{module.at(node)}: {REMEDY}"
    for child, name in _children(node, about):
        yield from _visit(module, child, name)


def _is_float(node: ast.AST) -> bool:
    return (
        (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Name) and node.id == "float")
        or (isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div) and not _is_exact(node))
    )


def _is_exact(node: ast.AST) -> bool:
    return any(isinstance(part, ast.Name) and part.id == "Fraction" for part in ast.walk(node))


def _is_duration(name: str) -> bool:
    return name.lower().endswith("_s") or name == "seconds"


def _children(node: ast.AST, about: str) -> Iterator[tuple[ast.AST, str]]:
    """Each part of the node, with the name it is about: that of the target, the parameter, the function it is in."""
    name = about
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        name = _name(node.targets[0]) or about
    elif isinstance(node, ast.AnnAssign | ast.AugAssign):
        name = _name(node.target) or about
    elif isinstance(node, ast.arg | ast.keyword):
        name = node.arg or about
    if isinstance(node, ast.arguments):
        yield from _defaults(node)
        return
    for child in ast.iter_child_nodes(node):
        yield child, _returned(node, child) or name


def _defaults(arguments: ast.arguments) -> Iterator[tuple[ast.AST, str]]:
    places = [*arguments.posonlyargs, *arguments.args]
    with_default = places[len(places) - len(arguments.defaults) :]
    pairs = [
        *zip(with_default, arguments.defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    yield from ((default, place.arg) for place, default in pairs if default is not None)
    for place in (*places, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg):
        if place is not None:
            yield place, place.arg


def _returned(node: ast.AST, child: ast.AST) -> str:
    """The name of a function whose return annotation this is."""
    return node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and child is node.returns else ""


def _name(target: ast.AST) -> str:
    return target.id if isinstance(target, ast.Name) else target.attr if isinstance(target, ast.Attribute) else ""


def test_there_is_no_float_near_money() -> None:
    found = [each for module in modules(*NEAR_MONEY) for each in floats(module)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "fee = 0.5",
        "fee = amount * 1.5",
        "fee = float(text)",
        "fee: float = 1",
        "def fee(amount: float) -> int: ...",
        "def fee(amount: int) -> float: ...",
        "def fee(amount: int = 1.0) -> int: ...",
        "fee = amount / 100",
        "fee /= 2",
        "pay(fee=0.1)",
        "fees: dict[str, float] = {}",
        "pause_s = pay(fee=0.1)",
    ],
)
def test_the_rule_sees_a_float(text: str) -> None:
    assert list(floats(parsed(text)))


@pytest.mark.parametrize(
    "text",
    [
        "_PAUSE_S = 0.001",
        "pause_s: float = 1.5",
        "def wait(timeout_s: float = 10.0) -> None: ...",
        "def wait_s() -> float: ...",
        "wait(deadline_s=0.1)",
        "timedelta(seconds=pause_s or 0.0)",
        "fee = Fraction(amount, 3) / 100",
        "fee = amount // 100",
        "fee = 1",
    ],
)
def test_the_rule_lets_durations_and_integers_be(text: str) -> None:
    assert not list(floats(parsed(text)))
