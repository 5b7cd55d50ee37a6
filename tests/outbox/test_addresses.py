"""Where callbacks may go, as a table; then the rules about URLs."""

from collections.abc import Sequence

import pytest

from app.errors import CallbackRefused
from app.outbox.addresses import Reach, Resolve, check, may_be_called, system_resolver

ANYWHERE_PUBLIC = Reach()
SANDBOX = Reach(plain=True, loopback=True)


def answering(*addresses: str) -> Resolve:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return resolve


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("10.0.0.1", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("127.0.0.1", False),
        ("127.255.255.254", False),
        ("0.0.0.0", False),
        ("255.255.255.255", False),
        ("100.64.0.1", False),  # carrier-grade translation
        ("169.254.169.254", False),  # metadata
        ("168.63.129.16", False),  # metadata, on a public address
        ("192.0.0.192", False),  # metadata
        ("198.18.0.1", False),  # benchmarks
        ("192.88.99.1", False),  # 6to4 relay
        ("224.0.0.1", False),  # multicast
        ("240.0.0.1", False),
        ("::", False),
        ("::1", False),
        ("fe80::1", False),
        ("fe80::1%eth0", False),
        ("fec0::1", False),
        ("fc00::1", False),
        ("fd00:ec2::254", False),  # metadata
        ("ff02::1", False),
        ("2001:db8::1", False),
        ("3fff::1", False),  # documentation
        ("5f00::1", False),  # segment routing
        ("100:0:0:1::1", False),  # a dummy prefix
        ("::ffff:10.0.0.1", False),  # IPv4 inside IPv6
        ("::ffff:8.8.8.8", True),
        ("::127.0.0.1", False),
        ("::ffff:0:127.0.0.1", False),  # IPv4 translated, RFC 2765
        ("::ffff:0:8.8.8.8", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::808:808", True),
        ("64:ff9b:1::1", False),
        ("2002:7f00:1::", False),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", False),
        ("not an address", False),
    ],
)
def test_only_public_addresses_are_called(address: str, public: bool) -> None:  # noqa: FBT001 - a column of the table
    assert may_be_called(address, ANYWHERE_PUBLIC) is public


def test_a_sandbox_may_call_this_machine_and_still_nothing_else_that_is_private() -> None:
    assert may_be_called("127.0.0.1", SANDBOX)
    assert may_be_called("::ffff:127.0.0.1", SANDBOX)
    assert not may_be_called("10.0.0.1", SANDBOX)
    assert not may_be_called("169.254.169.254", SANDBOX)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://hooks.example/", "https"),
        ("ftp://hooks.example/", "https"),
        ("hooks.example", "https"),
        ("https://", "host"),
        ("https://user:password@hooks.example/", "credentials"),
        ("https://hooks.example/#part", "fragment"),
        ("https://[::1/", "no URL"),
        ("https://hooks.example:0/", "port"),
        ("https://hooks.example:99999/", "port"),
        ("https://hooks.example/" + "x" * 2_048, "longer"),
    ],
)
async def test_a_url_that_is_no_plain_https_one_is_refused(url: str, reason: str) -> None:
    with pytest.raises(CallbackRefused, match=reason):
        await check(url, ANYWHERE_PUBLIC, answering("8.8.8.8"))


async def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(CallbackRefused, match="public"):
        await check("https://hooks.example/", ANYWHERE_PUBLIC, answering("8.8.8.8", "10.0.0.1"))


async def test_a_name_without_an_address_is_refused() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        raise OSError

    with pytest.raises(CallbackRefused, match="resolved"):
        await check("https://hooks.example/", ANYWHERE_PUBLIC, resolve)


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "[::ffff:7f00:1]", "[::1]"])
async def test_other_spellings_of_this_machine_are_seen_through(host: str) -> None:
    with pytest.raises(CallbackRefused):
        await check(f"https://{host}/", ANYWHERE_PUBLIC, system_resolver)


async def test_what_is_called_is_the_address_that_was_judged() -> None:
    assert (
        await check("https://hooks.example/", ANYWHERE_PUBLIC, answering("8.8.8.8", "8.8.4.4"))
    ).address == "8.8.8.8"
