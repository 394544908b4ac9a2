"""aiohttp's connector, made to know what each connection does: it counts, closes those that idle, asks the fence."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from functools import partial
from math import inf
from time import monotonic
from typing import Any

import aiohttp
from aiohttp.connector import Connection

from ztoq_async.errors import ResourceError
from ztoq_async.resources.hosts import Host, Hosts, Use, Wire

use_of_request: ContextVar[Use] = ContextVar("use_of_request")
"""What `TrackedConnector.connect` is called for: aiohttp hands nothing through."""


class ConnectionLost(aiohttp.ClientError):
    """The connection broke after the request may have been written, and aiohttp tried to send it again."""


class TrackedConnector(aiohttp.TCPConnector):
    """Knows what each connection does, closes those that idle, and calls the fence between connecting and writing."""

    def __init__(self, *, limit: int, limit_per_host: int, idle_timeout: float) -> None:
        # aiohttp's own sweep is coarse and knows no hosts: ours is always earlier.
        later = 2 * idle_timeout + 10
        super().__init__(limit=limit, limit_per_host=limit_per_host, keepalive_timeout=later)
        self.hosts = Hosts(idle_timeout)
        self._connecting: set[asyncio.Timeout] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._sweeps_at = inf

    def __del__(self, *_: Any) -> None:
        """The pool warns where it was left open: once, not once a layer."""

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Any], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        use = use_of_request.get()
        if use.wire is not None:  # aiohttp would send GET, PUT and DELETE once more
            raise ConnectionLost("the connection broke before the answer")
        if monotonic() >= self._sweeps_at:  # the loop is late: no request goes over a connection that is overdue
            self._sweep()
        try:
            if use.host.idle:
                connection = await super().connect(req, traces, timeout)
            else:
                connection = await self._connect_anew(req, traces, timeout)
        except Exception:
            use.host.failed += 1
            raise
        self._begin(use, connection)
        return connection

    def ended(self, use: Use) -> None:
        """The request is over, however it ended."""
        expiry = use.host.end(use)
        if expiry < self._sweeps_at:
            self._sweep_by(expiry)

    def announced(self, host: Host, keep_alive: str) -> None:
        """An answer said how long its host keeps connections."""
        if host.announced(keep_alive):
            self._sweep_by(host.next_due())

    def cut(self) -> None:
        """Ends every connection at once, without a word to the peer, who may not answer; and the sweep."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for scope in self._connecting:
            scope.reschedule(0.0)
        for host in self.hosts:
            _abort([*host.busy, *host.idle])
            host.idle.clear()

    async def _connect_anew(
        self, req: aiohttp.ClientRequest, traces: list[Any], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        """Waits for a place and connects; given up when the pool closes."""
        _abort(self.hosts.excess(self.limit))  # aiohttp does not count idle connections
        scope = asyncio.timeout(None)
        self._connecting.add(scope)
        try:
            async with scope:
                return await super().connect(req, traces, timeout)
        except TimeoutError:
            if scope.expired():
                raise ResourceError("this ConnectionPool was closed while a request waited for a connection") from None
            raise
        finally:
            self._connecting.discard(scope)

    def _begin(self, use: Use, connection: Connection) -> None:
        wire = connection.protocol
        assert wire is not None
        if use.host.begin(use, wire) and (closed := wire.closed) is not None:
            closed.add_done_callback(partial(self._lost, use.host, wire))
        if use.deadline < self._sweeps_at:
            self._sweep_by(use.deadline)
        if use.fence is not None:
            try:
                use.fence()
            except BaseException:
                connection.release()
                raise

    def _lost(self, host: Host, wire: Wire, closed: asyncio.Future[None]) -> None:
        if not closed.cancelled():
            closed.exception()
        since = host.idle.pop(wire, None)
        if since is not None:
            host.closed_by_peer(monotonic() - since)
            self._sweep_by(host.next_due())

    def _sweep_by(self, due: float) -> None:
        """Sees to it that the sweep runs then, or earlier."""
        if due < self._sweeps_at and not self.closed:
            if self._sweeper is not None:
                self._sweeper.cancel()
            self._sweeps_at = due
            self._sweeper = asyncio.get_running_loop().call_later(due - monotonic(), self._sweep)

    def _sweep(self) -> None:
        """Closes what is due, and sets the timer for what will be; none runs while no connection is open."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._sweeps_at = inf
        for host in self.hosts:
            _abort(host.due())
            self._sweep_by(host.next_due())


def _abort(wires: list[Wire]) -> None:
    for wire in wires:
        if wire.transport is not None:
            wire.transport.abort()
