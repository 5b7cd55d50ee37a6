"""Unit: what is asked of it, what its answers mean, and which webhooks are its own."""

import hmac
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from app.errors import CurrencyMismatch, Malformed, SignatureInvalid
from app.money import BTC, USD, Money
from app.providers.outcomes import Declined, OutcomeUnknown, Unavailable
from app.providers.ports import AchOrder, MovesAch, PaymentStatus
from app.providers.transport import Transport
from app.providers.unit import wire
from app.providers.unit.adapter import UnitAdapter, request_headers
from app.providers.unit.webhooks import read_events
from tests.providers.tiny_vendor import Answer, TinyVendor

ORDER = AchOrder(
    direction="Debit",
    amount=Money(2500, USD),
    processor_token=SecretStr("processor-1"),
    counterparty_name="Ada Doe",
    reference="eff_9",
    description="TOPUP",
)
SECRETS = [SecretStr("unit-secret-1")]
BODY = b'{"data":[{"id":"1001","type":"payment.returned","attributes":{"reason":"InsufficientFunds"}}]}'
SIGNATURE = "S3hY2I++kQswQL+2TVxHlhNxxYg="

EVENT = {
    "id": "1001",
    "type": "payment.returned",
    "attributes": {"previousStatus": "Sent", "reason": "InsufficientFunds", "counterparty": {"name": "Ada Doe"}},
    "relationships": {"payment": {"data": {"id": "50", "type": "achPayment"}}},
}


def signed(body: bytes, secret: str) -> str:
    return b64encode(hmac.digest(secret.encode(), body, "sha1")).decode()


def payment(status: str = "Pending", *, id_: str = "50", reference: str = "eff_9", **more: Any) -> dict[str, Any]:
    attributes = {"status": status, "direction": "Debit", "amount": 2500, "tags": {"opId": reference}, **more}
    return {"type": "achPayment", "id": id_, "attributes": attributes}


def error(code: str, **more: Any) -> dict[str, Any]:
    return {"errors": [{"status": "400", "code": code, "title": "Bad Request", **more}]}


@asynccontextmanager
async def unit(vendor: TinyVendor) -> AsyncIterator[MovesAch]:
    transport = Transport(
        "unit",
        base_url="http://unit.test",
        timeout_s=1,
        error_code=wire.error_code,
        headers=request_headers(SecretStr("token")),
        transport=httpx2.ASGITransport(vendor),
    )
    yield UnitAdapter(transport, account_id="10")
    await transport.aclose()


def answering(*answers: Answer) -> tuple[TinyVendor, AbstractAsyncContextManager[MovesAch]]:
    vendor = TinyVendor(*answers)
    return vendor, unit(vendor)


async def test_a_pull_is_asked_for_with_key_reference_and_processor_token() -> None:
    vendor, opened = answering(Answer(201, {"data": payment()}))
    async with opened as ach:
        made = await ach.create_payment(ORDER, key="key-1")
    assert (made.id, made.status, made.amount, made.reference) == (
        "50",
        PaymentStatus.PENDING,
        Money(2500, USD),
        "eff_9",
    )
    assert (vendor.last.method, vendor.last.path) == ("POST", "/payments")
    assert vendor.last.headers["content-type"] == "application/vnd.api+json"
    assert vendor.last.headers["authorization"] == "Bearer token"
    assert vendor.last.json == {
        "data": {
            "type": "achPayment",
            "attributes": {
                "amount": 2500,
                "direction": "Debit",
                "description": "TOPUP",
                "plaidProcessorToken": "processor-1",
                "counterpartyName": "Ada Doe",
                "idempotencyKey": "key-1",
                "tags": {"opId": "eff_9"},
            },
            "relationships": {"account": {"data": {"type": "depositAccount", "id": "10"}}},
        }
    }


STATUSES = [
    ("Pending", PaymentStatus.PENDING),
    ("PendingReview", PaymentStatus.PENDING_REVIEW),
    ("Pending Review", PaymentStatus.PENDING_REVIEW),
    ("Clearing", PaymentStatus.CLEARING),
    ("Sent", PaymentStatus.SENT),
    ("Returned", PaymentStatus.RETURNED),
    ("Rejected", PaymentStatus.REJECTED),
    ("Canceled", PaymentStatus.CANCELED),
    ("Teleported", PaymentStatus.UNRECOGNISED),
    ("pending", PaymentStatus.UNRECOGNISED),
]


