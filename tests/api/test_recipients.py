"""Finding somebody to pay: only who wants to be found, with one answer for every other reason."""

from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI
from pymongo.read_concern import ReadConcern

from app.plumbing.rates import Rate, Rates
from app.wallets.recipient_store import RecipientStore
from app.wallets.recipients import Recipients
from tests.api.given import Tenant

PHONE = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


async def opt_in(tenant: Tenant, by: str = "bob", **body: Any) -> Any:
    asked = {"display_name": by.title(), "account_id": tenant.accounts[by], **body}
    return await tenant.call("PUT", "/v1/me/handle", by=by, json=asked)


async def look_up(tenant: Tenant, by: str = "ada", **body: str) -> Any:
    return await tenant.call("POST", "/v1/recipients/lookup", by=by, json=body)


async def test_who_opts_in_is_found_by_handle_and_by_phone_and_can_be_paid(tenant: Tenant) -> None:
    assert (await opt_in(tenant, handle="Bob.Dylan", phone_hash=PHONE)).status_code == 200
    for asked in ({"handle": "bob.dylan"}, {"phone_hash": PHONE}):
        found = (await look_up(tenant, **asked)).json()
        assert found == {"display_name": "Bob", "account_id": tenant.accounts["bob"]}
    paid = await tenant.call("POST", "/v1/transfers", json=tenant.order(amount="1.00"))
    assert paid.status_code == 201
    stored = await tenant.runtime.database["recipients"].find().to_list()
    assert PHONE not in str(stored)
    assert "bob.dylan" not in str(stored)


async def test_every_other_reason_gives_the_same_answer(tenant: Tenant) -> None:
    never = await look_up(tenant, handle="nobody")
    await opt_in(tenant, handle="bob")
    path = f"/v1/admin/accounts/{tenant.accounts['bob']}"
    reason = {"reason": "x"}
    await tenant.call("POST", f"{path}/freeze", "compliance:act", json=reason)
    frozen = await look_up(tenant, handle="bob")
    await tenant.call("POST", f"{path}/unfreeze", "compliance:act", json=reason)
    users = tenant.runtime.database["users"]
    await users.update_one({"user_id": tenant.person("bob").user_id}, {"$set": {"compliance_level": "rejected"}})
    unverified = await look_up(tenant, handle="bob")
    await users.update_one({"user_id": tenant.person("bob").user_id}, {"$set": {"compliance_level": "verified"}})
    assert (await look_up(tenant, handle="bob")).status_code == 200
    assert (await tenant.call("DELETE", "/v1/me/handle", by="bob")).status_code == 204
    gone = await look_up(tenant, handle="bob")
    for answer in (never, frozen, unverified, gone):
        told = {name: value for name, value in answer.json().items() if name != "correlation_id"}
        expected = {name: value for name, value in never.json().items() if name != "correlation_id"}
        assert (answer.status_code, told) == (404, expected)


async def reads_of(tenant: Tenant, handle: str) -> list[tuple[str, list[str]]]:
    """What MongoDB is asked for while somebody looks for that handle: of which collection, by which fields."""
    database = tenant.runtime.database
    await database.command("profile", 2)
    await look_up(tenant, handle=handle)
    await database.command("profile", 0)
    noted = database.get_collection("system.profile", read_concern=ReadConcern("local"))
    seen = await noted.find({"op": "query"}).to_list()
    await noted.drop()
    return sorted((each["command"]["find"], sorted(each["command"]["filter"])) for each in seen)


async def test_the_work_behind_every_answer_is_the_same(tenant: Tenant) -> None:
    """So the time that it takes tells nothing either."""
    await opt_in(tenant, handle="bob")
    await tenant.welcome("cyd")
    await opt_in(tenant, "cyd", handle="cyd")
    await tenant.call(
        "POST", f"/v1/admin/accounts/{tenant.accounts['cyd']}/freeze", "compliance:act", json={"reason": "x"}
    )
    await opt_in(tenant, "ada", handle="ada")
    await tenant.call("DELETE", "/v1/me/handle")
    found = await reads_of(tenant, "bob")

    assert {"recipients", "accounts", "users"} <= {collection for collection, _ in found}
    for handle in ("nobody", "cyd", "ada"):
        assert await reads_of(tenant, handle) == found, handle


async def test_a_handle_is_one_persons_until_they_let_it_go(tenant: Tenant) -> None:
    await opt_in(tenant, handle="bob")
    taken = await opt_in(tenant, "ada", handle="BOB")
    assert (taken.status_code, taken.json()["code"]) == (409, "handle-taken")
    await opt_in(tenant, handle="robert")
    assert (await look_up(tenant, handle="bob")).status_code == 404
    assert (await opt_in(tenant, "ada", handle="bob")).status_code == 200
    assert (await look_up(tenant, handle="bob", by="bob")).json()["display_name"] == "Ada"


@pytest.mark.parametrize(
    "handle",
    [
        "b\u043eb",
        "\uff42ob",
        "bo\u0301b",
        "bob\u00a0",
        "\u1d2eob",
        "b..b",
        ".bob",
        "bob_",
        "bo b",
        "b\u0131ob",
    ],
)
async def test_what_only_looks_like_a_handle_is_refused(tenant: Tenant, handle: str) -> None:
    for answer in (await opt_in(tenant, handle=handle), await look_up(tenant, handle=handle)):
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid-handle")


@pytest.mark.parametrize("name", ["B\u043eb", "Bob\u202e", " Bob", "<b>Bob"])
async def test_nobody_is_called_what_only_looks_like_a_name(tenant: Tenant, name: str) -> None:
    refused = await opt_in(tenant, handle="bob", display_name=name)
    assert refused.status_code in {400, 422}  # a text with marks of direction is not even read


async def test_another_customers_account_cannot_be_named(tenant: Tenant) -> None:
    answer = await opt_in(tenant, handle="bob", account_id=tenant.accounts["ada"])
    assert (answer.status_code, answer.json()["code"]) == (404, "account-not-found")


async def test_hits_and_misses_count_alike_against_a_strict_rate(app: FastAPI, tenant: Tenant) -> None:
    runtime = tenant.runtime
    rates, store = Rates(runtime.redis, runtime.clock), RecipientStore(runtime.database)
    strict = Recipients(store, runtime.door, runtime.ledger, runtime.users, rates, Rate(3, 3_600))
    app.state.runtime = replace(runtime, recipients=strict)
    await opt_in(tenant, handle="bob")
    answers = [await look_up(tenant, handle=handle) for handle in ("bob", "nobody", "bob", "bob")]
    assert [answer.status_code for answer in answers] == [200, 404, 200, 429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert (await look_up(tenant, handle="bob", by="bob")).status_code == 200
