"""Attacks on what a request says, as a drawn table: the attack, the rule it breaks, the request, and the answer.

Those that are the same on every route are generated from the routes, in the files beside this one.
"""

import hmac
import json
import re
from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest

from app.ids import new_id
from tests.attacks.forgeries import FORGERIES
from tests.attacks.house import House
from tests.attacks.surface import operations

Ask = Callable[[House], Awaitable[httpx2.Response]]


def paying(**changes: Any) -> Ask:
    return lambda house: house.transfer(**changes)


def sending(content: bytes | str) -> Ask:
    typed = {"Content-Type": "application/json"}
    return lambda house: house.ask("POST", "/v1/transfers", content=content, headers=typed)


def getting(path: str) -> Ask:
    return lambda house: house.ask("GET", path.format(ada=house.ada.dollars_id, mallory=house.mallory.dollars_id))


def keyed(key: bytes) -> Ask:
    return lambda house: house.ask("POST", "/v1/transfers", json={}, headers={"Idempotency-Key": key})


def calling_back(url: str) -> Ask:
    return lambda house: house.ask("POST", "/v1/admin/notification-endpoints", json={"url": url})


AMOUNT, CURRENCY, SHAPE, QUERY = "ASVS 2.2.1", "ASVS 2.2.1, UTS 39", "ASVS 1.5.3, API8:2023", "ASVS 1.2.4, API8:2023"
CALLBACK, OBJECT, KEY = "ASVS 1.3.6, API7:2023", "ASVS 8.2.2, API1:2023", "ASVS 2.3.1, API6:2023"

