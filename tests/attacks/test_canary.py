"""A secret planted in every text of every request comes out in no log line, measure or refusal (ASVS 16.2.5, 16.5.1).

There is nothing else for it to come out of: the product makes no traces, and the framework's are switched off.
"""

import pytest
from prometheus_client import generate_latest
from structlog.testing import capture_logs

from app.plumbing.logging import add_correlation_id, name_exception
from tests.attacks.house import House
from tests.attacks.surface import Operation, changed, operations, places

CANARY = "canary4242424242424242"
ANSWERING = [each for each in operations() if not each.streams]


@pytest.mark.parametrize("operation", ANSWERING, ids=lambda each: each.name)
async def test_what_is_planted_in_a_request_stays_in_it(operation: Operation, house: House) -> None:
    planted = [
        changed(body, at, f"{value}{CANARY}")
        for body in operation.bodies
        for at, value in places(body)
        if isinstance(value, str)
    ]
    paths = [
        operation.path(),
        f"{operation.path()}?{CANARY}={CANARY}&limit={CANARY}&cursor={CANARY}",
        operation.path(**{each["name"]: CANARY for each in operation.path_parameters}),
    ]
    headers = {"X-Correlation-ID": f"({CANARY})", "Idempotency-Key": f"{CANARY} x", "User-Agent": CANARY}
    with capture_logs(processors=[add_correlation_id, name_exception]) as lines:
        refused = [await house.ask(operation.method, operation.path(), json=body) for body in planted]
        refused += [await house.ask(operation.method, path, json={}) for path in paths]
        refused.append(await house.ask(operation.method, operation.path(), json={}, headers=headers))
        refused.append(
            await house.ask(operation.method, operation.path(), headers={"Authorization": f"Bearer {CANARY}"})
        )

    assert lines
    assert CANARY not in str(lines)
    assert CANARY not in generate_latest(house.world.runtime.measures.registry).decode()
    told = [each.text.replace(f"query.{CANARY}", "") for each in refused if each.is_error]
    assert not [each for each in told if CANARY in each]
