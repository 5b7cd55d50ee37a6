"""Where a callback may go. What a tenant types in must not make this process call the network it stands in.

The name is resolved first, and every address it has is judged; the connection then goes to one of those very addresses
(see ``sending.py``), so a name that answers differently a moment later gains nothing.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

import httpx2

from app.errors import CallbackRefused

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host name, for a port. Raises OSError when there are none."""

_URL_LENGTH_MAX = 2_048
_PORT_MAX = 65_535
_RESOLVE_S = 5.0

# What ``is_global`` lets pass though nobody's public server is there: IANA's special-purpose registries.
_NOT_PUBLIC = tuple(
    map(
        ip_network,
        (
            "192.0.0.0/24",  # protocol assignments, metadata services among them
            "192.88.99.0/24",  # 6to4 relays
            "168.63.129.16/32",  # a cloud's metadata service on a public address
            "3fff::/20",  # documentation (RFC 9637)
        ),
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
"""All that IANA has ever given out; whatever else looks like an address stands for one of another network."""
_TRANSLATED = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Reach:
    """How far callbacks may go: ``plain`` allows http, ``loopback`` this machine itself. For a sandbox only."""

    plain: bool = False
    loopback: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """A callback whose address was judged: the URL as given, and where it goes."""

    url: httpx2.URL
    address: str


async def check(url: str, reach: Reach, resolve: Resolve) -> Checked:
    """The callback with an address that it may go to.

    Raises CallbackRefused: too long or no URL, not https, credentials or a fragment in it, a name that cannot be
    resolved, or *any* address of it that is not public.
    """
    parsed = _parse(url, reach)
    port = parsed.port or (443 if parsed.scheme == "https" else 80)
    try:
        async with asyncio.timeout(_RESOLVE_S):
            addresses = await resolve(parsed.host, port)
    except (OSError, UnicodeError):
        addresses = []
    if not addresses:
        raise CallbackRefused("its host name cannot be resolved")
    if not all(may_be_called(address, reach) for address in addresses):
        raise CallbackRefused("its host is not a public one")
    return Checked(parsed, addresses[0])


def may_be_called(address: str, reach: Reach) -> bool:
    """Whether an address is a public one; IPv4 inside IPv6 is judged as what it is."""
    try:
        parsed = _unwrapped(ip_address(address.partition("%")[0]))
    except ValueError:
        return False
    if parsed.is_loopback:
        return reach.loopback
    if parsed.is_multicast or not parsed.is_global:
        return False
    if parsed.version == _GLOBAL_UNICAST.version and parsed not in _GLOBAL_UNICAST:
        return False
    return not any(parsed in network for network in _NOT_PUBLIC if network.version == parsed.version)


def _parse(url: str, reach: Reach) -> httpx2.URL:
    if len(url) > _URL_LENGTH_MAX:
        raise CallbackRefused(f"it is longer than {_URL_LENGTH_MAX} characters")
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError):
        raise CallbackRefused("it is no URL") from None
    if parsed.scheme != "https" and not (parsed.scheme == "http" and reach.plain):
        raise CallbackRefused("it must begin with https")
    if parsed.port is not None and not 0 < parsed.port <= _PORT_MAX:
        raise CallbackRefused("its port is none")
    if not parsed.host or parsed.userinfo or parsed.fragment:
        raise CallbackRefused("it must be a host and a path, without credentials or fragment")
    return parsed


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if not isinstance(address, IPv6Address):
        return address
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None) or address


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """The addresses that the machine's own resolver knows."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]
