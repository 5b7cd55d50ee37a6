"""Bank links against the sandbox's Plaid: what is kept is sealed, what is shown is a mask."""

from typing import Any

import pytest
from bson import BSON
from pydantic import SecretStr

from app.errors import BankLinkRefused, Missing, ProviderUnavailable
from app.ids import new_id, public_id
from app.plumbing.sealing import BrokenSeal
from tests.worlds import BOOK, Customer, World


@pytest.fixture
async def world(calm_world: World) -> World:
    return calm_world


@pytest.fixture
async def eve(world: World) -> Customer:
    """Made when nothing goes wrong any more, whatever the test before had dialled."""
    return await world.customer(new_id("eve"))


async def stored(world: World, customer: Customer) -> dict[str, Any]:
    document = await world.runtime.database["bank_links"].find_one({"_id": f"{BOOK}/{customer.bank_link_id}"})
    assert document is not None
    return document


async def test_no_token_lies_open_in_the_database(world: World, ada: Customer) -> None:
    document = await stored(world, ada)
    link_id = f"{BOOK}/{ada.bank_link_id}"
    processor_token = (await world.runtime.bank_links.processor_token(link_id)).get_secret_value()
    assert processor_token.startswith("processor-")
    raw = bytes(BSON.encode(document))
    for part in (processor_token, processor_token.partition("-")[2], "access-sandbox", "processor-sandbox"):
        assert raw.find(part.encode()) == -1
    assert set(document["access_token"]) == {"key_id", "nonce", "ciphertext"}


async def test_a_sealed_token_is_worth_nothing_in_another_link(world: World, ada: Customer, eve: Customer) -> None:
    mine = await stored(world, ada)
    await world.runtime.database["bank_links"].update_one(
        {"_id": f"{BOOK}/{eve.bank_link_id}"}, {"$set": {"processor_token": mine["processor_token"]}}
    )
    with pytest.raises(BrokenSeal):
        await world.runtime.bank_links.processor_token(f"{BOOK}/{eve.bank_link_id}")


async def test_a_link_shows_its_name_and_mask(world: World, ada: Customer) -> None:
    link = (await world.runtime.bank_links.all_of(BOOK, ada.user_id))[0]
    assert (public_id(link.id), link.mask, link.status) == (ada.bank_link_id, "0000", "linked")
    assert await world.runtime.bank_links.own(BOOK, ada.user_id, ada.bank_link_id) == link


async def test_a_link_is_its_owners_in_its_own_book(world: World, ada: Customer, eve: Customer) -> None:
    for book, user in ((BOOK, eve.user_id), ("another", ada.user_id)):
        with pytest.raises(Missing):
            await world.runtime.bank_links.own(book, user, ada.bank_link_id)
    assert [public_id(link.id) for link in await world.runtime.bank_links.all_of(BOOK, eve.user_id)] == [
        eve.bank_link_id
    ]
    assert await world.runtime.bank_links.all_of("another", ada.user_id) == []


async def test_a_public_token_works_once(world: World, ada: Customer) -> None:
    login = await world.bank_login()
    links = world.runtime.bank_links
    await links.link(BOOK, ada.user_id, login["public_token"], login["account_id"])
    with pytest.raises(BankLinkRefused, match="invalid_public_token"):
        await links.link(BOOK, ada.user_id, login["public_token"], login["account_id"])
    assert public_id((await links.all_of(BOOK, ada.user_id))[-1].id) != ada.bank_link_id


async def logins(world: World) -> list[dict[str, Any]]:
    """What the vendor may reach."""
    listed: list[dict[str, Any]] = (await world.desk.get("/control/plaid/book")).json()["items"]
    return listed


async def test_an_account_that_the_login_does_not_have_is_refused_and_the_login_given_back(
    world: World, ada: Customer
) -> None:
    login, links = await world.bank_login(), world.runtime.bank_links
    before, reached = await links.all_of(BOOK, ada.user_id), await logins(world)
    with pytest.raises(BankLinkRefused, match="no such account"):
        await links.link(BOOK, ada.user_id, login["public_token"], "acc-of-somebody-else")
    assert await links.all_of(BOOK, ada.user_id) == before
    assert await logins(world) == reached
    other = await world.bank_login()
    await world.dial("plaid remove_item", "error")
    with pytest.raises(BankLinkRefused, match="no such account"):
        await links.link(BOOK, ada.user_id, other["public_token"], "acc-of-somebody-else")


