"""Somebody else's objects, named in every path and in every body (API1:2023, ASVS 8.2.2 and 8.4.1): not there."""

import re
from typing import Any

import pytest

from app.identity.permissions import Permission
from tests.attacks.house import House
from tests.attacks.surface import Operation, changed, operations, places

_PLACEHOLDER = re.compile(r"([a-z]+)_a{26}")
_CUSTOMERS = (Permission.WALLET_READ, Permission.WALLET_TRANSACT)


def kinds(operation: Operation) -> dict[str, str]:
    """Which kind of object each id in the path names: by the prefix of its ids, else by its own name."""
    named: dict[str, str] = {}
    for parameter in operation.path_parameters:
        examples = parameter["schema"].get("examples", [])
        if parameter["name"].endswith("_id"):
            named[parameter["name"]] = examples[0].partition("_")[0] if examples else parameter["name"]
    return named


def stolen(body: Any, owned: dict[str, str]) -> Any:
    """The body with Ada's id wherever it has one."""
    for at, value in places(body):
        found = _PLACEHOLDER.fullmatch(value) if isinstance(value, str) else None
        if found:
            body = changed(body, at, owned[found[1]])
    return body


IN_PATHS = [each for each in operations() if each.permission and kinds(each)]
IN_BODIES = [
    each
    for each in operations()
    if each.permission in _CUSTOMERS
    and any(
        isinstance(value, str) and _PLACEHOLDER.fullmatch(value) for body in each.bodies for _, value in places(body)
    )
]


async def attempt(house: House, operation: Operation, by: str) -> None:
    path = operation.path(**{name: house.owned[kind] for name, kind in kinds(operation).items()})
    for body in operation.bodies or (None,):
        answer = await house.ask(operation.method, path, by=by, json=body)
        assert answer.status_code == 404, (by, answer.text)
        assert house.ada.user_id not in answer.text


@pytest.mark.parametrize("operation", IN_PATHS, ids=lambda each: each.name)
async def test_another_tenants_object_is_not_there(operation: Operation, house: House) -> None:
    await attempt(house, operation, "eve")


@pytest.mark.parametrize(
    "operation", [each for each in IN_PATHS if each.permission in _CUSTOMERS], ids=lambda each: each.name
)
async def test_another_customers_object_is_not_there(operation: Operation, house: House) -> None:
    await attempt(house, operation, "mallory")


@pytest.mark.parametrize(
    "operation",
    [each for each in IN_PATHS if each.method == "GET" and not each.streams],
    ids=lambda each: each.name,
)
async def test_its_owner_finds_it(operation: Operation, house: House) -> None:
    path = operation.path(**{name: house.owned[kind] for name, kind in kinds(operation).items()})
    answer = await house.ask("GET", path, by="ada")

    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("by", ["mallory", "eve"])
@pytest.mark.parametrize("operation", IN_BODIES, ids=lambda each: each.name)
async def test_an_object_that_is_named_in_a_body_is_not_there_either(
    operation: Operation, by: str, house: House
) -> None:
    for body in operation.bodies:
        answer = await house.ask(operation.method, operation.path(), by=by, json=stolen(body, house.owned))
        assert answer.status_code == 404, (body, answer.text)
