"""Every route under every role, and under none (API5:2023, ASVS 8.2.1): what the role does not hold, it may not."""

import pytest

from app.identity.permissions import ROLES
from tests.attacks.house import House
from tests.attacks.surface import Operation, operations

GUARDED = [each for each in operations() if each.permission]

LOOKING_ALIKE = ("Wallet:read", "wallet:read ", "wallet:*", "*", "wallet:re\u0430d", "wallet:read\u0000", "admin")


@pytest.mark.parametrize("operation", GUARDED, ids=lambda each: each.name)
async def test_a_role_may_do_what_it_holds_and_nothing_else(operation: Operation, house: House) -> None:
    for role, permissions in ROLES.items():
        if operation.streams and operation.permission in permissions:
            continue  # it would go on for ever
        answer = await house.ask(operation.method, operation.path(), permissions=tuple(permissions), json={})
        if operation.permission in permissions:
            assert answer.status_code not in {401, 403}, (role, answer.text)
        else:
            assert (answer.status_code, answer.json()["code"]) == (403, "permission-denied"), (role, answer.text)
            assert f'scope="{operation.permission}"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("operation", GUARDED, ids=lambda each: each.name)
async def test_nobody_gets_in_without_a_token(operation: Operation, house: House) -> None:
    answer = await house.world.api.request(operation.method, operation.path(), json={})

    assert (answer.status_code, answer.json()["code"]) == (401, "token-missing")


@pytest.mark.parametrize("permission", LOOKING_ALIKE)
async def test_what_looks_like_a_permission_is_none(permission: str, house: House) -> None:
    answer = await house.ask("GET", "/v1/me", permissions=(permission,))

    assert (answer.status_code, answer.json()["code"]) == (403, "permission-denied")