ATTACKS: tuple[tuple[str, str, Ask, int, str], ...] = (
    ("amount with an exponent", AMOUNT, paying(amount="1e2"), 422, "invalid-amount"),
    ("amount with a sign", AMOUNT, paying(amount="+1"), 422, "invalid-amount"),
    ("amount below nothing", AMOUNT, paying(amount="-1.00"), 422, "invalid-amount"),
    ("amount of nothing", AMOUNT, paying(amount="0.00"), 422, "invalid-amount"),
    ("amount of minus nothing", AMOUNT, paying(amount="-0"), 422, "invalid-amount"),
    ("amount finer than its currency", AMOUNT, paying(amount="0.001"), 422, "invalid-amount"),
    ("amount beyond all bounds", AMOUNT, paying(amount="9" * 40), 422, "invalid-amount"),
    ("amount longer than any number", AMOUNT, paying(amount="1" * 5_000), 422, "invalid-request"),
    ("amount with a point and nothing behind", AMOUNT, paying(amount="1."), 422, "invalid-amount"),
    ("amount with nothing before its point", AMOUNT, paying(amount=".5"), 422, "invalid-amount"),
    ("amount with two points", AMOUNT, paying(amount="1.0.0"), 422, "invalid-amount"),
    ("amount with a comma", AMOUNT, paying(amount="1,00"), 422, "invalid-amount"),
    ("amount with an underscore", AMOUNT, paying(amount="1_000"), 422, "invalid-amount"),
    ("amount with spaces", AMOUNT, paying(amount=" 1 "), 422, "invalid-amount"),
    ("amount with leading noughts", AMOUNT, paying(amount="0001"), 422, "invalid-amount"),
    ("amount in hexadecimal", AMOUNT, paying(amount="0x10"), 422, "invalid-amount"),
    ("amount in full-width digits", AMOUNT, paying(amount="\uff11\uff12"), 422, "invalid-amount"),
    ("amount in Arabic digits", AMOUNT, paying(amount="\u0661"), 422, "invalid-amount"),
    ("amount with a superscript", AMOUNT, paying(amount="1\u00b2"), 422, "invalid-amount"),
    ("amount that is no number", AMOUNT, paying(amount="NaN"), 422, "invalid-amount"),
    ("amount without end", AMOUNT, paying(amount="Infinity"), 422, "invalid-amount"),
    ("amount that is empty", AMOUNT, paying(amount=""), 422, "invalid-amount"),
    ("amount with a null byte", AMOUNT, paying(amount="1\u0000"), 400, "malformed-request"),
    ("amount as a number", AMOUNT, paying(amount=1), 422, "invalid-amount"),
    ("amount as a fraction", AMOUNT, paying(amount=1.5), 422, "invalid-amount"),
    ("amount as true", AMOUNT, paying(amount=True), 422, "invalid-amount"),
    ("amount as nothing", AMOUNT, paying(amount=None), 422, "invalid-amount"),
    ("amount as a list", AMOUNT, paying(amount=["1"]), 422, "invalid-amount"),
    ("amount as an operator", AMOUNT, paying(amount={"$gt": ""}), 422, "invalid-amount"),
    ("currency in small letters", CURRENCY, paying(currency="usd"), 422, "unknown-currency"),
    ("currency in full-width letters", CURRENCY, paying(currency="\uff35\uff33\uff24"), 422, "unknown-currency"),
    ("currency with a Cyrillic letter", CURRENCY, paying(currency="U\u0405D"), 422, "unknown-currency"),
    ("currency with an invisible letter", CURRENCY, paying(currency="USD\u200b"), 422, "unknown-currency"),
    ("account with a Cyrillic letter", CURRENCY, paying(source_account_id="\u0430cc_1"), 422, "invalid-request"),
    ("account of another kind", OBJECT, paying(source_account_id="txn_" + "a" * 26), 422, "invalid-request"),
    ("account of the house's own", OBJECT, paying(source_account_id="acc_bank-USD"), 404, "account-not-found"),
    ("account of another book", OBJECT, paying(source_account_id="acc_x/../globex/acc_y"), 422, "invalid-request"),
    ("account by its stripe", OBJECT, paying(source_account_id="acc_bank-USD~0"), 422, "invalid-request"),
    ("a name twice", SHAPE, sending('{"amount": "1", "amount": "2"}'), 400, "malformed-request"),
    ("NaN in a body", SHAPE, sending('{"amount": NaN}'), 400, "malformed-request"),
    ("half a surrogate pair", SHAPE, sending('{"amount": "\\ud800"}'), 400, "malformed-request"),
    ("deeper than any body", SHAPE, sending("[" * 17 + "]" * 17), 400, "malformed-request"),
    ("deeper than any parser", SHAPE, sending("[" * 30_000), 400, "malformed-request"),
    ("longer than any list", SHAPE, sending(json.dumps([0] * 2_001)), 400, "malformed-request"),
    ("too many names", SHAPE, sending(json.dumps({str(n): 0 for n in range(2_001)})), 400, "malformed-request"),
    ("more bytes than any body", SHAPE, sending(b" " * 65_537), 413, "body-too-large"),
    ("a control character in a name", SHAPE, sending('{"a\\u0000": 1}'), 400, "malformed-request"),
    ("an operator beside a parameter", QUERY, getting("/v1/transactions?limit[$ne]=1"), 422, "invalid-request"),
    ("an operator as a parameter", QUERY, getting("/v1/transactions?$where=1"), 422, "invalid-request"),
    ("a null byte in a parameter", QUERY, getting("/v1/admin/sagas?type=%00"), 422, "invalid-request"),
    ("a page of everything", "API4:2023", getting("/v1/transactions?limit=1000000"), 422, "invalid-request"),
    ("a page of another list", OBJECT, getting("/v1/transactions?cursor=AAAA"), 400, "malformed-request"),
    ("an operator in a path", QUERY, getting("/v1/accounts/%7B%22$ne%22:1%7D"), 404, "not-found"),
    ("a null byte in a path", QUERY, getting("/v1/accounts/{ada}%00"), 404, "not-found"),
    ("a path that walks", OBJECT, getting("/v1/accounts/{mallory}%2f..%2f{ada}"), 404, "not-found"),
    ("a key with a space", KEY, keyed(b"two words"), 400, "idempotency-key-malformed"),
    ("a key beyond its length", KEY, keyed(b"k" * 256), 400, "idempotency-key-malformed"),
    ("a key in other letters", KEY, keyed("schl\u00fcssel".encode()), 400, "idempotency-key-malformed"),
    ("a quoted key that is empty", KEY, keyed(b'""'), 400, "idempotency-key-malformed"),
    ("callback to a metadata service", CALLBACK, calling_back("http://169.254.169.254/"), 422, "callback-refused"),
    ("callback to a private network", CALLBACK, calling_back("https://10.0.0.1/"), 422, "callback-refused"),
    ("callback to IPv4 inside IPv6", CALLBACK, calling_back("http://[::ffff:a00:1]/"), 422, "callback-refused"),
    ("callback to a number", CALLBACK, calling_back("http://167772161/"), 422, "callback-refused"),
    ("callback to octal digits", CALLBACK, calling_back("http://012.0.0.1/"), 422, "callback-refused"),
    ("callback to this network", CALLBACK, calling_back("http://0.0.0.0/"), 422, "callback-refused"),
    ("callback with credentials", CALLBACK, calling_back("http://me:secret@127.0.0.1/"), 422, "callback-refused"),
    ("callback to a file", CALLBACK, calling_back("file:///etc/passwd"), 422, "callback-refused"),
    ("callback to another protocol", CALLBACK, calling_back("gopher://127.0.0.1:6379/_PING"), 422, "callback-refused"),
    ("callback with a line break", CALLBACK, calling_back("http://127.0.0.1/\r\nX: y"), 400, "malformed-request"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "ask", "status", "code"), [row[1:] for row in ATTACKS], ids=[row[0] for row in ATTACKS]
)
async def test_an_attack_is_refused_by_name(rule: str, ask: Ask, status: int, code: str, house: House) -> None:
    before = await house.world.available(house.ada.dollars_id)
    answer = await ask(house)

    assert (answer.status_code, answer.json()["code"]) == (status, code), (rule, answer.text)
    assert await house.world.available(house.ada.dollars_id) == before


