"""Plaid: the steps of linking a bank, and what its errors mean."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime

import httpx2
import pytest
from pydantic import SecretStr

from app.providers.outcomes import Declined, OutcomeUnknown, ProviderOutcome, Unavailable
from app.providers.plaid import wire
from app.providers.plaid.adapter import PlaidAdapter, request_headers
from app.providers.ports import BankAccount
from app.providers.transport import Transport
from tests.providers.tiny_vendor import Answer, TinyVendor

ACCESS = SecretStr("access-sandbox-1")


def error(code: str, kind: str = "INVALID_INPUT", status: int = 400) -> Answer:
    return Answer(status, {"error_type": kind, "error_code": code, "error_message": "Ada's login", "request_id": "r"})


@asynccontextmanager
async def plaid(vendor: TinyVendor) -> AsyncIterator[PlaidAdapter]:
    transport = Transport(
        "plaid",
        base_url="http://plaid.test",
        timeout_s=1,
        error_code=wire.error_code,
        headers=request_headers("client", SecretStr("secret")),
        transport=httpx2.ASGITransport(vendor),
    )
    yield PlaidAdapter(transport)
    await transport.aclose()


def answering(*answers: Answer) -> tuple[TinyVendor, AbstractAsyncContextManager[PlaidAdapter]]:
    vendor = TinyVendor(*answers)
    return vendor, plaid(vendor)


async def test_a_link_token_is_asked_for_without_personal_data() -> None:
    vendor, opened = answering(
        Answer(200, {"link_token": "link-sandbox-1", "expiration": "2026-11-20T09:00:00Z", "request_id": "r"})
    )
    async with opened as banks:
        token, expires_at = await banks.link_token("usr_1")
    assert (token.get_secret_value(), expires_at) == ("link-sandbox-1", datetime(2026, 11, 20, 9, tzinfo=UTC))
    assert vendor.last.headers["plaid-client-id"] == "client"
    assert vendor.last.headers["plaid-secret"] == "secret"
    assert vendor.last.headers["plaid-version"] == "2020-09-14"
    assert vendor.last.json == {
        "client_name": "Wallet",
        "language": "en",
        "country_codes": ["US"],
        "user": {"client_user_id": "usr_1"},
        "products": ["auth"],
    }


async def test_a_public_token_is_spent_for_an_item() -> None:
    vendor, opened = answering(Answer(200, {"access_token": "access-sandbox-1", "item_id": "item-1"}))
    async with opened as banks:
        item = await banks.exchange("public-1")
    assert (item.access_token.get_secret_value(), item.item_id) == ("access-sandbox-1", "item-1")
    assert (vendor.last.path, vendor.last.json) == ("/item/public_token/exchange", {"public_token": "public-1"})
    assert "access-sandbox" not in repr(item)


async def test_an_exchange_whose_answer_is_lost_is_not_tried_again() -> None:
    vendor, opened = answering(Answer(500, {"error_type": "API_ERROR", "error_code": "INTERNAL_SERVER_ERROR"}))
    async with opened as banks:
        with pytest.raises(OutcomeUnknown):
            await banks.exchange("public-1")
    assert len(vendor.asked) == 1


async def test_accounts_show_their_mask_only() -> None:
    told = {
        "account_id": "acc-1",
        "mask": "0000",
        "name": "Checking",
        "subtype": "checking",
        "balances": {"current": 1.5},
    }
    bare = {"account_id": "acc-2", "mask": None, "name": "Vault", "subtype": None}
    _, opened = answering(Answer(200, {"accounts": [told, bare], "item": {}}))
    async with opened as banks:
        assert await banks.accounts(ACCESS) == (
            BankAccount("acc-1", "0000", "Checking", "checking"),
            BankAccount("acc-2", "", "Vault", ""),
        )


async def test_a_processor_token_is_made_for_the_payments_bank() -> None:
    vendor, opened = answering(Answer(200, {"processor_token": "processor-sandbox-1"}))
    async with opened as banks:
        token = await banks.processor_token(ACCESS, "acc-1")
    assert token.get_secret_value() == "processor-sandbox-1"
    assert vendor.last.json == {"access_token": "access-sandbox-1", "account_id": "acc-1", "processor": "unit"}


async def exchange(banks: PlaidAdapter) -> None:
    await banks.exchange("public-1")


async def accounts(banks: PlaidAdapter) -> None:
    await banks.accounts(ACCESS)


Call = Callable[[PlaidAdapter], Awaitable[None]]

ERRORS: list[tuple[Call, Answer, type[ProviderOutcome], str]] = [
    (exchange, error("INVALID_PUBLIC_TOKEN"), Declined, "INVALID_PUBLIC_TOKEN"),
    (accounts, error("ITEM_LOGIN_REQUIRED", "ITEM_ERROR"), Declined, "ITEM_LOGIN_REQUIRED"),
    (accounts, error("PRODUCT_NOT_READY", "ITEM_ERROR"), Unavailable, "PRODUCT_NOT_READY"),
    (accounts, error("INSTITUTION_DOWN", "INSTITUTION_ERROR"), Unavailable, "INSTITUTION_DOWN"),
    (exchange, error("INVALID_API_KEYS"), Unavailable, "unauthorized"),
    (exchange, error("RATE_LIMIT", "RATE_LIMIT_EXCEEDED", 429), Unavailable, "rate-limited"),
    (exchange, Answer(400, b"<html>"), OutcomeUnknown, "http-400"),
    (accounts, Answer(200, {"accounts": [{"name": "no id"}]}), Unavailable, "unintelligible"),
    (exchange, Answer(200, {"access_token": ""}), OutcomeUnknown, "unintelligible"),
]


@pytest.mark.parametrize(("call", "answer", "word", "reason"), ERRORS)
async def test_what_an_error_means(call: Call, answer: Answer, word: type[ProviderOutcome], reason: str) -> None:
    _, opened = answering(answer)
    async with opened as banks:
        with pytest.raises(ProviderOutcome) as raised:
            await call(banks)
    assert (type(raised.value), raised.value.reason) == (word, reason)
