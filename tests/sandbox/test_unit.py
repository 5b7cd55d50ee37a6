import asyncio
from typing import Any

import httpx2
import pytest

from app.clock import ManualClock, SystemClock
from app.sandbox.config import SandboxConfig
from tests.sandbox.world import UNIT, Wallet, always, book, dial, eventually, pay, payment, payment_in, running


async def test_a_debit_passes_through_clearing_to_sent_and_tells_each_step(
    client: httpx2.AsyncClient, wallet: Wallet
) -> None:
    made = await pay(client, tags={"opId": "op_9"})
    assert made["attributes"]["status"] == "Pending"
    sent = await payment_in(client, made["id"], "Sent")
    assert sent["attributes"]["counterparty"]["name"] == "Ada Doe"

    async def three_events() -> bool:
        return len(wallet.unit_events()) == 3

    await eventually(three_events)
    assert wallet.unit_events() == ["payment.created", "payment.clearing", "payment.sent"]
    assert wallet.events("unit")[2]["data"][0]["relationships"]["payment"]["data"]["id"] == made["id"]


async def test_a_credit_is_debited_from_the_account_at_once_and_goes_straight_to_sent(
    client: httpx2.AsyncClient, wallet: Wallet
) -> None:
    before = (await client.get("/unit/accounts/10", headers=UNIT)).json()["data"]["attributes"]["balance"]
    made = await pay(client, 2_500, "Credit")
    after = (await client.get("/unit/accounts/10", headers=UNIT)).json()["data"]["attributes"]["balance"]
    assert before - after == 2_500
    await payment_in(client, made["id"], "Sent")

    async def two_events() -> bool:
        return len(wallet.unit_events()) == 2

    await eventually(two_events)
    assert wallet.unit_events() == ["payment.created", "payment.sent"]


@pytest.mark.parametrize(
    ("direction", "amount", "final", "reason"),
    [
        ("Debit", 10_013, "Rejected", "InsufficientFunds"),
        ("Debit", 10_017, "Returned", "InsufficientFunds"),
        ("Debit", 10_019, "Returned", "AccountClosed"),
        ("Debit", 10_029, "Sent", None),
        ("Debit", 10_041, "Returned", "ConsumerPaymentUnauthorized"),
        ("Credit", 10_031, "Returned", "NoAccount"),
        ("Credit", 10_037, "Rejected", "DailyACHCreditLimitExceeded"),
        ("Credit", 10_013, "Sent", None),
    ],
)
async def test_the_cents_decide_the_fate(
    client: httpx2.AsyncClient, direction: str, amount: int, final: str, reason: str | None
) -> None:
    made = await pay(client, amount, direction)
    ended = await payment_in(client, made["id"], final)
    assert ended["attributes"].get("reason") == reason


async def test_a_rejected_payment_is_created_without_ever_telling_payment_created(
    client: httpx2.AsyncClient, wallet: Wallet
) -> None:
    await dial(client, "unit", "create_payment", "decline")
    rejected = await pay(client)
    assert rejected["attributes"]["status"] == "Rejected"
    assert (await pay(client))["attributes"]["status"] == "Pending"

    async def told() -> bool:
        return len(wallet.unit_events()) >= 2

    await eventually(told)
    assert wallet.unit_events()[:2] == ["payment.rejected", "payment.created"]


async def test_a_stuck_payment_waits_until_it_is_transmitted(client: httpx2.AsyncClient, wallet: Wallet) -> None:
    made = await pay(client, 10_023)
    await always(lambda: "payment.clearing" not in wallet.unit_events(), for_s=0.3)
    body = {
        "data": {
            "type": "transmitAchPayment",
            "attributes": {},
            "relationships": {"payment": {"data": {"type": "achPayment", "id": made["id"]}}},
        }
    }
    answer = await client.post("/unit/sandbox/ach/transmit", json=body, headers=UNIT)
    assert answer.json()["data"]["attributes"]["status"] == "Clearing"
    await payment_in(client, made["id"], "Sent")


