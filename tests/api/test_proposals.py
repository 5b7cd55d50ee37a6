"""Above the limit, what moves money or gives it up takes two operators: one proposes, another does it (ASVS 2.3.5)."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.compliance.batching import RecordedBatches
from app.compliance.proposal_store import ProposalStore
from app.compliance.proposals import LASTS, Matter, Proposals
from app.compliance.reversals import Reversals
from app.compliance.trail import Trail
from app.errors import SecondOperatorNeeded
from app.ledger.acts import Answerable
from app.money import USD, Money
from app.orchestrator.operators import Operators
from app.wallets.batches import Batches
from app.wallets.configured import threshold_of
from tests.api.given import TENANT, Tenant
from tests.api.test_oversight import park

PROPOSED, DONE = 202, 201
EVE, SAM = "eve", "sam"


def proposals_above(tenant: Tenant, limit: str) -> Proposals:
    runtime = tenant.runtime
    trail = Trail(runtime.door, runtime.audit, runtime.clock)
    store = ProposalStore(runtime.database)
    return Proposals(store, trail, runtime.audit, runtime.clock, threshold_of(runtime.settings, limit))


@pytest.fixture
def two_act(app: FastAPI, tenant: Tenant) -> Tenant:
    """The tenant, where what is about more than nine dollars takes two operators."""
    runtime, proposals = tenant.runtime, proposals_above(tenant, "9.00")
    trail = Trail(runtime.door, runtime.audit, runtime.clock)
    tenant.runtime = app.state.runtime = replace(
        runtime,
        operators=Operators(runtime.situations, trail, runtime.audit, proposals, runtime.hints.give),
        desk=replace(runtime.desk, proposals=proposals, reversals=Reversals(runtime.acts, runtime.ledger, proposals)),
        batches=RecordedBatches(Batches(runtime.door), trail, proposals),
    )
    return tenant


async def ask(tenant: Tenant, path: str, by: str, *, key: str | None = None, **body: Any) -> tuple[int, dict[str, Any]]:
    """What an operator asks for, with Redis forgetting it at once, and the answer."""
    answer = await tenant.call(
        "POST", f"/v1/admin/{path}", "ops:act", by=by, key=key, json={"reason": f"says {by}", **body}
    )
    await tenant.runtime.redis.flushdb()
    return answer.status_code, answer.json()


async def paid(tenant: Tenant, amount: str = "60.00") -> str:
    answer = await tenant.call("POST", "/v1/transfers", json=tenant.order(amount=amount))
    return f"transactions/{answer.json()['id']}"


async def acts(tenant: Tenant, subject: str) -> list[tuple[str, str]]:
    """What is in the trail about it, the oldest first: the act, and who."""
    path = f"/v1/admin/audit?subject={subject}"
    trail = (await tenant.call("GET", path, "audit:read")).json()["items"]
    names = {tenant.person(name).user_id: name for name in (EVE, SAM)}
    return [(each["act"], names[each["by"]]) for each in trail][::-1]


async def waiting(tenant: Tenant) -> list[str]:
    listed = await tenant.call("GET", "/v1/admin/proposals", "ops:read")
    return [each["act"] for each in listed.json()["items"]]


async def test_a_refund_is_proposed_by_one_and_done_by_another(two_act: Tenant) -> None:
    path = f"{await paid(two_act)}/refunds"
    asked = {"amount": "20.00", "currency": "USD"}
    first = await ask(two_act, path, EVE, key="first", **asked)
    assert (first[0], first[1]["act"], first[1]["details"]) == (PROPOSED, "transaction.refund", asked)
    assert await ask(two_act, path, EVE, key="first", **asked) == first
    assert (await ask(two_act, path, EVE, **asked))[1]["code"] == "second-operator-needed"
    assert await two_act.balance("ada") == "40.00"
    assert await waiting(two_act) == ["transaction.refund"]

    done = await ask(two_act, path, SAM, key="second", **asked)
    assert (done[0], done[1]["kind"]) == (DONE, "refund")
    assert await ask(two_act, path, SAM, key="second", **asked) == done
    assert await ask(two_act, path, EVE, key="first", **asked) == first
    assert (await two_act.balance("ada"), await waiting(two_act)) == ("60.00", [])
    assert await acts(two_act, path.split("/")[1]) == [
        ("transaction.refund.propose", EVE),
        ("transaction.refund.agree", SAM),
        ("transaction.refund", SAM),
    ]
    agreed = await two_act.call("GET", "/v1/admin/audit?act=transaction.refund.agree", "audit:read")
    assert [each["before"]["proposed_by"] for each in agreed.json()["items"]] == [two_act.person(EVE).user_id]


async def test_an_agreement_is_good_once(two_act: Tenant) -> None:
    path, asked = f"{await paid(two_act)}/refunds", {"amount": "20.00", "currency": "USD"}
    await ask(two_act, path, EVE, **asked)
    assert [(await ask(two_act, path, SAM, **asked))[0] for _ in range(2)] == [DONE, PROPOSED]
    assert await two_act.balance("ada") == "60.00"


async def test_what_differs_is_a_proposal_of_its_own(two_act: Tenant) -> None:
    path = f"{await paid(two_act)}/refunds"
    await ask(two_act, path, EVE, amount="20.00", currency="USD")
    assert (await ask(two_act, path, SAM, amount="30.00", currency="USD"))[0] == PROPOSED
    assert (await ask(two_act, path, SAM, amount="20.00", currency="USD"))[0] == PROPOSED
    assert await waiting(two_act) == ["transaction.refund"]
    assert await two_act.balance("ada") == "40.00"


async def test_up_to_the_limit_one_is_enough(two_act: Tenant) -> None:
    path = f"{await paid(two_act)}/refunds"
    assert (await ask(two_act, path, EVE, amount="9.00", currency="USD"))[0] == DONE
    assert (await ask(two_act, f"{await paid(two_act, '1.00')}/reverse", EVE))[0] == DONE


async def test_what_could_not_be_done_is_not_proposed(two_act: Tenant) -> None:
    path = f"{await paid(two_act)}/reverse"
    assert [(await ask(two_act, path, by))[0] for by in (EVE, SAM)] == [PROPOSED, DONE]
    [reversal] = await two_act.runtime.database["transactions"].find({"kind": "reversal"}).to_list()
    again = f"transactions/{reversal['_id'].partition('/')[2]}/reverse"
    assert (await ask(two_act, again, EVE))[1]["code"] == "not-reversible"
    assert (await ask(two_act, "transactions/txn_none/refunds", EVE, amount="20.00", currency="USD"))[0] == 404
    assert await two_act.balance("ada") == "100.00"


async def test_a_batch_counts_altogether_and_is_sent_by_two(two_act: Tenant) -> None:
    items = [two_act.order(amount="5.00") for _ in range(2)]
    path = "transfers/batch"
    assert (await ask(two_act, path, EVE, items=items[:1]))[0] == 200
    assert (await ask(two_act, path, EVE, items=items))[0] == PROPOSED
    assert (await ask(two_act, path, SAM, items=[*items, items[0]]))[0] == PROPOSED
    status, told = await ask(two_act, path, SAM, items=items)
    assert (status, told["posted"], await two_act.balance("bob")) == (200, 2, "15.00")


async def test_a_command_that_gives_money_up_takes_two_and_a_retry_one(two_act: Tenant) -> None:
    saga_id = await park(two_act)
    path = f"sagas/{saga_id}/commands"
    assert (await ask(two_act, path, EVE, command="mark_absent", evidence="x"))[1]["code"] == "effect-not-open"
    first = await ask(two_act, path, EVE, key="first", command="write_off")
    assert (first[0], first[1]["act"]) == (PROPOSED, "saga.write_off")
    shown = (await two_act.call("GET", f"/v1/admin/sagas/{saga_id}", "ops:read")).json()
    assert shown["status"] == "parked"
    assert (await ask(two_act, path, SAM, command="compensate"))[0] == PROPOSED
    done = await ask(two_act, path, EVE, command="compensate")
    assert (done[0], done[1]["status"]) == (200, "compensated")
    assert await ask(two_act, path, EVE, key="first", command="write_off") == first
    assert [act for act, _ in await acts(two_act, saga_id)] == [
        "saga.write_off.propose",
        "saga.compensate.propose",
        "saga.compensate.agree",
        "saga.compensate",
    ]
    other = await park(two_act, 2)
    assert (await ask(two_act, f"sagas/{other}/commands", EVE, command="retry"))[1]["status"] == "running"
    third = await park(two_act, 3)
    assert (await ask(two_act, f"sagas/{third}/commands", EVE, command="cancel"))[1]["status"] == "compensated"


async def test_another_tenant_sees_none_of_it(two_act: Tenant) -> None:
    proposals = proposals_above(two_act, "9.00")
    matter = Matter("transaction.refund", "txn_elsewhere", (Money(10_00, USD),))
    assert await proposals.ask("other", matter, Answerable("usr_x", "why", "key")) is not None
    assert await waiting(two_act) == []


async def test_a_proposal_lasts_three_days(tenant: Tenant, clock: ManualClock) -> None:
    proposals = proposals_above(tenant, "9.00")
    matter = Matter("transaction.refund", "txn_one", (Money(10_00, USD),))
    eve, sam = (Answerable(f"usr_{name}", "why", name) for name in (EVE, SAM))
    proposal = await proposals.ask(TENANT, matter, eve)
    assert proposal is not None
    assert proposal.expires_at - proposal.at == LASTS == timedelta(days=3)
    clock.advance(LASTS.total_seconds())
    assert await proposals.waiting(TENANT, None, 10) == []
    assert await proposals.ask(TENANT, matter, sam) is not None
    assert await proposals.ask(TENANT, matter, replace(eve, key="later")) is None


async def test_of_many_at_once_one_proposes_and_one_agrees(tenant: Tenant) -> None:
    proposals, matter = proposals_above(tenant, "9.00"), Matter("transaction.refund", "txn_one", (Money(10_00, USD),))
    asked = [Answerable(f"usr_{number % 2}", "why", f"key-{number}") for number in range(6)]
    told = await asyncio.gather(*(proposals.ask(TENANT, matter, each) for each in asked), return_exceptions=True)
    entries = await tenant.runtime.audit.entries(TENANT, {}, None, 20)
    verbs = [each["act"].rpartition(".")[2] for each in entries][::-1]

    assert verbs[:2] == ["propose", "agree"]
    assert sum(each is None for each in told) == verbs.count("agree")
    assert sum(isinstance(each, SecondOperatorNeeded) for each in told) == 6 - len(verbs)
    assert await tenant.runtime.audit.breaks() == []
