from typing import Any

import pytest

from tests.api.given import Tenant

LIST = "/v1/transactions"


async def pay(tenant: Tenant, amount: str, source: str = "ada", destination: str = "bob", **metadata: Any) -> None:
    body = tenant.order(source, destination, amount, metadata=metadata)
    assert (await tenant.call("POST", "/v1/transfers", by=source, json=body)).status_code == 201


async def shown(tenant: Tenant, query: str = "", by: str = "ada") -> list[tuple[str, list[str]]]:
    """Amounts and balances left, page by page until the last."""
    found: list[tuple[str, list[str]]] = []
    cursor = ""
    while True:
        answer = await tenant.call("GET", f"{LIST}?{query}{cursor}", by=by)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found.extend((item["amount"], list(item["balances"].values())) for item in page["items"])
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
async def test_the_list_is_newest_first_with_what_each_left(tenant: Tenant, limit: int) -> None:
    for cents in (1, 2, 3):
        tenant.runtime.clock.advance(1)  # type: ignore[attr-defined]  # the tests' clock is moved by hand
        await pay(tenant, f"0.0{cents}")
    expected = [("0.03", ["99.94"]), ("0.02", ["99.97"]), ("0.01", ["99.99"]), ("100.00", ["100.00"])]
    assert await shown(tenant, f"limit={limit}") == expected
    assert [amount for amount, _ in await shown(tenant, f"limit={limit}", by="bob")] == ["0.03", "0.02", "0.01"]


@pytest.mark.parametrize("limit", [1, 3, 4, 50])
async def test_transactions_of_one_moment_are_all_listed_once(tenant: Tenant, limit: int) -> None:
    """The clock stands still, so all have one time; and both accounts of a transfer are the caller's."""
    first = tenant.accounts["ada"]
    await tenant.welcome("ada", 10_00)
    second, tenant.accounts["ada"] = tenant.accounts["ada"], first
    tenant.accounts["savings"] = second
    for number in range(5):
        await pay(tenant, f"0.1{number}")
    body = tenant.order("ada", "savings", "1.00")
    await tenant.call("POST", "/v1/transfers", json=body)
    amounts = [amount for amount, _ in await shown(tenant, f"limit={limit}")]
    assert sorted(amounts) == sorted(["100.00", "10.00", "1.00", *(f"0.1{number}" for number in range(5))])


async def test_metadata_is_found_by_exact_match_in_ones_own_transactions_only(tenant: Tenant) -> None:
    await tenant.welcome("eve", 50_00)
    await pay(tenant, "0.01", order="A1", paid=True, n=3)
    await pay(tenant, "0.02", order="A2", note=None)
    await pay(tenant, "0.03", "eve", "bob", order="A1")
    for query, amounts in {
        "metadata.order=A1": ["0.01"],
        "metadata.order=A2": ["0.02"],
        "metadata.order=A": [],
        "metadata.paid=true": ["0.01"],
        "metadata.n=3": ["0.01"],
        "metadata.note=null": ["0.02"],
        "metadata.Order=A1": [],
        "metadata.=A1": [],
        "metadata.order=$ne": [],
    }.items():
        assert [amount for amount, _ in await shown(tenant, query)] == amounts, query
    theirs = await shown(tenant, "metadata.order=A1&limit=1", by="bob")
    assert sorted(amount for amount, _ in theirs) == ["0.01", "0.03"]


@pytest.mark.parametrize("query", ["metadata.a=1&metadata.b=2", "metadata.a=1&metadata.a=2", "meta.a=1", "metadata=1"])
async def test_other_questions_are_refused(tenant: Tenant, query: str) -> None:
    assert (await tenant.call("GET", f"{LIST}?{query}")).status_code == 422


@pytest.mark.parametrize("cursor", ["x", "YWJj", "MjAyNi0xMS0yMFQwNTowMDowMC4wMDBaIG90aGVyL3R4bl94"])
async def test_a_cursor_that_is_not_of_this_list_is_refused(tenant: Tenant, cursor: str) -> None:
    answer = await tenant.call("GET", f"{LIST}?cursor={cursor}")
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed-request")


async def test_a_search_reads_only_what_it_finds(tenant: Tenant) -> None:
    for number in range(30):
        await pay(tenant, "0.01", order=f"A{number}")
    database = tenant.runtime.database
    one = await database["transactions"].find_one({"metadata.order": "A7"})
    assert one is not None
    query = {"tags": {"$in": one["tags"][:1]}, "_id": {"$gt": "acme/", "$lt": "acme0"}}
    plan = await database["transactions"].find(query).sort([("timestamp", -1), ("_id", -1)]).explain()
    assert plan["executionStats"]["totalDocsExamined"] == 1
    assert "SORT" not in str(plan["queryPlanner"]["winningPlan"]).replace("SORT_MERGE", "")


async def test_what_has_no_metadata_costs_no_index_entry(tenant: Tenant) -> None:
    await pay(tenant, "0.01")
    assert await tenant.runtime.database["transactions"].count_documents({"tags": {"$exists": True}}) == 0


async def test_holds_that_are_due_are_found_by_their_index(tenant: Tenant) -> None:
    query = {"expires_at": {"$type": "date", "$lte": tenant.runtime.clock.now()}}
    plan = await tenant.runtime.database["holds"].find(query).sort([("expires_at", 1), ("_id", 1)]).explain()
    assert "IXSCAN" in str(plan["queryPlanner"]["winningPlan"])