@pytest.mark.parametrize(("told", "meant"), STATUSES)
def test_every_status_has_its_word(told: str, meant: PaymentStatus) -> None:
    assert wire.payment({"data": payment(told)}).status is meant


UNREADABLE: list[Callable[[dict[str, Any]], object]] = [
    lambda data: data.pop("id"),
    lambda data: data.update(id=50),
    lambda data: data["attributes"].update(amount=25.5),
    lambda data: data["attributes"].update(amount="2500"),
    lambda data: data["attributes"].update(amount=True),
    lambda data: data["attributes"].update(amount=10**40),
    lambda data: data["attributes"].update(direction="Sideways"),
    lambda data: data["attributes"].pop("status"),
    lambda data: data.update(attributes=None),
]


@pytest.mark.parametrize("damage", UNREADABLE)
async def test_a_payment_that_cannot_be_read_is_an_unknown_outcome(damage: Callable[[dict[str, Any]], object]) -> None:
    data = payment()
    damage(data)
    _, opened = answering(Answer(201, {"data": data}))
    async with opened as ach:
        with pytest.raises(OutcomeUnknown, match="unintelligible"):
            await ach.create_payment(ORDER, key="key-1")
        with pytest.raises(Unavailable, match="unintelligible"):
            await ach.payment("50")


async def test_created_but_rejected_is_declined_with_the_banks_reason() -> None:
    _, opened = answering(Answer(201, {"data": payment("Rejected", reason="CounterpartyInsufficientFunds")}))
    async with opened as ach:
        with pytest.raises(Declined, match="CounterpartyInsufficientFunds"):
            await ach.create_payment(ORDER, key="key-1")


async def test_a_conflict_with_an_existing_payment_finds_that_payment() -> None:
    conflict = Answer(409, error("already_exists", meta={"existingIds": ["50"]}))
    vendor, opened = answering(conflict, Answer(200, {"data": payment("Sent")}))
    async with opened as ach:
        assert (await ach.create_payment(ORDER, key="key-1")).status is PaymentStatus.SENT
    assert [(each.method, each.path) for each in vendor.asked] == [("POST", "/payments"), ("GET", "/payments/50")]


@pytest.mark.parametrize(
    "then", [Answer(500), Answer(404, error("payment_not_found")), Answer(400, error("invalid_value"))]
)
async def test_an_existing_payment_that_cannot_be_read_is_not_undone(then: Answer) -> None:
    _, opened = answering(Answer(409, error("already_exists", meta={"existingIds": ["50"]})), then)
    async with opened as ach:
        with pytest.raises(OutcomeUnknown):
            await ach.create_payment(ORDER, key="key-1")


@pytest.mark.parametrize("other", [{"reference": "eff_8"}, {"amount": 2501}, {"direction": "Credit"}])
async def test_a_key_that_brings_up_another_payment_is_not_taken_for_ours(other: dict[str, Any]) -> None:
    _, opened = answering(Answer(201, {"data": payment(**other)}))
    async with opened as ach:
        with pytest.raises(OutcomeUnknown, match="another-payment"):
            await ach.create_payment(ORDER, key="key-1")


@pytest.mark.parametrize("status", [400, 404])
async def test_a_payment_that_is_not_there_is_none_whatever_the_status(status: int) -> None:
    vendor, opened = answering(Answer(status, error("payment_not_found")))
    async with opened as ach:
        assert await ach.payment("50") is None
    assert len(vendor.asked) == 1


async def test_a_404_of_a_box_on_the_way_proves_no_absence() -> None:
    _, opened = answering(Answer(404, b"<html>"))
    async with opened as ach:
        with pytest.raises(Unavailable):
            await ach.payment("50")


async def test_a_payment_is_found_by_our_reference() -> None:
    vendor, opened = answering(Answer(200, {"data": [payment()]}), Answer(200, {"data": []}))
    async with opened as ach:
        found = await ach.find_payment("eff_9")
        assert found is not None
        assert found.id == "50"
        assert await ach.find_payment("eff_9") is None
    assert vendor.last.query == {"filter[tags]": '{"opId":"eff_9"}', "page[limit]": "100"}


