"""Gathers the facts that the checks judge."""

import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from app.plumbing import embedded
from app.settings import Environment, Settings
from app.stack.configured import configured
from app.stack.preflight import Facts
from app.stack.problem import Problem

_PACKAGES = ("fastapi", "uvicorn", "pymongo", "redis", "httpx2", "joserfc", "transitions", "typer", "rich")


def gather(data: Path) -> Facts:
    """The facts of this machine for a stack in that folder, but for the ports."""
    settings, settings_problem = _settings()
    uname = os.uname()
    embeds = settings is None or not (settings.mongodb_uri.get_secret_value() and settings.redis_url.get_secret_value())
    nearest = _existing(data)
    return Facts(
        python=sys.version_info[:2],
        system=uname.sysname,
        machine=uname.machine,
        glibc=platform.libc_ver()[0] == "glibc",
        in_virtualenv=sys.prefix != sys.base_prefix,
        cpu_flags=cpu_flags(Path("/proc/cpuinfo")),
        disk_free_mb=shutil.disk_usage(nearest).free // 2**20,
        folder=str(data),
        folder_writable=_writable(nearest),
        packages_missing=tuple(name for name in _PACKAGES if find_spec(name) is None),
        settings_problem=settings_problem,
        embedded=embeds,
        production=settings is not None and settings.env is Environment.PRODUCTION,
        mongod_said=_version(embedded.mongod_binary) if embeds else "",
        valkey_said=_version(embedded.valkey_binary) if embeds else "",
        ports_taken=(),
    )


def with_ports(facts: Facts, ports: Mapping[str, int]) -> Facts:
    """The same facts, and which of these ports are taken; they are given by the option that sets each."""
    return replace(facts, ports_taken=tuple((port, option) for option, port in ports.items() if not is_free(port)))


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
            trial.listen()
        except OSError:
            return False
    return True


def cpu_flags(cpuinfo: Path) -> frozenset[str]:
    """What the first processor says it can do; empty where the system does not tell (macOS)."""
    if not cpuinfo.is_file():
        return frozenset()
    for line in cpuinfo.read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() in {"flags", "Features"}:
            return frozenset(value.split())
    return frozenset()


def _settings() -> tuple[Settings | None, str]:
    try:
        return configured(), ""
    except Problem as problem:
        return None, problem.sentence


def _version(binary: Callable[[], Path]) -> str:
    try:
        command = [str(binary()), "--version"]
    except embedded.CannotStart as refusal:
        return refusal.sentence
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)  # noqa: S603 - a fixed binary
    except (OSError, subprocess.TimeoutExpired) as failure:
        return type(failure).__name__
    lines = (said.stdout or said.stderr).strip().splitlines()
    return lines[0] if lines else f"it ended with code {said.returncode}"


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


def _writable(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
