"""Every body and every parameter, taken apart: fields that nobody asked for, operators and control characters."""

import json
from typing import Any

import pytest

from tests.attacks.house import House
from tests.attacks.surface import Operation, changed, operations, places

TAKING_BODIES = [each for each in operations() if each.permission and each.bodies]
UNASKED = ("tenant", "user_id", "status", "balance", "is_admin", "__proto__")
OPERATORS: tuple[Any, ...] = ({"$ne": None}, [{"$gt": ""}], 7)
UNSPEAKABLE = ("\u0000", "\u001b[2J", "\u202egpj.exe", "\ud800")


async def refusal(house: House, operation: Operation, body: Any) -> tuple[int, str]:
    typed = {"Content-Type": "application/json"}
    answer = await house.ask(operation.method, operation.path(), content=json.dumps(body), headers=typed)
    return answer.status_code, answer.json().get("code", "")


@pytest.mark.parametrize("operation", TAKING_BODIES, ids=lambda each: each.name)
async def test_a_well_formed_body_is_understood(operation: Operation, house: House) -> None:
    """Else the attacks below would be refused for the wrong reason."""
    for body in operation.bodies:
        answer = await house.ask(operation.method, operation.path(), json=body)
        told = {} if answer.is_success else answer.json()
        misshapen = {each["where"] for each in told.get("errors", ())} - {"body"}  # there: a rule between fields
        assert not misshapen, answer.text
        assert told.get("code") != "malformed-request", answer.text


@pytest.mark.parametrize("operation", TAKING_BODIES, ids=lambda each: each.name)
async def test_a_field_that_nobody_asked_for_is_refused(operation: Operation, house: House) -> None:
    """API3:2023, ASVS 15.3.3."""
    for body in operation.bodies:
        for at, inner in places(body):
            if isinstance(inner, dict) and inner:
                asked = changed(body, at, {**inner, **dict.fromkeys(UNASKED, "x")})
                answer = await house.ask(operation.method, operation.path(), json=asked)
                assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request"), asked
                complained_of = {each["where"].rpartition(".")[2] for each in answer.json()["errors"]}
                assert set(UNASKED) <= complained_of, asked


@pytest.mark.parametrize("operation", TAKING_BODIES, ids=lambda each: each.name)
async def test_an_operator_in_a_strings_place_is_refused(operation: Operation, house: House) -> None:
    """ASVS 1.2.4 and 15.3.5: what is no string reaches no query."""
    for body in operation.bodies:
        for at, value in places(body):
            if isinstance(value, str):
                for operator in OPERATORS:
                    asked = changed(body, at, operator)
                    assert (await refusal(house, operation, asked))[0] == 422, asked


@pytest.mark.parametrize("operation", TAKING_BODIES, ids=lambda each: each.name)
async def test_a_control_character_is_refused_in_every_string(operation: Operation, house: House) -> None:
    """ASVS 2.2.1: nothing that a terminal, a log or a reader's eye would obey."""
    for body in operation.bodies:
        for at, value in places(body):
            if isinstance(value, str):
                for text in UNSPEAKABLE:
                    asked = changed(body, at, value + text)
                    assert (await refusal(house, operation, asked))[0] in {400, 422}, asked


READING = [
    (each, parameter["name"])
    for each in operations()
    for parameter in each.parameters
    if each.permission and not each.streams and parameter["in"] == "query"
]


@pytest.mark.parametrize(
    ("operation", "name"), READING, ids=[f"{operation.name}?{name}" for operation, name in READING]
)
async def test_an_operator_or_a_control_character_is_refused_in_every_parameter(
    operation: Operation, name: str, house: House
) -> None:
    """ASVS 1.2.4, 2.2.1 and 15.3.5."""
    for query in (f"{name}[$ne]=1", f"{name}[]=1", *(f"{name}=a%{code:02x}a" for code in (0, 10, 27, 127))):
        answer = await house.ask(operation.method, f"{operation.path()}?{query}", json={})
        assert answer.status_code in {400, 422}, (query, answer.text)
