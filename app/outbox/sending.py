"""Sending one delivery: to the address that was checked, within a bound of time and bytes, and nowhere else.

The URL's host is replaced by the address, so nothing resolves the name again; ``Host`` and, for TLS, the name to be
proven stay those of the URL. Every delivery has a connection of its own: one that is kept could have been proven for
another name at the same address.
"""

import asyncio
import ssl
from collections.abc import Mapping
from functools import cache
from time import perf_counter

import httpx2

from app.errors import CallbackRefused
from app.outbox.addresses import Checked, Reach, Resolve, check
from app.outbox.deliveries import Attempt

TIMEOUT_S = 10.0
ANSWER_BYTES_MAX = 64 * 1024

_AGENT = "wallet-notifications/1"


@cache
def _trusted_by_the_machine() -> ssl.SSLContext:
    """Read once: it is a file of some hundred certificates."""
    return ssl.create_default_context()


class Sender:
    """Posts to endpoints. ``resolve`` is asked anew for every delivery."""

    def __init__(
        self, reach: Reach, resolve: Resolve, *, timeout_s: float = TIMEOUT_S, verify: ssl.SSLContext | None = None
    ) -> None:
        self._reach = reach
        self._resolve = resolve
        self._timeout_s = timeout_s
        self._client = httpx2.AsyncClient(
            verify=verify or _trusted_by_the_machine(),
            timeout=timeout_s,
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=0),
            follow_redirects=False,
            trust_env=False,  # a proxy would resolve the name itself
        )

    async def aclose(self) -> None:
        """Close what is open."""
        await self._client.aclose()

    async def require_callable(self, url: str) -> None:
        """Raise CallbackRefused unless deliveries may go there, as things stand now."""
        await check(url, self._reach, self._resolve)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Attempt:
        """Make one attempt; whatever goes wrong is its reason."""
        started = perf_counter()
        status, reason = 0, ""
        try:
            async with asyncio.timeout(self._timeout_s):
                status = await self._post(await check(url, self._reach, self._resolve), body, headers)
        except TimeoutError:
            reason = "timeout"
        except CallbackRefused:
            reason = "address-refused"
        except (httpx2.HTTPError, httpx2.InvalidURL, ssl.SSLError, OSError) as error:
            reason = "tls" if _is_about_tls(error) else "unreachable"
        except _TooLong:
            reason = "answer-too-long"
        return Attempt(status, reason or ("" if 200 <= status < 300 else "status"), _since(started))

    async def _post(self, checked: Checked, body: bytes, headers: Mapping[str, str]) -> int:
        url = checked.url
        request = self._client.build_request(
            "POST",
            url.copy_with(host=checked.address),
            content=body,
            headers={
                **headers,
                "host": url.netloc.decode("ascii"),
                "content-type": "application/json",
                "user-agent": _AGENT,
                "accept-encoding": "identity",
            },
            extensions={
                "sni_hostname": url.raw_host.decode("ascii"),
                "timeout": httpx2.Timeout(self._timeout_s).as_dict(),
            },
        )
        response = await self._client.send(request, stream=True)
        try:
            await _read_within_bounds(response)
        finally:
            await response.aclose()
        return response.status_code


class _TooLong(Exception):
    """The receiver answers with more than anybody will read."""


async def _read_within_bounds(response: httpx2.Response) -> None:
    read = 0
    async for chunk in response.aiter_raw():
        read += len(chunk)
        if read > ANSWER_BYTES_MAX:
            raise _TooLong


def _is_about_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _since(started: float) -> int:
    return round((perf_counter() - started) * 1_000)