async def test_only_a_pending_payment_is_canceled(client: httpx2.AsyncClient) -> None:
    stuck = await pay(client, 10_023)
    canceled = await client.post(f"/unit/payments/{stuck['id']}/cancel", headers=UNIT)
    assert canceled.json()["data"]["attributes"]["status"] == "Canceled"
    again = await client.post(f"/unit/payments/{stuck['id']}/cancel", headers=UNIT)
    assert again.status_code == 400
    assert again.json()["errors"][0]["code"] == "payment_invalid"


async def test_a_return_after_sent_offsets_the_original_transaction(client: httpx2.AsyncClient) -> None:
    made = await pay(client, tags={"opId": "op_1"})
    await payment_in(client, made["id"], "Sent")
    returned = await client.post("/control/unit/return", json={"payment_id": made["id"], "reason": "R10"})
    assert returned.json()["status"] == "Returned"
    listed = await client.get("/unit/transactions", params={"filter[tags]": '{"opId":"op_1"}'}, headers=UNIT)
    kinds = {(item["type"], item["attributes"]["direction"]) for item in listed.json()["data"]}
    assert kinds == {("originatedAchTransaction", "Credit"), ("returnedAchTransaction", "Debit")}
    again = await client.post("/control/unit/return", json={"payment_id": made["id"]})
    assert again.status_code == 400


async def test_a_key_used_twenty_times_at_once_makes_one_payment(client: httpx2.AsyncClient) -> None:
    made = await asyncio.gather(*(pay(client, idempotencyKey="key-1") for _ in range(20)))
    assert len({payment["id"] for payment in made}) == 1
    assert len((await book(client, "unit"))["payments"]) == 1


async def test_a_key_finds_the_first_payment_for_48_hours_and_is_then_recycled(
    config: SandboxConfig, wallet: Wallet
) -> None:
    clock = ManualClock(SystemClock().now())
    async with running(config, wallet, clock) as client:
        first = await pay(client, idempotencyKey="key-1")
        assert (await pay(client, idempotencyKey="key-1"))["id"] == first["id"]
        await client.post("/control/clock", json={"advance_s": 48 * 3_600 - 1})
        assert (await pay(client, idempotencyKey="key-1"))["id"] == first["id"]
        await client.post("/control/clock", json={"advance_s": 1})
        assert (await pay(client, idempotencyKey="key-1"))["id"] != first["id"]
        assert len((await book(client, "unit"))["payments"]) == 2


PERSON = {
    "ssn": "912345678",
    "fullName": {"first": "Ada", "last": "Doe"},
    "dateOfBirth": "1990-12-10",
    "address": {"street": "20 Ingram", "city": "Forest Hills", "state": "NY", "postalCode": "11375", "country": "US"},
    "email": "ada@example.com",
    "phone": {"countryCode": "1", "number": "5555550123"},
}


async def test_a_key_of_anything_else_is_recycled_too_and_is_no_other_kinds(
    config: SandboxConfig, wallet: Wallet
) -> None:
    async def made(client: httpx2.AsyncClient, path: str, kind: str, related: dict[str, str], **given: Any) -> str:
        relationships = {name: {"data": {"type": name, "id": key}} for name, key in related.items()}
        attributes = {**given, "idempotencyKey": "key-1"}
        body = {"data": {"type": kind, "attributes": attributes, "relationships": relationships}}
        answer = await client.post(f"/unit{path}", json=body, headers=UNIT)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["data"]["id"])

    async def everything(client: httpx2.AsyncClient) -> list[str]:
        application = await made(client, "/applications", "individualApplication", {}, **PERSON)
        shown = (await client.get(f"/unit/applications/{application}", headers=UNIT)).json()["data"]
        customer = {"customer": shown["relationships"]["customer"]["data"]["id"]}
        account = await made(client, "/accounts", "depositAccount", customer, depositProduct="checking")
        card = await made(client, "/cards", "individualVirtualDebitCard", {"account": account})
        both = {"account": "10", "counterpartyAccount": account}
        moved = await made(client, "/payments", "bookPayment", both, amount=100, description="moved")
        return [application, account, card, moved]

    async with running(config, wallet, ManualClock(SystemClock().now())) as client:
        first = await everything(client)
        assert await everything(client) == first
        assert len(set(first)) == len(first)
        await client.post("/control/clock", json={"advance_s": 48 * 3_600})
        assert set(await everything(client)).isdisjoint(first)


