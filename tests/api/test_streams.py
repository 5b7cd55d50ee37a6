"""Event streams: over a real server where the connection matters, by hand where time does."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI
from httpx2 import AsyncClient as Client
from starlette.types import Message

from app.api.streams import EventStream, Frame, Look, News, Pace, follow
from app.errors import Overloaded
from app.ids import new_id
from app.ledger.changes import Change
from app.main import Server
from app.orchestrator.flows.deposit import DEPOSIT
from app.orchestrator.journal import Event as SagaEvent
from app.orchestrator.journal import SagaRecord, birth, progress
from app.orchestrator.notices import tell
from app.outbox.listeners import PER_USER_MAX, TOTAL_MAX, Listeners
from app.runtime import Runtime
from tests.api.given import TENANT, Tenant
from tests.issuer import Issuer


@dataclass(frozen=True, slots=True)
class Event:
    """One event as a client reads it."""

    id: int
    kind: str
    data: dict[str, object]


@pytest.fixture
def tenant(runtime: Runtime, client: Client, issuer: Issuer) -> Tenant:
    """A tenant of strangers, so that feeds are empty: whoever has been verified is owed a notification of it."""
    return Tenant(runtime, client, issuer)


async def write(runtime: Runtime, user_id: str, count: int = 1, kind: str = "thing.happened") -> None:
    """Notifications as commits write them, published."""
    now = runtime.clock.now()
    told = [
        tell(TENANT, kind, user_id, now + timedelta(seconds=each), {"n": each}, new_id("cause"))
        for each in range(count)
    ]
    await runtime.door.submit(Change(TENANT, companions=tuple(told)))
    while await runtime.publication.publish():
        pass


@asynccontextmanager
async def serving(app: FastAPI, runtime: Runtime, *, hinted: bool = True) -> AsyncIterator[tuple[Server, Client]]:
    """The application on a real port, as a process of its own serves it; without hints, as without Redis."""
    config = uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=10)
    server = Server(config, runtime.streams)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with asyncio.TaskGroup() as group:
            if hinted:
                group.create_task(runtime.published.listen(runtime.streams.wake))
            served = group.create_task(server.serve(sockets=[listener]))
            try:
                async with Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=60.0) as client:
                    yield server, client
            finally:  # also where the test fails: a cancelled server leaves its closed socket in the loop for the next
                server.should_exit = True
                await served
                runtime.published.close()


class Stream:
    """A client's end of an open stream."""

    def __init__(self, response: httpx2.Response) -> None:
        self.status = response.status_code
        self._response = response
        self._lines = response.aiter_lines()

    async def next(self) -> Event:
        """The next event. Raises StopAsyncIteration when the stream has ended."""
        fields: dict[str, str] = {}
        while "data" not in fields:
            name, _, value = (await anext(self._lines)).partition(": ")
            fields[name] = value
        return Event(int(fields["id"]), fields["event"], json.loads(fields["data"]))

    async def take(self, count: int) -> list[Event]:
        async with asyncio.timeout(60):
            return [await self.next() for _ in range(count)]

    async def has_ended(self) -> bool:
        """Whether it comes to an end with no event before it."""
        async with asyncio.timeout(60):
            try:
                await self.next()
            except StopAsyncIteration:
                return True
        return False


@asynccontextmanager
async def listening(
    client: Client, tenant: Tenant, seen: int = 0, *, by: str = "ada", path: str = "/v1/events"
) -> AsyncIterator[Stream]:
    headers = {**tenant.issuer.authorization(**tenant.claims(by)), "Last-Event-ID": str(seen)}
    async with client.stream("GET", path, headers=headers) as response:
        yield Stream(response)


async def test_a_feed_begins_with_what_was_and_goes_on_with_what_comes(app: FastAPI, tenant: Tenant) -> None:
    ada, runtime = tenant.person("ada").user_id, tenant.runtime
    await write(runtime, ada, 2)
    async with serving(app, runtime) as (_, client), listening(client, tenant) as stream:
        before = await stream.take(2)
        await write(runtime, ada, 1, "purchase.completed")
        (after,) = await stream.take(1)
    assert [each.id for each in before] == [1, 2]
    assert (after.id, after.kind, after.data["sequence"]) == (3, "purchase.completed", 3)


@pytest.mark.parametrize("seen", range(5))
async def test_whoever_comes_back_gets_what_they_missed_and_nothing_twice(
    app: FastAPI, tenant: Tenant, seen: int
) -> None:
    ada, runtime = tenant.person("ada").user_id, tenant.runtime
    await write(runtime, ada, 4)
    async with serving(app, runtime) as (_, client), listening(client, tenant, seen) as stream:
        missed = await stream.take(4 - seen)
        await write(runtime, ada)
        (new,) = await stream.take(1)
    assert [each.id for each in (*missed, new)] == list(range(seen + 1, 6))