async def test_of_several_payments_the_oldest_that_moves_money_is_found() -> None:
    listed = [payment(id_="100"), payment(id_="99"), payment("Rejected", id_="9")]
    _, opened = answering(Answer(200, {"data": listed}), Answer(200, {"data": listed[2:]}))
    async with opened as ach:
        assert [(await ach.find_payment("eff_9")) for _ in range(2)] == [
            wire.payment({"data": listed[1]}),
            wire.payment({"data": listed[2]}),
        ]


async def test_a_list_that_ignores_our_filter_proves_nothing() -> None:
    _, opened = answering(Answer(200, {"data": [payment(reference="eff_1")]}))
    async with opened as ach:
        with pytest.raises(Unavailable, match="unintelligible"):
            await ach.find_payment("eff_9")


async def test_a_payment_is_cancelled_or_the_bank_says_why_not() -> None:
    vendor, opened = answering(Answer(200, {"data": payment("Canceled")}), Answer(400, error("invalid_value")))
    async with opened as ach:
        assert (await ach.cancel_payment("50")).status is PaymentStatus.CANCELED
        assert (vendor.last.method, vendor.last.path) == ("POST", "/payments/50/cancel")
        with pytest.raises(Declined, match="invalid_value"):
            await ach.cancel_payment("50")


async def test_only_dollars_move_by_ach() -> None:
    order = AchOrder("Debit", Money(1, BTC), SecretStr("p"), "Ada", "eff_9", "TOPUP")
    vendor, opened = answering(Answer(201))
    async with opened as ach:
        with pytest.raises(CurrencyMismatch):
            await ach.create_payment(order, key="key-1")
    assert vendor.asked == []


@pytest.mark.parametrize(("minor", "description"), [(0, "TOPUP"), (-1, "TOPUP"), (1, ""), (1, "ELEVEN CHAR")])
def test_an_order_the_bank_would_refuse_cannot_be_built(minor: int, description: str) -> None:
    with pytest.raises(ValueError, match=r"moves|characters"):
        AchOrder("Debit", Money(minor, USD), SecretStr("p"), "Ada", "eff_9", description)


def test_the_published_signature_is_accepted_and_its_event_read() -> None:
    (event,) = read_events(BODY, {"x-unit-signature": SIGNATURE}, SECRETS)
    assert (event.provider, event.event_id, event.type, event.refs) == ("unit", "1001", "payment.returned", ())
    assert event.payload == {"type": "payment.returned", "reason": "InsufficientFunds"}


def test_while_a_secret_is_rotated_either_signs() -> None:
    assert read_events(BODY, {"x-unit-signature": SIGNATURE}, [SecretStr("new"), *SECRETS])


FORGED: list[tuple[bytes, dict[str, str], list[SecretStr]]] = [
    (BODY + b" ", {"x-unit-signature": SIGNATURE}, SECRETS),
    (BODY, {}, SECRETS),
    (BODY, {"x-unit-signature": "\u00e9"}, SECRETS),
    (BODY, {"x-unit-signature": SIGNATURE}, []),
    (BODY, {"x-unit-signature": SIGNATURE}, [SecretStr("other")]),
    (BODY, {"x-unit-signature": signed(BODY, "")}, [SecretStr("")]),
]


@pytest.mark.parametrize(("body", "headers", "secrets"), FORGED)
def test_a_delivery_that_is_not_units_is_refused(
    body: bytes, headers: dict[str, str], secrets: list[SecretStr]
) -> None:
    with pytest.raises(SignatureInvalid):
        read_events(body, headers, secrets)


def test_events_of_any_type_name_the_payment_they_concern() -> None:
    body = json.dumps({"data": [EVENT, {**EVENT, "id": "1002", "type": "payment.invented"}]}).encode()
    first, second = read_events(body, {"x-unit-signature": signed(body, "unit-secret-1")}, SECRETS)
    assert first.refs == second.refs == ("unit:payment:50",)
    assert (first.event_id, second.event_id, second.type) == ("1001", "1002", "payment.invented")
    assert "Ada" not in repr((first, second))


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"{}",
        b'{"data":{}}',
        b'{"data":[1]}',
        b'{"data":[{"type":"t"}]}',
        b'{"data":[{"id":1,"type":"t"}]}',
    ],
)
def test_a_signed_delivery_that_cannot_be_read_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_events(body, {"x-unit-signature": signed(body, "unit-secret-1")}, SECRETS)
