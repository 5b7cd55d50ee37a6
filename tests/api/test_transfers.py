from tests.api.given import Tenant

TRANSFERS = "/v1/transfers"


async def test_a_transfer_tells_its_fee_and_what_it_left_in_ones_own_accounts(tenant: Tenant) -> None:
    answer = await tenant.call("POST", TRANSFERS, json=tenant.order())
    assert answer.status_code == 201
    made = answer.json()
    assert (made["status"], made["amount"], made["fee"]) == ("posted", "60.00", "0.00")
    assert made["balances"] == {tenant.accounts["ada"]: "40.00"}
    theirs = await tenant.call("GET", f"/v1/transactions/{made['id']}", by="bob")
    assert theirs.json()["balances"] == {tenant.accounts["bob"]: "60.00"}


async def test_balances_are_those_of_the_transaction_however_much_has_happened_since(tenant: Tenant) -> None:
    first = (await tenant.call("POST", TRANSFERS, json=tenant.order(amount="1.00"))).json()
    await tenant.call("POST", TRANSFERS, json=tenant.order(amount="2.00"))
    again = await tenant.call("GET", f"/v1/transactions/{first['id']}")
    assert again.json()["balances"] == first["balances"] == {tenant.accounts["ada"]: "99.00"}


async def test_a_repeat_is_answered_alike_when_redis_has_forgotten_it(tenant: Tenant) -> None:
    first = await tenant.call("POST", TRANSFERS, key="once", json=tenant.order())
    await tenant.runtime.redis.flushdb()
    again = await tenant.call("POST", TRANSFERS, key="once", json=tenant.order())
    assert (again.status_code, again.json()) == (201, first.json())
    assert await tenant.balance("ada") == "40.00"


async def test_a_dry_run_needs_no_key_and_does_nothing(tenant: Tenant) -> None:
    headers = {**tenant.issuer.authorization(sub="auth0|ada", **{"https://wallet.example/tenant": "acme"})}
    answer = await tenant.client.post(f"{TRANSFERS}?dry_run=true", headers=headers, json=tenant.order())
    assert answer.status_code == 200
    assert answer.json()["balances"] == {tenant.accounts["ada"]: "40.00"}
    assert answer.json()["dry_run"] is True
    assert await tenant.balance("ada") == "100.00"
    real = await tenant.client.post(f"{TRANSFERS}?dry_run=false", headers=headers, json=tenant.order())
    assert (real.status_code, real.json()["code"]) == (400, "idempotency-key-missing")


async def test_a_dry_run_does_not_bind_the_key_it_came_with(tenant: Tenant) -> None:
    tried = await tenant.call("POST", f"{TRANSFERS}?dry_run=true", key="later", json=tenant.order(amount="1.00"))
    assert tried.status_code == 200
    done = await tenant.call("POST", TRANSFERS, key="later", json=tenant.order())
    assert done.status_code == 201
    tried_again = await tenant.call("POST", f"{TRANSFERS}?dry_run=true", key="later", json=tenant.order())
    assert (tried_again.status_code, tried_again.json()["code"]) == (409, "insufficient-funds")


async def test_only_true_and_false_are_answers_to_whether_it_is_a_dry_run(tenant: Tenant) -> None:
    for value in ("True", "1", "yes", ""):
        answer = await tenant.call("POST", f"{TRANSFERS}?dry_run={value}", json=tenant.order())
        assert answer.status_code == 422
    assert await tenant.balance("ada") == "100.00"


async def test_a_stale_version_is_named(tenant: Tenant) -> None:
    account = (await tenant.call("GET", f"/v1/accounts/{tenant.accounts['ada']}")).json()
    assert (await tenant.call("POST", TRANSFERS, json=tenant.order(amount="1.00"))).status_code == 201
    answer = await tenant.call("POST", TRANSFERS, json=tenant.order(lock_version=account["version"]))
    assert (answer.status_code, answer.json()["code"]) == (409, "stale-version")
    assert (answer.json()["lock_version"], answer.json()["version"]) == (account["version"], account["version"] + 1)