def test_every_row_cites_the_rule_that_it_breaks() -> None:
    rules = {row[0]: row[1] for row in ATTACKS} | {each.name: each.rule for each in FORGERIES}
    assert not [name for name, rule in rules.items() if not re.match(r"(ASVS \d+\.\d+\.\d+|API\d+:2023)", rule)]


async def test_a_transfer_that_is_none_of_these_succeeds(house: House) -> None:
    assert (await house.transfer()).status_code == 201


async def test_a_key_of_somebody_else_replays_nothing(house: House) -> None:
    """API1:2023, ASVS 8.2.2."""
    key = {"Idempotency-Key": new_id("key")}
    body = {"currency": "USD", "name": "savings"}
    hers = await house.ask("POST", "/v1/accounts", by="ada", json=body, headers=key)
    mine = await house.ask("POST", "/v1/accounts", by="mallory", json=body, headers=key)

    assert hers.json()["id"] != mine.json()["id"]
    assert "Idempotent-Replayed" not in mine.headers


async def test_a_key_replays_nothing_to_one_who_lost_the_permission(house: House) -> None:
    """API5:2023, ASVS 8.3.1."""
    key = {"Idempotency-Key": new_id("key")}
    body = {
        "source_account_id": house.mallory.dollars_id,
        "destination_account_id": house.ada.dollars_id,
        "amount": "0.01",
        "currency": "USD",
    }
    first = await house.ask("POST", "/v1/transfers", json=body, headers=key)
    stripped = await house.ask("POST", "/v1/transfers", json=body, headers=key, permissions=("wallet:read",))
    again = await house.ask("POST", "/v1/transfers", json=body, headers=key)

    assert (stripped.status_code, stripped.json()["code"]) == (403, "permission-denied")
    assert (first.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")


RECEIVING = [each for each in operations() if each.template.startswith("/webhooks/") and each.method == "POST"]
EVENT = b'{"data":[{"id":"forged","type":"payment.sent","relationships":{"payment":{"data":{"id":"1"}}}}]}'
SIGNATURES = (
    "x-unit-signature",
    "x-payload-hash",
    "x-payload-digest",
    "stripe-signature",
    "plaid-verification",
    "authorization",
    "x-dialogflow-secret",
)
REFUSED_AS = {"/webhooks/dialogflow": "token-missing"}


@pytest.mark.parametrize("signature", ["", "AAAA", "t=1,v1=00", "a.b.c", "\u00ff"])
@pytest.mark.parametrize("operation", RECEIVING, ids=lambda each: each.name)
async def test_a_forged_webhook_is_not_heard(operation: Any, signature: str, house: House) -> None:
    """ASVS 4.1.5, API10:2023."""
    headers = [(name.encode(), signature.encode()) for name in SIGNATURES if signature]
    answer = await house.world.api.post(operation.path(), content=EVENT, headers=headers)

    code = REFUSED_AS.get(operation.template, "signature-invalid")
    assert (answer.status_code, answer.json()["code"]) == (401, code), answer.text
    assert await house.world.runtime.database["inbox"].count_documents({"_id": "unit:forged"}) == 0


async def test_a_replayed_webhook_is_one_event(house: House) -> None:
    """ASVS 2.3.1, API6:2023."""
    event = EVENT.replace(b"forged", b"genuine")
    secret = house.world.settings.unit_webhook_secret.get_secret_value()
    signed = {"x-unit-signature": b64encode(hmac.digest(secret.encode(), event, "sha1")).decode()}
    received = [
        (await house.world.api.post("/webhooks/unit", content=event, headers=signed)).json()["received"]
        for _ in range(3)
    ]
    bent = await house.world.api.post("/webhooks/unit", content=event + b" ", headers=signed)

    assert received == [1, 0, 0]
    assert bent.json()["code"] == "signature-invalid"