@pytest.mark.parametrize("call", ["exchange_public_token", "get_accounts", "create_processor_token"])
async def test_a_vendor_that_is_not_there_links_nothing(world: World, ada: Customer, call: str) -> None:
    login, links = await world.bank_login(), world.runtime.bank_links
    before = await links.all_of(BOOK, ada.user_id)
    await world.dial(f"plaid {call}", "error", times=5)
    with pytest.raises(ProviderUnavailable):
        await links.link(BOOK, ada.user_id, login["public_token"], login["account_id"])
    assert await links.all_of(BOOK, ada.user_id) == before


async def test_without_the_vendor_no_dialogue_opens(world: World, ada: Customer) -> None:
    await world.dial("plaid create_link_token", "error", times=5)
    with pytest.raises(ProviderUnavailable):
        await world.runtime.bank_links.link_token(ada.user_id)


async def test_a_link_that_is_gone_has_no_token(world: World) -> None:
    with pytest.raises(Missing):
        await world.runtime.bank_links.processor_token(f"{BOOK}/lnk_gone")


async def test_tokens_hide_themselves_when_they_are_printed(world: World, ada: Customer) -> None:
    token, _ = await world.runtime.bank_links.link_token(ada.user_id)
    assert isinstance(token, SecretStr)
    assert token.get_secret_value() not in repr(token)


async def set_login(world: World, customer: Customer, *, required: bool) -> None:
    body = {"item_id": (await stored(world, customer))["item_id"], "required": required}
    (await world.desk.post("/control/plaid/login", json=body)).raise_for_status()
    await world.act()


async def status_of(world: World, customer: Customer) -> str:
    return (await world.runtime.bank_links.own(BOOK, customer.user_id, customer.bank_link_id)).status


async def test_a_login_that_breaks_needs_an_update_until_it_is_repaired(world: World, eve: Customer) -> None:
    await set_login(world, eve, required=True)
    assert await status_of(world, eve) == "needs-update"
    headers = await world.signed_in(eve.name)
    answer = await world.api.post(f"/v1/bank-links/{eve.bank_link_id}/token", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["link_token"].startswith("link-sandbox-")
    (listed,) = (await world.api.get("/v1/bank-links", headers=headers)).json()["items"]
    assert listed["status"] == "needs-update"
    await set_login(world, eve, required=False)
    assert await status_of(world, eve) == "linked"


async def test_an_event_says_where_to_look_and_not_what_is_true(world: World, eve: Customer) -> None:
    links, ref = world.runtime.bank_links, f"plaid:item:{(await stored(world, eve))['item_id']}"
    assert await links.hear("ITEM.ERROR", [ref], {})
    assert await status_of(world, eve) == "linked"
    assert await links.hear("ITEM.PENDING_DISCONNECT", [ref], {})
    assert await status_of(world, eve) == "needs-update"
    assert await links.hear("ITEM.ERROR", ["plaid:item:unknown"], {}) is False
    assert await links.hear("LINK.SESSION_FINISHED", [], {}) is None


async def test_a_login_that_is_gone_is_revoked_and_cannot_be_updated(world: World, eve: Customer) -> None:
    document = await stored(world, eve)
    access_token = world.runtime.bank_links._sealer.open(document["access_token"], document["_id"])
    asked = {"client_id": "any", "secret": "any", "access_token": access_token.get_secret_value()}
    (await world.desk.post("/plaid/item/remove", json=asked)).raise_for_status()
    await world.runtime.bank_links.hear("ITEM.USER_PERMISSION_REVOKED", [f"plaid:item:{document['item_id']}"], {})
    assert await status_of(world, eve) == "revoked"
    with pytest.raises(BankLinkRefused, match="invalid_access_token"):
        await world.runtime.bank_links.update_token(BOOK, eve.user_id, eve.bank_link_id)


async def test_an_update_token_is_for_the_links_owner(world: World, ada: Customer, eve: Customer) -> None:
    with pytest.raises(Missing):
        await world.runtime.bank_links.update_token(BOOK, eve.user_id, ada.bank_link_id)


async def test_a_note_that_was_overtaken_is_made_again(world: World, eve: Customer) -> None:
    store = world.runtime.bank_links._store
    read = await stored(world, eve)
    assert await store.set_link_status(read, "needs-update")
    assert not await store.set_link_status(read, "linked")
    assert await status_of(world, eve) == "needs-update"
