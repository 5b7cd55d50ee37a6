"""One delivery over a real socket: bounded, pinned to the address that was judged, and going nowhere else."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.outbox.addresses import Reach, Resolve
from app.outbox.deliveries import Attempt
from app.outbox.sending import ANSWER_BYTES_MAX, Sender
from tests.outbox.certificates import contexts
from tests.outbox.receiver import answer, receiving

SANDBOX = Reach(plain=True, loopback=True)
BODY = b'{"type":"a.b"}'
HEADERS = {"webhook-id": "evt_1"}


def resolving(*answers: str) -> Resolve:
    """A resolver that answers each question with the next of these, and the last one for ever."""
    left = list(answers)

    async def resolve(host: str, port: int) -> Sequence[str]:
        return [left.pop(0) if len(left) > 1 else left[0]]

    return resolve


@asynccontextmanager
async def sending(
    resolve: Resolve | None = None,
    reach: Reach = SANDBOX,
    timeout_s: float = 5.0,
    verify: ssl.SSLContext | None = None,
) -> AsyncIterator[Sender]:
    sender = Sender(reach, resolve or resolving("127.0.0.1"), timeout_s=timeout_s, verify=verify)
    yield sender
    await sender.aclose()


async def post(sender: Sender, url: str) -> Attempt:
    return await sender.post(url, BODY, HEADERS)


async def test_a_receiver_gets_the_body_and_the_name_that_it_was_called_by() -> None:
    async with receiving() as receiver, sending() as sender:
        attempt = await post(sender, f"http://hooks.example:{receiver.port}/in?x=1")
    assert (attempt.status, attempt.reason) == (200, "")
    (told,) = receiver.told
    assert told.path == "/in?x=1"
    assert told.headers["host"] == f"hooks.example:{receiver.port}"
    assert (told.headers["content-type"], told.body) == ("application/json", BODY)


async def test_tls_proves_the_urls_name_though_the_address_is_dialled(tmp_path: Path) -> None:
    server, client = contexts(tmp_path, "hooks.example")
    async with receiving(tls=server) as receiver, sending(verify=client) as sender:
        right = await post(sender, f"https://hooks.example:{receiver.port}/")
        wrong = await post(sender, f"https://others.example:{receiver.port}/")
    assert right.status == 200
    assert (wrong.status, wrong.reason) == (0, "tls")
    assert len(receiver.told) == 1


async def test_a_name_that_moves_to_a_private_address_is_not_called_there() -> None:
    """DNS rebinding: public when the endpoint was registered, this machine when it is called."""
    async with receiving() as receiver, sending(resolving("8.8.8.8", "127.0.0.1"), Reach(plain=True)) as sender:
        url = f"http://hooks.example:{receiver.port}/"
        await sender.require_callable(url)
        attempt = await post(sender, url)
    assert (attempt.status, attempt.reason) == (0, "address-refused")
    assert receiver.told == []


async def test_a_name_that_moves_between_check_and_connection_gains_nothing() -> None:
    """The name is asked once for each delivery; were it asked again, this one would go nowhere."""
    async with receiving() as receiver, sending(resolving("127.0.0.1", "192.0.2.1")) as sender:
        attempt = await post(sender, f"http://hooks.example:{receiver.port}/")
    assert attempt.status == 200


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_a_failure_and_is_not_followed(status: int) -> None:
    async with receiving() as elsewhere, receiving() as receiver, sending() as sender:
        receiver.answers.append(answer(status, f"Location: {elsewhere.url}"))
        attempt = await post(sender, receiver.url)
    assert (attempt.status, attempt.succeeded) == (status, False)
    assert elsewhere.told == []


async def test_a_receiver_that_never_answers_costs_the_timeout() -> None:
    async with receiving() as receiver, sending(timeout_s=0.2) as sender:
        receiver.open.clear()
        attempt = await post(sender, receiver.url)
    assert (attempt.status, attempt.reason) == (0, "timeout")


async def test_a_receiver_that_drips_its_answer_costs_the_timeout_too() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        try:
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.02)
        except ConnectionError:
            writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    async with server, sending(timeout_s=0.3) as sender:
        attempt = await post(sender, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    assert attempt.reason == "timeout"


async def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    long = answer(200, body=b"x" * (ANSWER_BYTES_MAX + 1))
    async with receiving(long) as receiver, sending() as sender:
        attempt = await post(sender, receiver.url)
    assert (attempt.succeeded, attempt.reason) == (False, "answer-too-long")


async def test_nobody_there_is_a_failure_with_its_reason() -> None:
    async with receiving() as receiver:
        url = receiver.url
    async with sending() as sender:
        attempt = await post(sender, url)
    assert (attempt.status, attempt.reason) == (0, "unreachable")
