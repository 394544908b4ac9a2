"""The one pool of HTTP connections that all clients of an engine share, and the only place that speaks aiohttp."""

from __future__ import annotations

import asyncio
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from weakref import WeakKeyDictionary, WeakSet

import aiohttp
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from yarl import URL

from ztoq_async.errors import ResourceError
from ztoq_async.resources.calls import Answer

CONNECT_SECONDS = 10.0
CLOSE_SECONDS = 5.0

_open_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakSet[ConnectionPool]] = WeakKeyDictionary()
_before_write: ContextVar[Callable[[], None] | None] = ContextVar("_before_write", default=None)


class ConnectionLost(aiohttp.ClientError):
    """The connection broke after the request may have been written."""


class AnswerTooLarge(aiohttp.ClientError):
    """The answer's body is larger than the pool reads."""


@dataclass(frozen=True, slots=True)
class PoolStatistics:
    """Connections of a pool: counts since it was opened, and how many are idle or in use now."""

    created: int
    reused: int
    failed: int
    closed_idle: int
    idle: int
    in_use: int


class _Connector(aiohttp.TCPConnector):
    """Counts what aiohttp does not, and calls the fence between connecting and writing."""

    created = handed_out = failed = closed_idle = 0

    async def connect(self, req: ClientRequest, traces: list[Any], timeout: aiohttp.ClientTimeout) -> Connection:
        connection = await super().connect(req, traces, timeout)
        self.handed_out += 1
        fence = _before_write.get()
        if fence is not None:
            try:
                fence()
            except BaseException:
                connection.release()
                raise
        return connection

    async def _create_connection(self, *args: Any) -> Any:
        try:
            connection = await super()._create_connection(*args)
        except BaseException:
            self.failed += 1
            raise
        self.created += 1
        return connection

    def idle(self) -> int:
        return sum(map(len, self._conns.values()))

    def in_use(self) -> int:
        return len(self._acquired)

    def sweep(self) -> None:
        """Closes connections that idled longer than the keep-alive; aiohttp's own sweep may take twice that long."""
        before = self.idle()
        self._cleanup()
        self.closed_idle += before - self.idle()


async def _never_resend(request: ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Hides a broken connection from aiohttp, which would send GET, PUT and DELETE once more."""
    try:
        return await handler(request)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise ConnectionLost(str(error) or type(error).__name__) from error


class ConnectionPool:
    """HTTP connections of one event loop, opened as needed and closed when idle; an async context manager.

    `limit` bounds all connections, `limit_per_host` those to one host (0: the gateways' `in_flight` bounds them),
    `idle_timeout` is in seconds, `max_body` in bytes after decompression. Cookies are never kept, .netrc is not read;
    the gateways take a proxy from the environment (`HTTPS_PROXY`, `NO_PROXY`, …).
    """

    def __init__(
        self, *, limit: int = 100, limit_per_host: int = 0, idle_timeout: float = 60.0, max_body: int = 64 * 2**20
    ) -> None:
        self._limit = limit
        self._limit_per_host = limit_per_host
        self._idle_timeout = idle_timeout
        self._max_body = max_body
        self._session: aiohttp.ClientSession | None = None
        self._connector: _Connector | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        if self._loop is not None:
            raise ResourceError("this ConnectionPool was already entered; make a new one")
        self._loop = asyncio.get_running_loop()
        self._connector = _Connector(
            limit=self._limit, limit_per_host=self._limit_per_host, keepalive_timeout=self._idle_timeout
        )
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            middlewares=(_never_resend,),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
        )
        _open_pools.setdefault(self._loop, WeakSet()).add(self)
        self._sweep()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes every connection, also those in use; may be called again. Takes at most 5 s."""
        session, self._session = self._session, None
        if session is None or self._loop is None:
            return
        self._check_loop()
        _open_pools.get(self._loop, WeakSet()).discard(self)
        if self._sweeper is not None:
            self._sweeper.cancel()
        closing = asyncio.ensure_future(session.close())
        await asyncio.wait({closing}, timeout=CLOSE_SECONDS)

    def statistics(self) -> PoolStatistics:
        """How many connections were made, reused, failed and closed, and are open now."""
        connector = self._connector
        if connector is None:
            return PoolStatistics(0, 0, 0, 0, 0, 0)
        reused = connector.handed_out - connector.created
        return PoolStatistics(
            connector.created, reused, connector.failed, connector.closed_idle, connector.idle(), connector.in_use()
        )

    async def request(
        self,
        method: str,
        url: URL,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        proxy: str | None = None,
        fence: Callable[[], None] | None = None,
    ) -> Answer:
        """Sends once and reads the answer to its end; `fence` is called when connected, just before writing.

        Raises aiohttp's own errors: the gateway maps them. Never follows a redirect, never sends again.
        """
        if self._session is None:
            raise ResourceError("this ConnectionPool is closed")
        self._check_loop()
        token = _before_write.set(fence)
        try:
            async with self._session.request(
                method, url, headers=headers, data=body, allow_redirects=False, proxy=proxy
            ) as response:
                content = await _read(response, self._max_body)
                lower = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status, content, lower, time.monotonic())
        finally:
            _before_write.reset(token)

    def _check_loop(self) -> None:
        if asyncio.get_running_loop() is not self._loop:
            raise ResourceError("this ConnectionPool belongs to another event loop")

    def _sweep(self) -> None:
        if self._session is None or self._loop is None or self._connector is None:
            return
        self._connector.sweep()
        self._sweeper = self._loop.call_later(self._idle_timeout / 4, self._sweep)


async def close_connection_pools() -> None:
    """Closes every pool that is open in the running loop, also with requests in flight; may be called again."""
    pools = list(_open_pools.get(asyncio.get_running_loop(), ()))
    await asyncio.gather(*(pool.close() for pool in pools))


def environment_proxy(url: URL) -> str | None:
    """The proxy that the environment names for this URL, looked up once: aiohttp would do it for each request."""
    if url.host is None or urllib.request.proxy_bypass(url.host):
        return None
    return urllib.request.getproxies().get(url.scheme)


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    length = response.content_length
    if length is not None and length <= most and "Content-Encoding" not in response.headers:
        return await response.read()
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > most:
            response.close()
            raise AnswerTooLarge(f"the answer is larger than {most} bytes")
        parts.append(part)
    return b"".join(parts)
