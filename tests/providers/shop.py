"""All vendors over loopback, with what was prepared before anything goes wrong, and several lines to each."""

import json
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from pydantic import SecretStr
from pymongo import AsyncMongoClient

from app.clock import SystemClock
from app.ids import new_id
from app.providers.ports import BankItem, Person
from app.providers.registry import Providers, open_providers
from app.sandbox.faults import KINDS
from tests.providers.test_against_sandbox import World, _opened
from tests.sandbox.world import PLAID, UNIT, eventually

LATE_MS = 50
"""How long a dropped or slow call takes."""
_TIMEOUT_S = 10.0
"""Nothing here waits for it: connections are dropped, and all calls are made at once on whatever machine there is."""


@dataclass(frozen=True, slots=True)
class Shop:
    """The vendors. ``lines`` are for reads that fail for good: each has its own circuits, none of which is to open.

    ``calm`` is for what is prepared and counted, and for changes, which are made once.
    """

    world: World
    calm: Providers
    lines: tuple[Providers, ...]
    bank_token: SecretStr
    access_token: SecretStr
    webhook_key_id: str
    applicant_id: str
    person: Person
    customer_id: str
    logins: list[BankItem]
    """Linked before anything went wrong, to be given back."""

    async def dial(self, vendor: str, operation: str, fault: str, times: int = 1) -> None:
        body = {"vendor": vendor, "operation": operation, "fault": fault, "times": times, "delay_ms": LATE_MS}
        (await self.world.desk.post("/control/faults", json=body)).raise_for_status()

    async def mend(self) -> None:
        """Let nothing fail any more."""
        (await self.world.desk.delete("/control/faults")).raise_for_status()

    async def book(self, vendor: str, kind: str) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = (await self.world.desk.get(f"/control/{vendor}/book")).json()[kind]
        return listed

    async def tagged(self, path: str, reference: str) -> int:
        """How many of Unit's resources carry that reference."""
        params = {"filter[tags]": json.dumps({"opId": reference})}
        listed = (await self.world.desk.get(f"/unit{path}", params=params, headers=UNIT)).json()
        return int(listed["meta"]["pagination"]["total"])

    async def public_token(self) -> str:
        return await _public_token(self.world)

    async def share_token(self, donor: str) -> str:
        made = await self.world.desk.post("/control/sumsub/share-token", json={"external_user_id": donor})
        return str(made.json()["share_token"])

    def canaries(self) -> list[str]:
        """What must never be said: every credential, token and personal detail that passes here."""
        kept = [value.get_secret_value() for _, value in self.world.settings if isinstance(value, SecretStr)]
        tokens = [self.bank_token.get_secret_value(), self.access_token.get_secret_value()]
        person = [self.person.ssn.get_secret_value(), self.person.street, self.person.email, self.person.last_name]
        return [each for each in (*kept, *tokens, *person) if each]


@asynccontextmanager
async def opened(mongodb_uri: str, lines: int) -> AsyncIterator[Shop]:
    """A shop in a database of its own, in which nothing settles by itself."""
    name = new_id("faults")
    async with AsyncMongoClient[dict[str, Any]](mongodb_uri) as connected, AsyncExitStack() as stack:
        world = await stack.enter_async_context(_opened(mongodb_uri, name, pace_s=3_600))
        patient = world.settings.model_copy(update={"provider_timeout_s": _TIMEOUT_S})
        calm, wire = await open_providers(patient, SystemClock()), httpx2.AsyncHTTPTransport(verify=False)
        more = [await open_providers(patient, SystemClock(), wire) for _ in range(lines)]
        for each in (calm, *more):
            stack.push_async_callback(each.aclose)
        yield await _prepared(world, calm, tuple(more))
        await stack.aclose()
        await connected.drop_database(name)


async def _prepared(world: World, calm: Providers, lines: tuple[Providers, ...]) -> Shop:
    bank_token = await world.processor_token()
    item, *logins = [await calm.banks.exchange(await _public_token(world)) for _ in range(1 + len(KINDS))]
    applicant = await calm.people.applicant_for("usr_1")
    person = await calm.people.person(applicant.id)
    application = await calm.accounts.apply(person, reference="eff_person", key="eff_person")
    assert application.customer_id is not None
    return Shop(
        world=world,
        calm=calm,
        lines=lines,
        bank_token=bank_token,
        access_token=item.access_token,
        webhook_key_id=await _webhook_key_id(world, item.access_token),
        applicant_id=applicant.id,
        person=person,
        customer_id=application.customer_id,
        logins=logins,
    )


async def _public_token(world: World) -> str:
    """What the dialogue in a customer's app ends with."""
    body = {"institution_id": "ins_109508", "initial_products": ["auth"]}
    made = await world.desk.post("/plaid/sandbox/public_token/create", json=body, headers=PLAID)
    return str(made.json()["public_token"])


async def _webhook_key_id(world: World, access_token: SecretStr) -> str:
    """The key that Plaid signs with, as a delivery names it."""
    body = {"access_token": access_token.get_secret_value(), "webhook_code": "DEFAULT_UPDATE"}
    fired = await world.desk.post("/plaid/sandbox/item/fire_webhook", json=body, headers=PLAID)
    fired.raise_for_status()

    async def heard() -> str | None:
        tokens = [each.headers["plaid-verification"] for each in world.wallet.received if each.vendor == "plaid"]
        return tokens[0] if tokens else None

    head = (await eventually(heard)).partition(".")[0]
    return str(json.loads(urlsafe_b64decode(head + "=="))["kid"])
