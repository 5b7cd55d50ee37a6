"""The OpenAPI description is held to its word: no other status, no other shape, no refusal of what it allows, no
acceptance of what it does not (API8:2023, API9:2023, ASVS 2.2.1).

Schemathesis makes the requests from the description and judges the answers with all its checks but those that send a
request of their own (they would need a server; ``test_escalation`` and ``test_objects`` do their work).
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.core.result import Ok
from schemathesis.generation.case import Case
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi import checks

from app.api.openapi import describe
from app.api.strict import OBEYED
from tests.attacks.house import House
from tests.attacks.surface import application, places

_EXAMPLES = 6
_EXAMPLES_FULL = 300
_CONFIG = {
    "checks": {
        # What is well-formed may still be refused for what it asks (with a code of its own, see below) or how often.
        "positive_data_acceptance": {"expected-statuses": ["2xx", "400", "401", "403", "404", "409", "422", "429"]},
        "missing_required_header": {"expected-statuses": ["400", "401", "403", "404", "422"]},
    },
    "generation": {"with-security-parameters": False},
}
_OTHERWISE = [checks.ignored_auth]
_TRANSPORTED = {"method", "url", "headers", "params", "json", "content"}
_SHAPE = {"invalid-request", "malformed-request"}
_NO_SHAPE_CAN_TELL = {"cursor", "at", "from", "to"}
"""Parameters that only the verb can judge: what a cursor stands for, and which of two instants is the earlier."""


def _operations() -> Iterator[APIOperation[Any, Any, Any, Any]]:
    config = SchemathesisConfig.from_dict(_CONFIG)
    schema = schemathesis.openapi.from_dict(describe(*application()), config=config)
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if "text/event-stream" not in str(operation.definition.raw["responses"]):
            yield operation


OPERATIONS = tuple(_operations())


def test_no_pattern_allows_a_character_that_every_text_is_refused_for() -> None:
    patterns = {found for at, found in places(describe(*application())) if at[-1:] == ("pattern",)}
    obeyed = [chr(code) for code in range(0x2100) if re.match(f"[{OBEYED}]", chr(code))]
    assert patterns
    assert not [pattern for pattern in patterns if any(re.search(pattern, f"a{each}a") for each in obeyed)]


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.label)
async def test_an_operation_keeps_to_its_description(
    operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode, house: House, pytestconfig: pytest.Config
) -> None:
    @settings(
        max_examples=_EXAMPLES_FULL if pytestconfig.getoption("full") else _EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Case[Any]) -> None:
        cases.append(case)

    cases: list[Case[Any]] = []
    with suppress(Unsatisfiable):  # there is nothing in it that could be wrong
        ask()
    for case in cases:
        await _hold_to_its_word(case, mode, house)


async def _hold_to_its_word(case: Case[Any], mode: GenerationMode, house: House) -> None:
    token = await house.token("mallory")
    asked = case.as_transport_kwargs(base_url="http://wallet", headers={"Authorization": f"Bearer {token}"})
    asked["content"] = asked.pop("data", None)
    answer = await house.world.api.request(**{name: each for name, each in asked.items() if name in _TRANSPORTED})
    answer.elapsed = timedelta()  # the wire in memory takes none, and one check asks
    case.validate_response(answer, excluded_checks=_OTHERWISE)
    if mode is GenerationMode.POSITIVE and not _NO_SHAPE_CAN_TELL & set(case.query or {}) and not _has_float(case.body):
        told = {} if answer.is_success else answer.json()
        between_fields = {each["where"] for each in told.get("errors", ())} == {
            "body"
        }  # ASVS 2.2.3: no schema tells it
        assert between_fields or told.get("code") not in _SHAPE, answer.text


def _has_float(body: Any) -> bool:
    """JSON Schema calls 1.0 an integer; here nothing with a point is one."""
    return any(isinstance(value, float) for _, value in places(body))
