"""The vendors' own clients against the simulators, unchanged, over loopback: they cannot tell."""

import asyncio
import json
from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any, TypeVar

import plaid
import pytest
from plaid.api.plaid_api import PlaidApi
from plaid.model.accounts_get_request import AccountsGetRequest
from plaid.model.auth_get_request import AuthGetRequest
from plaid.model.country_code import CountryCode
from plaid.model.item_get_request import ItemGetRequest
from plaid.model.item_public_token_exchange_request import ItemPublicTokenExchangeRequest
from plaid.model.link_token_create_request import LinkTokenCreateRequest
from plaid.model.link_token_create_request_user import LinkTokenCreateRequestUser
from plaid.model.processor_token_create_request import ProcessorTokenCreateRequest
from plaid.model.products import Products
from plaid.model.sandbox_item_reset_login_request import SandboxItemResetLoginRequest
from plaid.model.sandbox_public_token_create_request import SandboxPublicTokenCreateRequest
from unit import Unit
from unit.models import Address, Counterparty, FullName, Phone, Relationship
from unit.models.account import CreateDepositAccountRequest
from unit.models.application import CreateIndividualApplicationRequest
from unit.models.card import CreateIndividualVirtualDebitCard
from unit.models.payment import CreateBookPaymentRequest, CreateInlinePaymentRequest, ListPaymentParams

from tests.providers.test_against_sandbox import World, still_world, world
from tests.sandbox.world import eventually

__all__ = ["still_world", "world"]

T = TypeVar("T")
HOUSE_ACCOUNT = {"account": Relationship("depositAccount", "10")}
ADA_AT_HER_BANK = Counterparty("812345678", "12345569", "Checking", "Ada Doe")


async def ask(call: Callable[[], T]) -> T:
    """The vendors' clients block, so they get a thread."""
    return await asyncio.to_thread(call)


def unit_client(world: World) -> Any:
    return Unit(api_url=f"{world.desk.base_url}/unit".replace("//unit", "/unit"), token="any")


def plaid_client(world: World) -> Any:
    host = f"{world.desk.base_url}/plaid".replace("//plaid", "/plaid")
    configuration = plaid.Configuration(host=host, api_key={"clientId": "any", "secret": "any"})
    return PlaidApi(plaid.ApiClient(configuration))


def pull(amount: int, key: str, **tags: str) -> Any:
    return CreateInlinePaymentRequest(
        amount, "TOPUP", ADA_AT_HER_BANK, HOUSE_ACCOUNT, idempotency_key=key, tags=tags, direction="Debit"
    )


async def test_units_client_pays_once_for_a_key_and_reads_it_back(still_world: World) -> None:
    client = unit_client(still_world)
    made = (await ask(lambda: client.payments.create(pull(25_00, "key-1", opId="op_1")))).data
    again = (await ask(lambda: client.payments.create(pull(25_00, "key-1", opId="op_1")))).data
    assert (made.id, made.attributes["status"], made.attributes["amount"]) == (again.id, "Pending", 25_00)
    read = (await ask(lambda: client.payments.get(made.id))).data
    assert read.attributes["counterparty"].name == "Ada Doe"
    canceled = (await ask(lambda: client.payments.cancel(made.id))).data
    assert canceled.attributes["status"] == "Canceled"


async def test_units_client_lists_with_every_filter(still_world: World) -> None:
    client = unit_client(still_world)
    for number in range(3):
        await ask(partial(client.payments.create, pull(10_00 + number, f"key-{number}", opId=f"op_{number}")))
    for params, amounts in (
        (ListPaymentParams(tags={"opId": "op_1"}), [10_01]),
        (ListPaymentParams(status=["Pending"], sort="createdAt"), [10_00, 10_01, 10_02]),
        (ListPaymentParams(status=["Sent", "Returned"]), []),
        (ListPaymentParams(type=["AchPayment", "achPayment"], direction=["Debit"], limit=1, sort="createdAt"), [10_00]),
        (ListPaymentParams(account_id="10", offset=2, sort="createdAt"), [10_02]),
        (ListPaymentParams(account_id="11"), []),
        (ListPaymentParams(since="2020-01-01T00:00:00.000Z", until="2020-01-02T00:00:00.000Z"), []),
    ):
        listed = await ask(partial(client.payments.list, params))
        assert [each.attributes["amount"] for each in listed.data] == amounts


async def test_units_client_accepts_our_signature_and_no_other(world: World) -> None:
    client = unit_client(world)
    await ask(lambda: client.payments.create(pull(25_00, "key-1", opId="ünïcode")))

    async def told() -> Any:
        return [each for each in world.wallet.received if each.vendor == "unit"]

    delivery = (await eventually(told))[0]
    secret = world.settings.unit_webhook_secret.get_secret_value()
    payload, signature = json.loads(delivery.body), delivery.headers["x-unit-signature"]
    assert client.webhooks.verify(signature, secret, payload)
    assert not client.webhooks.verify(signature, "another", payload)