async def test_a_number_that_is_not_of_this_feed_begins_it_anew(app: FastAPI, tenant: Tenant) -> None:
    ada, runtime = tenant.person("ada").user_id, tenant.runtime
    await write(runtime, ada)
    async with serving(app, runtime) as (_, client), listening(client, tenant, 1_000) as stream:
        (first,) = await stream.take(1)
    assert first.id == 1


async def test_a_feed_is_its_owners_alone(app: FastAPI, tenant: Tenant) -> None:
    ada, bob = tenant.person("ada").user_id, tenant.person("bob").user_id
    await write(tenant.runtime, ada, 3)
    await write(tenant.runtime, bob, 1, "deposit.completed")
    async with serving(app, tenant.runtime) as (_, client), listening(client, tenant, by="bob") as stream:
        (told,) = await stream.take(1)
    assert (told.id, told.kind, told.data["user_id"]) == (1, "deposit.completed", bob)


async def test_without_hints_a_feed_goes_on_by_looking(app: FastAPI, tenant: Tenant) -> None:
    ada, runtime = tenant.person("ada").user_id, tenant.runtime
    async with serving(app, runtime, hinted=False) as (_, client), listening(client, tenant) as stream:
        await write(runtime, ada)
        assert [each.id for each in await stream.take(1)] == [1]


async def test_a_user_has_a_bounded_number_of_streams_and_gets_places_back(app: FastAPI, tenant: Tenant) -> None:
    ada, runtime = tenant.person("ada").user_id, tenant.runtime
    await write(runtime, ada)
    async with serving(app, runtime) as (_, client), AsyncExitStack() as streams:
        opened = [await streams.enter_async_context(listening(client, tenant)) for _ in range(PER_USER_MAX)]
        for stream in opened:
            await stream.take(1)
        async with listening(client, tenant) as one_too_many, listening(client, tenant, by="bob") as another:
            assert (one_too_many.status, another.status) == (429, 200)
        await streams.aclose()
        status = 429
        async with asyncio.timeout(60):
            while status == 429:  # the server learns of a closed connection a moment later
                async with listening(client, tenant) as again:
                    status = again.status
    assert status == 200


async def test_a_closing_server_ends_its_streams_at_once(app: FastAPI, tenant: Tenant) -> None:
    ada, runtime = tenant.person("ada").user_id, tenant.runtime
    await write(runtime, ada)
    async with asyncio.timeout(60), serving(app, runtime) as (server, client), listening(client, tenant) as stream:
        await stream.take(1)
        server.should_exit = True
        assert await stream.has_ended()


async def begin(runtime: Runtime, user_id: str, name: str) -> SagaRecord:
    """A deposit of that user, accepted."""
    saga = SagaRecord(
        id=f"{TENANT}/{name}",
        type="deposit",
        def_version=DEPOSIT.version,
        tenant=TENANT,
        user_id=user_id,
        state="do:collect",
        params={"account_id": "a", "bank_link_id": "b", "amount": "1.00 USD"},
        fingerprint="",
        correlation_id="",
        created_at=runtime.clock.now(),
        updated_at=runtime.clock.now(),
    )
    await runtime.door.submit(Change(TENANT, companions=birth(saga, (SagaEvent("accepted-request", ""),))))
    return replace(saga, events=1)


async def move(runtime: Runtime, saga: SagaRecord, state: str, *told: SagaEvent) -> SagaRecord:
    """The same saga in that state, with those events in its history."""
    after = replace(saga, state=state, parked_from=saga.state if state == "parked" else None)
    await runtime.door.submit(Change(TENANT, companions=progress(saga, after, told, released=True)))
    return replace(after, events=saga.events + len(told), version=saga.version + 1)


async def test_a_sagas_stream_ends_with_the_saga(app: FastAPI, tenant: Tenant) -> None:
    runtime, path = tenant.runtime, "/v1/sagas/sag_1/events"
    saga = await begin(runtime, tenant.person("ada").user_id, "sag_1")
    async with serving(app, runtime) as (_, client):
        async with listening(client, tenant, path=path) as stream:
            assert [each.kind for each in await stream.take(1)] == ["accepted-request"]
            await move(runtime, saga, "completed", SagaEvent("done", "collect"), SagaEvent("completed", ""))
            assert [(each.id, each.kind) for each in await stream.take(2)] == [(2, "done"), (3, "completed")]
            assert await stream.has_ended()
        async with listening(client, tenant, 2, path=path) as stream:
            assert [each.id for each in await stream.take(1)] == [3]
        async with listening(client, tenant, by="bob", path=path) as stream:
            assert stream.status == 404


