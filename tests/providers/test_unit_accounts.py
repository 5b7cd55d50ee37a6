"""Unit as the bank that keeps accounts and issues cards: against the sandbox over loopback, faults included."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import httpx2
import pytest
from pydantic import SecretStr

from app.money import USD, Money
from app.providers.bank_ports import (
    ApplicationStatus,
    BookOrder,
    CardStatus,
    DepositAccount,
    DepositAccountStatus,
)
from app.providers.outcomes import Declined, OutcomeUnknown
from app.providers.ports import Person
from tests.providers.test_against_sandbox import World, still_world, world

__all__ = ["still_world", "world"]

ADA = Person(
    first_name="Ada",
    last_name="Doe",
    born_on=date(1990, 12, 10),
    street="20 Ingram Street",
    city="Forest Hills",
    state="NY",
    postal_code="11375",
    country="US",
    email="ada@example.com",
    phone="+15555550123",
    ssn=SecretStr("912345678"),
)


def somebody(ssn: str) -> Person:
    return replace(ADA, ssn=SecretStr(ssn))


async def opened(world: World, reference: str = "eff_open") -> DepositAccount:
    application = await world.providers.accounts.apply(ADA, reference=f"{reference}-a", key=f"{reference}-a")
    assert application.customer_id is not None
    return await world.providers.accounts.open_account(application.customer_id, reference=reference, key=reference)


def test_a_person_says_nothing_of_themselves() -> None:
    assert "Ada" not in repr(ADA)
    assert "Ada" not in str(ADA)


@pytest.mark.parametrize(
    ("ssn", "status"),
    [
        ("912345678", ApplicationStatus.APPROVED),
        ("000000001", ApplicationStatus.DENIED),
        ("000000002", ApplicationStatus.AWAITING_DOCUMENTS),
        ("000000004", ApplicationStatus.PENDING_REVIEW),
    ],
)
async def test_an_application_goes_as_the_bank_decides(still_world: World, ssn: str, status: ApplicationStatus) -> None:
    accounts = still_world.providers.accounts
    made = await accounts.apply(somebody(ssn), reference="eff_1", key="eff_1")
    assert made.status is status
    assert (made.customer_id is not None) is (status is ApplicationStatus.APPROVED)
    assert await accounts.application(made.id) == made
    assert await accounts.find_application("eff_1") == made
    assert await accounts.find_application("eff_2") is None


async def test_a_reviewed_application_is_approved_later(still_world: World) -> None:
    accounts = still_world.providers.accounts
    made = await accounts.apply(somebody("000000004"), reference="eff_1", key="eff_1")
    path = f"/unit/sandbox/applications/{made.id}/approve"
    (await still_world.desk.post(path, headers={"Authorization": "Bearer any"})).raise_for_status()
    decided = await accounts.application(made.id)
    assert decided is not None
    assert decided.status is ApplicationStatus.APPROVED
    assert decided.customer_id is not None


async def test_a_person_without_an_american_phone_is_not_served(still_world: World) -> None:
    with pytest.raises(Declined, match="person-not-served") as declined:
        await still_world.providers.accounts.apply(replace(ADA, phone="+4930123456"), reference="eff_1", key="eff_1")
    assert declined.value.__cause__ is None
    assert await still_world.providers.accounts.find_application("eff_1") is None


async def test_the_same_key_makes_each_thing_once(still_world: World) -> None:
    providers = still_world.providers
    first = await providers.accounts.apply(ADA, reference="eff_1", key="eff_1")
    assert await providers.accounts.apply(ADA, reference="eff_1", key="eff_1") == first
    account = await opened(still_world)
    assert await opened(still_world) == account
    card = await providers.cards.issue_card(account.id, reference="eff_c", key="eff_c")
    assert await providers.cards.issue_card(account.id, reference="eff_c", key="eff_c") == card
    assert await providers.cards.find_card("eff_c") == card


async def test_a_lost_answer_is_found_by_our_reference(still_world: World) -> None:
    accounts = still_world.providers.accounts
    await still_world.dial("unit", "create_application", "timeout_after")
    with pytest.raises(OutcomeUnknown):
        await accounts.apply(ADA, reference="eff_1", key="eff_1")
    found = await accounts.find_application("eff_1")
    assert found is not None
    assert (await accounts.apply(ADA, reference="eff_1", key="eff_1")).id == found.id
    await still_world.dial("unit", "create_account", "timeout_after")
    with pytest.raises(OutcomeUnknown):
        await accounts.open_account(str(found.customer_id), reference="eff_2", key="eff_2")
    assert await accounts.find_account("eff_2") is not None


async def test_a_key_used_for_something_else_is_not_taken_for_ours(still_world: World) -> None:
    accounts = still_world.providers.accounts
    await accounts.apply(ADA, reference="eff_1", key="shared")
    with pytest.raises(OutcomeUnknown, match="another-resource"):
        await accounts.apply(ADA, reference="eff_2", key="shared")


async def test_an_account_shows_its_mask_and_tells_its_numbers_when_asked(still_world: World) -> None:
    accounts = still_world.providers.accounts
    account = await opened(still_world)
    numbers = await accounts.account_numbers(account.id)
    assert numbers is not None
    full = numbers.account_number.get_secret_value()
    assert account.mask == full[-4:]
    assert full not in repr(account)
    assert full not in repr(numbers)
    assert len(numbers.routing_number.get_secret_value()) == 9
    assert await accounts.account_numbers("999") is None


async def test_an_account_is_frozen_unfrozen_and_closed(still_world: World) -> None:
    accounts = still_world.providers.accounts
    account = await opened(still_world)
    assert (await accounts.freeze_account(account.id, "under review")).status is DepositAccountStatus.FROZEN
    with pytest.raises(Declined, match="not_supported_for_account_status"):
        await accounts.freeze_account(account.id, "again")
    assert (await accounts.unfreeze_account(account.id)).status is DepositAccountStatus.OPEN
    assert (await accounts.close_account(account.id)).status is DepositAccountStatus.CLOSED
    closed = await accounts.account(account.id)
    assert closed is not None
    assert closed.status is DepositAccountStatus.CLOSED


async def test_a_book_payment_moves_once_and_a_short_one_is_declined(still_world: World) -> None:
    account = await opened(still_world)
    order = BookOrder(Money(25_00, USD), "10", account.id, "eff_b", "Settlement of card spending")
    made = await still_world.providers.inside.move(order, key="eff_b")
    assert await still_world.providers.inside.move(order, key="eff_b") == made
    assert made.is_sent
    assert await still_world.providers.inside.find_movement("eff_b") == made
    too_much = BookOrder(Money(26_00, USD), account.id, "10", "eff_c", "Back")
    with pytest.raises(Declined, match="InsufficientFunds"):
        await still_world.providers.inside.move(too_much, key="eff_c")
    with pytest.raises(ValueError, match="moves something"):
        replace(order, amount=Money(0, USD))
    with pytest.raises(ValueError, match="80 characters"):
        replace(order, description="x" * 81)


async def test_a_card_is_issued_frozen_and_unfrozen(still_world: World) -> None:
    cards = still_world.providers.cards
    card = await cards.issue_card((await opened(still_world)).id, reference="eff_c", key="eff_c")
    assert (len(card.mask), card.status) == (4, CardStatus.ACTIVE)
    assert (await cards.freeze_card(card.id)).status is CardStatus.FROZEN
    assert (await cards.unfreeze_card(card.id)).status is CardStatus.ACTIVE
    assert await cards.card(card.id) == card
    assert await cards.card("999") is None


async def test_what_a_card_moved_is_told_from_other_transactions(still_world: World) -> None:
    account = await opened(still_world)
    card = await still_world.providers.cards.issue_card(account.id, reference="eff_c", key="eff_c")
    asked = {"card_id": card.id, "amount": 12_34}
    cleared = (await still_world.desk.post("/control/unit/card-clearing", json=asked)).json()
    movement = await still_world.providers.cards.card_movement(account.id, cleared["transaction_id"])
    assert movement is not None
    assert (movement.card_id, movement.amount, movement.is_credit) == (card.id, Money(12_34, USD), False)
    assert movement.authorization_id is None
    order = BookOrder(Money(1, USD), "10", account.id, "eff_b", "Not a card's")
    await still_world.providers.inside.move(order, key="eff_b")
    listed = await still_world.desk.get("/unit/transactions", headers={"Authorization": "Bearer any"})
    booked = next(each for each in listed.json()["data"] if each["type"] == "bookTransaction")
    owner = booked["relationships"]["account"]["data"]["id"]
    assert await still_world.providers.cards.card_movement(owner, booked["id"]) is None
    assert await still_world.providers.cards.card_movement(account.id, "999") is None
    assert await still_world.providers.cards.card_authorization("999") is None


async def test_the_list_of_events_says_what_the_webhooks_said(still_world: World) -> None:
    began = datetime.now(UTC) - timedelta(minutes=1)
    await opened(still_world)
    pages = still_world.providers.event_lists["unit"].events_since(began)
    listed = [event async for page in pages for event in page]
    assert [event.type for event in listed] == [
        "application.created",
        "customer.created",
        "application.approved",
        "account.created",
    ]
    assert listed[0].refs == listed[2].refs != ()
    assert listed[1].refs == listed[3].refs == ()


async def test_the_desk_makes_an_applicant_somebody_else(still_world: World) -> None:
    people, desk = still_world.providers.people, still_world.desk
    applicant = await people.applicant_for("default.usr_1")
    change = {"applicant_id": applicant.id, "info": {"tin": "000000004", "firstName": "Grace"}}
    (await desk.post("/control/sumsub/person", json=change)).raise_for_status()
    person = await people.person(applicant.id)
    assert (person.first_name, person.ssn.get_secret_value(), person.country) == ("Grace", "000000004", "US")
    change = {"applicant_id": applicant.id, "info": {"tin": ""}}
    (await desk.post("/control/sumsub/person", json=change)).raise_for_status()
    with pytest.raises(Declined, match="person-incomplete"):
        await people.person(applicant.id)


async def test_a_verification_done_elsewhere_is_reused_once(still_world: World) -> None:
    people = still_world.providers.people
    token = await share_token(still_world.desk)
    applicant = await people.reuse(token, "default.usr_1")
    review = await people.review(applicant.id)
    assert review is not None
    assert review.level == "verified"
    assert await people.reuse(token, "default.usr_1") == applicant
    with pytest.raises(Declined):
        await people.reuse(token, "default.usr_2")


async def share_token(desk: httpx2.AsyncClient) -> SecretStr:
    answer = await desk.post("/control/sumsub/share-token", json={"external_user_id": "elsewhere-1"})
    return SecretStr(answer.json()["share_token"])
