"""What the README and the documentation mention is there, under that name."""

import ast
import os
import re
from typing import Any

import pytest
import typer.main

from app.cli import app as command_line
from app.main import ROUTERS
from app.settings import Settings
from tests.architecture.source import modules
from tests.docs.pages import DECISIONS, ROOT, Page, pages

SETTINGS = {f"WALLET_{name.upper()}" for name in Settings.model_fields}
PATHS = [route.path for router in ROUTERS for route in router.routes if hasattr(route, "path")]
DECISION_PARTS = ("Context", "Decision", "Evidence", "Consequences", "How to go back")
SCRIPT = re.compile(r"\./((?:scripts|deploy)/\w+)")
WALLET = re.compile(r"(?:^|[\s(/])wallet((?: [^\s|)]+)+)")
FILE = re.compile(
    r"(?:app|docs|tests|scripts|deploy)/[\w./-]*"
    r"|[\w.-]+\.(?:md|yml|toml|lock)|\.env\.example|(?:README|CHANGELOG)\.md|LICENSE"
)
ROUTE = re.compile(r"(?:GET|POST) (/[\w/{}-]+)")

every_page = pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)


def misused(words: list[str]) -> str:
    """What is wrong with the words behind ``wallet``; nothing, if they are a command and its options."""
    command: Any = typer.main.get_command(command_line)
    while (known := getattr(command, "commands", None)) and words:
        if words[0] not in known:
            return f"there is no command {words[0]}"
        command = known[words.pop(0)]
    options = {option for parameter in command.params for option in parameter.opts}
    unknown = [word for word in words if word.startswith("--") and word not in options]
    return f"{command.name} has no option {unknown[0]}" if unknown else ""


@every_page
def test_every_command_can_be_typed(page: Page) -> None:
    for line in page.commands():
        for words in WALLET.findall(line):
            assert not misused(words.split()), f"{line}: {misused(words.split())}"


@every_page
def test_every_script_can_be_run_with_its_options(page: Page) -> None:
    for line in page.commands():
        for script in SCRIPT.findall(line):
            assert os.access(ROOT / script, os.X_OK), f"{line}: {script} is not there, or not executable"
            told = (ROOT / script).read_text(encoding="utf-8")
            for option in re.findall(rf"\./{script}((?: --[\w-]+)+)", line):
                assert all(each in told for each in option.split()), f"{line}: {script} does not mention{option}"


@every_page
def test_every_file_is_there(page: Page) -> None:
    missing = [code for code in page.code if FILE.fullmatch(code) and not (ROOT / code).exists()]
    assert not missing


@every_page
def test_every_link_leads_somewhere(page: Page) -> None:
    for link in page.links:
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.path.parent / path).resolve() if path else page.path
        assert target.exists(), f"{link}: nothing is there"
        assert not anchor or anchor in Page(target).anchors, f"{link}: the page has no such heading"


@every_page
def test_every_setting_is_one(page: Page) -> None:
    assert set(re.findall(r"\bWALLET_[A-Z_]+\b", page.text)) <= SETTINGS


@every_page
def test_every_route_is_served(page: Page) -> None:
    mentioned = [path for code in page.code for path in ROUTE.findall(code)]
    assert set(mentioned) <= set(PATHS)


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = [int(path.name[:4]) for path in sorted(DECISIONS.glob("*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("path", sorted(DECISIONS.glob("*.md")), ids=lambda path: path.stem)
def test_a_decision_has_its_five_parts_and_its_number(path: Any) -> None:
    text = Page(path).text
    assert text.startswith(f"# {path.name[:4]} ")
    assert re.findall(r"^\*\*([^*.,]+)[.,*]", text, re.MULTILINE) == list(DECISION_PARTS)


def test_every_log_event_is_explained_to_operators() -> None:
    """An alarm fired at night on a word that no page explained."""
    said: set[str] = set()
    for module in modules("app"):
        if not module.name.startswith("app.sandbox"):
            said.update(_events(module.tree))
    explained = set(Page(ROOT / "docs" / "operations.md").code)
    assert len(said) > 10
    assert not said - explained, "explain them in docs/operations.md"


def _events(tree: ast.Module) -> set[str]:
    """The first argument of every call on a logger."""
    return {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"debug", "info", "warning", "error", "exception"}
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in {"log", "_log"}
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }
