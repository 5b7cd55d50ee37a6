"""What is asked again and again is found in an index, and what is written again and again changes none."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from app.inbox.store import InboxStore
from app.ledger.changes import Change, Document, Door, Duplicate, Posted
from app.orchestrator.journal import EFFECTS, SAGAS
from app.orchestrator.measures import Measures
from app.orchestrator.measures_store import MeasuresStore
from app.orchestrator.store import COLLECTIONS, OPEN_EFFECTS, SagaStore
from tests.orchestrator.crashes import refuse_several
from tests.orchestrator.test_engine import note, started, step, toy
from tests.worlds import World

NOW = datetime(2026, 11, 20, 5, tzinfo=UTC)


class Copyist:
    """A door that keeps what was written of sagas, step by step."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self.written: list[Document] = []

    async def submit(self, change: Change, *, deadline_s: float = 10.0) -> Posted | Duplicate:
        refuse_several(change)
        self.written.extend(each.document for each in change.companions if each.collection == SAGAS)
        return await self._door.submit(change, deadline_s=deadline_s)


async def test_a_step_changes_no_index_of_sagas(calm_world: World) -> None:
    """In a transaction the server reads the catalogue again for each index of an update that changes one of them."""
    flow = toy(step("a", note), step("b", note), step("c", note))
    await started(calm_world, flow)
    calm_world.clock.advance(1)
    copyist = Copyist(calm_world.runtime.door)
    calm_world.work_through(copyist, {("toy", 1): flow})
    await calm_world.settle()
    spec = next(each for each in COLLECTIONS if each.name == SAGAS)
    indexed = {name for index in spec.indexes for name in index.document["key"]}
    behind_a, behind_b, _ = copyist.written
    changed = {name for name, value in behind_b.items() if value != behind_a[name]}
    assert {"state", "steps"} <= changed
    assert not changed & indexed


async def test_who_looks_round_scans_no_collection(database: AsyncDatabase[dict[str, Any]]) -> None:
    """A worker's polls, and whoever asks for measures, while everything else waits."""
    await database.command("profile", 2)
    sagas = SagaStore(database)
    await sagas.claim(NOW, 5.0, 10)
    await sagas.wake(["unit:payment:1"], NOW)
    await sagas.effects_where({"status": {"$in": OPEN_EFFECTS}}, 10)
    await sagas.effects_behind(["unit:payment:1"])
    await sagas.effects_where({"provider": "tatum", "operation": "send", "request.amount": "1"}, 10, newest_first=True)
    await sagas.books_waiting_for(["unit:payment:1"])
    await InboxStore(database).due(NOW, 10)
    await MeasuresStore(database, Measures()).read(NOW)
    await database.command("profile", 0)
    asked = await database["system.profile"].find({"planSummary": {"$exists": True}}).to_list()
    await database.drop_collection("system.profile")
    assert len(asked) > 8
    assert [each["command"] for each in asked if "COLLSCAN" in each["planSummary"]] == []


@pytest.mark.parametrize(
    ("collection", "index", "query"),
    [
        (SAGAS, "by_wait", {"waits": {"$in": ["unit:payment:1"]}}),
        (EFFECTS, "by_provider_ref", {"provider_ref": {"$in": ["1", "2"]}}),
        (EFFECTS, "by_approved_ref", {"approved_ref": "1"}),
    ],
)
async def test_an_index_of_what_is_there_serves_whoever_looks_for_it(
    database: AsyncDatabase[dict[str, Any]], collection: str, index: str, query: dict[str, Any]
) -> None:
    """It leaves out whatever has no reference; the server refuses one that would not do."""
    plan = await database[collection].find(query).hint(index).explain()
    assert index in str(plan["queryPlanner"]["winningPlan"])
    await database[collection].insert_one({"_id": "default/none", **dict.fromkeys(query), "waits": []})
    entries = (await database.command("validate", collection))["keysPerIndex"]
    assert entries[index] == 0
    await database[collection].delete_many({})