async def test_units_client_reads_an_error_by_its_code(still_world: World) -> None:
    client = unit_client(still_world)
    refused = await ask(lambda: client.payments.get("999"))
    assert [each.code for each in refused.errors] == ["not_found"]


async def test_units_client_makes_a_customer_an_account_and_a_card(still_world: World) -> None:
    client = unit_client(still_world)
    person = CreateIndividualApplicationRequest(
        FullName("Ada", "Doe"),
        date(1990, 12, 10),
        Address("20 Ingram Street", "Forest Hills", "NY", "11375", "US"),
        "ada@example.com",
        Phone("1", "5555550123"),
        ssn="912345678",
        idempotency_key="key-a",
    )
    application = (await ask(lambda: client.applications.create(person))).data
    assert application.attributes["status"] == "Approved"
    customer_id = application.relationships["customer"].id
    customer = (await ask(lambda: client.customers.get(customer_id))).data
    assert customer.attributes["fullName"].last == "Doe"
    opening = CreateDepositAccountRequest("checking", {"customer": Relationship("customer", customer_id)})
    account = (await ask(lambda: client.accounts.create(opening))).data
    assert account.attributes["status"] == "Open"
    related = {"account": Relationship("depositAccount", account.id)}
    card = (await ask(lambda: client.cards.create(CreateIndividualVirtualDebitCard(related)))).data
    assert (card.attributes["status"], len(card.attributes["last4Digits"])) == ("Active", 4)
    frozen = (await ask(lambda: client.cards.freeze(card.id))).data
    assert frozen.attributes["status"] == "Frozen"
    both = {**HOUSE_ACCOUNT, "counterpartyAccount": Relationship("depositAccount", account.id)}
    moved = (await ask(lambda: client.payments.create(CreateBookPaymentRequest(1_00, "Welcome", both)))).data
    assert (moved.type, moved.attributes["status"]) == ("bookPayment", "Sent")


async def test_plaids_client_goes_the_whole_way_to_a_processor_token(still_world: World) -> None:
    client = plaid_client(still_world)
    asked = LinkTokenCreateRequest(
        client_name="Wallet",
        language="en",
        country_codes=[CountryCode("US")],
        user=LinkTokenCreateRequestUser(client_user_id="usr_1"),
        products=[Products("auth")],
    )
    link = await ask(lambda: client.link_token_create(asked))
    assert link.link_token.startswith("link-sandbox-")
    dialogue = SandboxPublicTokenCreateRequest(institution_id="ins_109508", initial_products=[Products("auth")])
    public = await ask(lambda: client.sandbox_public_token_create(dialogue))
    spent = ItemPublicTokenExchangeRequest(public_token=public.public_token)
    item = await ask(lambda: client.item_public_token_exchange(spent))
    accounts = await ask(lambda: client.accounts_get(AccountsGetRequest(access_token=item.access_token)))
    assert next((each.account_id, each.mask) for each in accounts.accounts) == ("acc-checking", "0000")
    auth = await ask(lambda: client.auth_get(AuthGetRequest(access_token=item.access_token)))
    assert {each.account_id for each in auth.numbers.ach} == {"acc-checking", "acc-savings"}
    wanted = ProcessorTokenCreateRequest(access_token=item.access_token, account_id="acc-checking", processor="unit")
    processor = await ask(lambda: client.processor_token_create(wanted))
    assert processor.processor_token.startswith("processor-sandbox-")
    with pytest.raises(plaid.ApiException) as refused:
        await ask(lambda: client.item_public_token_exchange(spent))
    assert json.loads(refused.value.body)["error_code"] == "INVALID_PUBLIC_TOKEN"


async def test_plaids_client_sees_a_login_that_broke_and_updates_it(still_world: World) -> None:
    client = plaid_client(still_world)
    dialogue = SandboxPublicTokenCreateRequest(institution_id="ins_109508", initial_products=[Products("auth")])
    public = await ask(lambda: client.sandbox_public_token_create(dialogue))
    spent = ItemPublicTokenExchangeRequest(public_token=public.public_token)
    item = await ask(lambda: client.item_public_token_exchange(spent))
    broken = SandboxItemResetLoginRequest(access_token=item.access_token)
    assert (await ask(lambda: client.sandbox_item_reset_login(broken))).reset_login
    shown = await ask(lambda: client.item_get(ItemGetRequest(access_token=item.access_token)))
    assert shown.item.error.error_code == "ITEM_LOGIN_REQUIRED"
    update = LinkTokenCreateRequest(
        client_name="Wallet",
        language="en",
        country_codes=[CountryCode("US")],
        user=LinkTokenCreateRequestUser(client_user_id="usr_1"),
        access_token=item.access_token,
    )
    assert (await ask(lambda: client.link_token_create(update))).link_token.startswith("link-sandbox-")