@pytest.mark.parametrize(
    "query",
    [
        {"filter[tags]": '{"opId":"op_2"}'},
        {"filter[tags][opId]": "op_2"},
        {"filter[tags][opId]": "op_2", "filter[status][0]": "Pending", "filter[status][1]": "Canceled"},
        {"filter[tags]": '{"opId":"op_2"}', "filter[status]": "Pending", "filter[direction]": "Debit"},
    ],
)
async def test_payments_are_found_by_tags_in_either_encoding(client: httpx2.AsyncClient, query: dict[str, str]) -> None:
    await pay(client, 10_023, tags={"opId": "op_1"})
    wanted = await pay(client, 10_023, tags={"opId": "op_2", "kind": "pull"})
    found = (await client.get("/unit/payments", params=query, headers=UNIT)).json()
    assert [item["id"] for item in found["data"]] == [wanted["id"]]
    assert found["meta"]["pagination"] == {"limit": 100, "offset": 0, "total": 1}


async def test_a_list_is_paged_newest_first(client: httpx2.AsyncClient) -> None:
    made = [(await pay(client, 10_023))["id"] for _ in range(3)]
    page = {"page[limit]": "2", "page[offset]": "1"}
    found = (await client.get("/unit/payments", params=page, headers=UNIT)).json()
    assert [item["id"] for item in found["data"]] == [made[1], made[0]]
    assert found["meta"]["pagination"]["total"] == 3


@pytest.mark.parametrize(
    ("attributes", "pointer"),
    [
        ({"amount": 0}, "/data/attributes/amount"),
        ({"amount": True}, "/data/attributes/amount"),
        ({"amount": 12.5}, "/data/attributes/amount"),
        ({"amount": "100"}, "/data/attributes/amount"),
        ({"direction": "debit"}, "/data/attributes/direction"),
        ({"description": "ELEVEN CHAR"}, "/data/attributes/description"),
        ({"description": None}, "/data/attributes/description"),
        ({"tags": {"a": 1}}, "/data/attributes/tags"),
        ({"idempotencyKey": "k" * 256}, "/data/attributes/idempotencyKey"),
        ({"counterparty": None}, "/data/attributes/counterparty"),
        ({"plaidProcessorToken": "processor-x"}, "/data/attributes/counterparty"),
        ({"counterparty": None, "plaidProcessorToken": "processor-x"}, "/data/attributes/plaidProcessorToken"),
    ],
)
async def test_what_the_vendor_would_refuse_is_refused_with_a_pointer(
    client: httpx2.AsyncClient, attributes: dict[str, Any], pointer: str
) -> None:
    answer = await client.post("/unit/payments", json=payment(**attributes), headers=UNIT)
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert (error["status"], error["code"], error["source"]) == ("400", "invalid_value", {"pointer": pointer})
    assert (await book(client, "unit"))["payments"] == []


async def test_errors_speak_the_vendors_format_everywhere(client: httpx2.AsyncClient) -> None:
    for answer, status in (
        (await client.get("/unit/no-such-thing", headers=UNIT), 404),
        (await client.get("/unit/payments/1", headers=UNIT), 404),
        (await client.put("/unit/payments", headers=UNIT), 405),
        (await client.get("/unit/payments"), 401),
        (await client.post("/unit/payments", content=b"{", headers=UNIT), 400),
    ):
        assert answer.status_code == status
        assert answer.json()["errors"][0]["status"] == str(status)
        assert answer.headers["content-type"] == "application/vnd.api+json"


async def test_events_are_listed_for_those_who_missed_webhooks(client: httpx2.AsyncClient) -> None:
    await client.post("/control/webhooks", json={"vendor": "unit", "mode": "drop"})
    made = await pay(client)
    await payment_in(client, made["id"], "Sent")
    events = (await client.get("/unit/events", headers=UNIT)).json()["data"]
    assert [event["type"] for event in events] == ["payment.created", "payment.clearing", "payment.sent"]
    assert (await client.get(f"/unit/events/{events[0]['id']}", headers=UNIT)).json()["data"] == events[0]