async def test_whoever_has_all_of_an_ended_saga_is_told_not_to_come_back(app: FastAPI, tenant: Tenant) -> None:
    runtime, path = tenant.runtime, "/v1/sagas/sag_2/events"
    saga = await begin(runtime, tenant.person("ada").user_id, "sag_2")
    await move(runtime, saga, "completed", SagaEvent("completed", ""))
    async with serving(app, runtime) as (_, client):
        async with listening(client, tenant, 2, path=path) as stream:
            assert stream.status == 204
        async with listening(client, tenant, 99, path=path) as stream:
            assert [each.id for each in await stream.take(2)] == [1, 2]


async def test_a_sagas_stream_goes_on_over_what_a_person_has_to_look_at(app: FastAPI, tenant: Tenant) -> None:
    runtime, path = tenant.runtime, "/v1/sagas/sag_3/events"
    saga = await begin(runtime, tenant.person("ada").user_id, "sag_3")
    async with serving(app, runtime) as (_, client), listening(client, tenant, path=path) as stream:
        parked = await move(runtime, saga, "parked", SagaEvent("parked", "collect", {"reason": "account-frozen"}))
        assert [each.kind for each in await stream.take(2)] == ["accepted-request", "parked"]
        await move(runtime, parked, "do:collect", SagaEvent("command", "collect", {"command": "retry"}))
        assert [each.kind for each in await stream.take(1)] == ["command"]


# By hand.


def frame(number: int) -> Frame:
    return Frame(number, "a.b", b"{}")


async def nothing(seen: int) -> News:
    return News([])


async def test_silence_is_broken_by_heartbeats_until_the_streams_time_is_over() -> None:
    pace = Pace(poll_s=0.01, life_s=0.3, beat_s=0.05)
    seen = [chunk async for chunk in follow(Listeners().admit("f"), nothing, 0, pace)]
    assert seen[0] == b"retry: 1000\n\n"
    assert set(seen[1:]) == {b": alive\n\n"}
    assert 2 <= len(seen[1:]) <= 6


async def test_a_hint_wakes_only_those_whom_it_names() -> None:
    listeners, looks, both = Listeners(), list[str](), asyncio.Event()

    def looking(name: str) -> Look:
        async def look(seen: int) -> News:
            looks.append(name)
            if len(looks) == 2:
                both.set()
            return News([frame(1)], is_last=True) if looks.count(name) == 2 else News([])

        return look

    patient = Pace(poll_s=60.0, life_s=60.0, beat_s=60.0)
    called = follow(listeners.admit("acme/usr_1"), looking("called"), 0, patient)
    other = follow(listeners.admit("acme/usr_2"), looking("other"), 0, patient)
    for stream in (called, other):
        await anext(stream)
    async with asyncio.timeout(60):
        news, silence = asyncio.ensure_future(anext(called)), asyncio.ensure_future(anext(other))
        await both.wait()
        listeners.wake("acme/usr_1 acme/usr_3")
        assert await news == frame(1).encoded
        silence.cancel()
        await asyncio.wait([silence])
    assert looks == ["called", "other", "called"]
    await called.aclose()
    await other.aclose()


async def test_a_hint_that_comes_while_looking_is_not_lost() -> None:
    listeners, found = Listeners(), list[int]()
    listener = listeners.admit("acme/usr_1")

    async def look(seen: int) -> News:
        if not found:
            found.append(1)
            listeners.wake("acme/usr_1")  # published after this look has read
            return News([])
        return News([frame(1)], is_last=True)

    async with asyncio.timeout(60):
        chunks = [chunk async for chunk in follow(listener, look, 0, Pace(poll_s=60.0, beat_s=60.0))]
    assert chunks[1:] == [frame(1).encoded]


async def test_whoever_was_woken_once_waits_again() -> None:
    listener = Listeners().admit("acme/usr_1")
    listener.stir()
    await listener.wait(60.0)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(listener.wait(60.0), 0.05)


async def test_a_client_that_takes_nothing_is_left_and_its_place_is_free_again() -> None:
    listeners = Listeners()

    async def full(seen: int) -> News:
        return News([frame(seen + 1)], is_more=True)

    async def receive() -> Message:
        return await asyncio.Future()

    async def send(message: Message) -> None:
        await asyncio.Future()  # its buffer is full and stays so

    pace = Pace(poll_s=0.01, life_s=0.05, beat_s=0.05)
    for _ in range(PER_USER_MAX + 1):
        await EventStream(listeners.admit("f"), full, 0, pace)({"type": "http"}, receive, send)


def test_a_process_has_a_bounded_number_of_streams() -> None:
    listeners = Listeners()
    admitted = [listeners.admit(f"user-{number}") for number in range(TOTAL_MAX)]
    with pytest.raises(Overloaded):
        listeners.admit("one more")
    admitted[0].leave()
    admitted[0].leave()
    listeners.admit("one more")


def test_a_closing_process_admits_nobody() -> None:
    listeners = Listeners()
    listeners.close()
    with pytest.raises(Overloaded):
        listeners.admit("late")
