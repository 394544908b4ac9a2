"""The one pool of HTTP connections that all clients of an engine share, and the only place that speaks aiohttp."""

from __future__ import annotations

import asyncio
import base64
import io
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from types import TracebackType
from typing import Self
from weakref import WeakKeyDictionary, WeakSet

import aiohttp
from yarl import URL

from ztoq_async.errors import ResourceError
from ztoq_async.resources.calls import Answer
from ztoq_async.resources.hosts import Hosts, PoolStatistics, Use
from ztoq_async.resources.ownership import check_loop, warn_left_open
from ztoq_async.resources.tracked import ConnectionLost, TrackedConnector, use_of_request

CONNECT_SECONDS = 10.0
CLOSE_SECONDS = 5.0
LARGE_BODY = 2**20
_LOST = (ConnectionLost, aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)

_open_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakSet[ConnectionPool]] = WeakKeyDictionary()


class AnswerTooLarge(aiohttp.ClientError):
    """The answer's body is larger than the pool reads."""


class ProxyRefused(aiohttp.ClientConnectionError):
    """The proxy gave no connection to the service."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy's URL without user and password, which aiohttp's errors would quote, and those as a header."""

    url: str
    login: Mapping[str, str] = field(default_factory=dict, repr=False)


class ConnectionPool:
    """HTTP connections of one event loop, opened as needed and closed when idle; an async context manager.

    `limit` bounds all connections, `limit_per_host` those to one host (0: the gateways' `in_flight` bounds them),
    `max_body` is in bytes after decompression. A connection that idles is closed after `idle_timeout` seconds, or
    before its host closes it: as `Keep-Alive: timeout=N` announces, or as the host was seen to do. Cookies are never
    kept, .netrc is not read; the gateways take a proxy from the environment (`HTTPS_PROXY`, `NO_PROXY`, …).
    """

    _session: aiohttp.ClientSession | None = None

    def __init__(
        self, *, limit: int = 100, limit_per_host: int = 0, idle_timeout: float = 60.0, max_body: int = 64 * 2**20
    ) -> None:
        if limit < 1 or limit_per_host < 0 or idle_timeout < 0 or max_body < 1:
            raise ValueError("limit and max_body must be at least 1, limit_per_host and idle_timeout at least 0")
        self._limit = limit
        self._limit_per_host = limit_per_host
        self._idle_timeout = idle_timeout
        self._max_body = max_body
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        if self._loop is not None:
            raise ResourceError("this ConnectionPool was already entered; make a new one")
        self._loop = asyncio.get_running_loop()
        self._connector = TrackedConnector(
            limit=self._limit, limit_per_host=self._limit_per_host, idle_timeout=self._idle_timeout
        )
        self._session = aiohttp.ClientSession(connector=self._connector, cookie_jar=aiohttp.DummyCookieJar())
        _open_pools.setdefault(self._loop, WeakSet()).add(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __del__(self) -> None:
        if self._session is None or self._loop is None:
            return
        warn_left_open("ConnectionPool", self)
        self._session.detach()
        with suppress(RuntimeError):  # the loop ended, and its sockets with it
            self._loop.call_soon_threadsafe(self._connector.cut)

    async def close(self) -> None:
        """Closes every connection, also those in use; may be called again. Takes at most 5 s."""
        if self._session is None:
            return
        check_loop(self._loop, "ConnectionPool")
        session, self._session = self._session, None
        _open_pools[asyncio.get_running_loop()].discard(self)
        self._connector.cut()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await session.close()

    def statistics(self) -> PoolStatistics:
        """How many connections were made, reused, failed and closed, and are open now; in total and by host."""
        if self._loop is None:
            return Hosts(self._idle_timeout).statistics()
        return self._connector.hosts.statistics()

    async def request(
        self,
        method: str,
        url: URL,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        proxy: Proxy | None = None,
        fence: Callable[[], None] | None = None,
        timeout: float = 60.0,
    ) -> Answer:
        """Sends once and reads the answer to its end, within `timeout` seconds in all.

        `fence` is called when connected, just before writing. Raises TimeoutError and aiohttp's own errors: the gateway
        maps them. Never follows a redirect, never sends again.
        """
        session = self._session
        if session is None and self._loop is not None:
            raise ResourceError("this ConnectionPool is closed")
        check_loop(self._loop, "ConnectionPool")
        assert session is not None
        if proxy is not None and url.scheme == "http":  # no tunnel: the proxy reads the request itself
            headers = {**headers, **proxy.login}
        use = Use(self._connector.hosts.of(url), time.monotonic() + timeout, fence)
        token = use_of_request.set(use)
        try:
            response = await session.request(
                method,
                url,
                headers=headers,
                data=_in_pieces(body),
                allow_redirects=False,
                proxy=None if proxy is None else proxy.url,
                proxy_headers=None if proxy is None else proxy.login,
                timeout=_until_connected(timeout),
            )
            if keep_alive := response.headers.get("Keep-Alive"):
                self._connector.announced(use.host, keep_alive)
            content = await _read(response, self._max_body)
            if use.late:  # a body that ends with its connection looks whole when we cut it
                raise TimeoutError(f"no whole answer within {timeout} s")
            return Answer(response.status, content, response.headers, time.monotonic())
        except aiohttp.ClientHttpProxyError as error:  # which quotes the login
            raise ProxyRefused(f"the proxy answered {error.status} {error.message}") from None
        except aiohttp.ClientError as error:
            if use.late:
                raise TimeoutError(f"no answer within {timeout} s") from error
            if isinstance(error, _LOST):
                use.host.closed_by_peer(use.idled)
            raise
        finally:
            use_of_request.reset(token)
            self._connector.ended(use)


async def close_connection_pools() -> None:
    """Closes every pool that is open in the running loop, also with requests in flight; may be called again."""
    pools = list(_open_pools.get(asyncio.get_running_loop(), ()))
    await asyncio.gather(*(pool.close() for pool in pools))


def environment_proxy(url: URL) -> Proxy | None:
    """The proxy that the environment names for this URL, looked up once: aiohttp would do it for each request."""
    if url.host is None or urllib.request.proxy_bypass(url.host):
        return None
    found = urllib.request.getproxies().get(url.scheme)
    if not found:
        return None
    proxy = URL(found)
    login = base64.b64encode(f"{proxy.user}:{proxy.password or ''}".encode()).decode() if proxy.user else ""
    return Proxy(str(proxy.with_user(None)), {"Proxy-Authorization": f"Basic {login}"} if login else {})


@lru_cache(maxsize=16)
def _until_connected(timeout: float) -> aiohttp.ClientTimeout:
    """From there on the connector's sweep watches: aiohttp's own deadline takes a timer for each request."""
    return aiohttp.ClientTimeout(total=None, connect=max(timeout, 1e-3), sock_connect=CONNECT_SECONDS)


def _in_pieces(body: bytes | None) -> bytes | io.BytesIO | None:
    """A large body is written piece by piece, as fast as the peer reads; at once it would hold the loop."""
    return body if body is None or len(body) < LARGE_BODY else io.BytesIO(body)


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The whole body; its connection is free again after its end, and closed where it is not read so far."""
    length = response.content_length
    if length is not None and length <= most and "Content-Encoding" not in response.headers:
        return await response.read()
    parts: list[bytes] = []
    size = 0
    async with response:
        async for part in response.content.iter_any():
            size += len(part)
            if size > most:
                raise AnswerTooLarge(f"the answer is larger than {most} bytes")
            parts.append(part)
    return b"".join(parts)
