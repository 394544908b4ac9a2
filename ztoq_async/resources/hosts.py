"""The connections of a pool, host by host: which idle since when, how long their peer keeps them, and counts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import takewhile
from math import inf
from time import monotonic
from typing import TypeAlias

from aiohttp.client_proto import ResponseHandler
from yarl import URL

MOST_HOSTS = 64
"""Hosts that are remembered; those without connections give way, and count in the totals only."""
LEAST_LEARNT = 1.0
"""Seconds: a connection that its peer closed sooner met a restart or an error, not a keep-alive."""
LEARNT_SECONDS = 600.0
"""How long what a host was seen to do is believed: it may have been a restart."""
Wire: TypeAlias = ResponseHandler
_TIMEOUT = re.compile(r"\btimeout\s*=\s*(\d{1,9})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Counts:
    """Connections: counts since the pool was opened, and how many are idle or in use now.

    `failed` could not be made. `closed_idle` were closed by the pool, because they idled for long enough or because
    another host needed their place.
    """

    created: int
    reused: int
    failed: int
    closed_idle: int
    idle: int
    in_use: int


@dataclass(frozen=True, slots=True)
class HostStatistics(Counts):
    """Those to one host, closed when idle for `keep_alive` seconds: `idle_timeout`, or less where it closes earlier."""

    keep_alive: float


@dataclass(frozen=True, slots=True)
class PoolStatistics(Counts):
    """Those of a pool, in total and by `host:port`."""

    hosts: Mapping[str, HostStatistics]


class Use:
    """One request's use of a connection, which had idled for so many seconds (0: it was new), until its deadline."""

    __slots__ = ("deadline", "fence", "host", "idled", "late", "wire")

    def __init__(self, host: Host, deadline: float, fence: Callable[[], None] | None) -> None:
        self.host = host
        host.requests += 1
        self.deadline = deadline
        self.late = False
        self.fence = fence
        self.wire: Wire | None = None
        self.idled = 0.0


class Host:
    """The connections to one host. Its mutable state is `busy`, by connection its present use, and `idle`, by
    connection the time since when, the longest first; times are `time.monotonic()`, in seconds."""

    def __init__(self, keep_alive: float) -> None:
        self.keep_alive = self._longest = keep_alive
        self._learnt_until = inf
        self.created = self.reused = self.failed = self.closed_idle = self.requests = 0
        self.busy: dict[Wire, Use] = {}
        self.idle: dict[Wire, float] = {}
        self._said = ""

    def begin(self, use: Use, wire: Wire) -> bool:
        """Notes a use; whether the connection is new."""
        use.wire = wire
        if (since := self.idle.pop(wire, None)) is not None:
            use.idled = monotonic() - since
        elif wire not in self.busy:
            self.created += 1
            self.busy[wire] = use
            return True
        # else the next use begins before the task that read the last answer could end its own
        self.reused += 1
        self.busy[wire] = use
        return False

    def end(self, use: Use) -> float:
        """Ends a use; when its connection is to be closed: it idles now, unless it is closed or in use again."""
        self.requests -= 1
        wire = use.wire
        if wire is None or self.busy.get(wire) is not use:
            return inf
        del self.busy[wire]
        if not wire.is_connected():
            return inf
        now = self.idle[wire] = monotonic()
        if now >= self._learnt_until:
            self.keep_alive, self._said, self._learnt_until = self._longest, "", inf
        return now + self.keep_alive

    def due(self) -> list[Wire]:
        """The connections to close: those that idled long enough, and count as closed, and those whose use is late."""
        now = monotonic()
        gone = list(takewhile(lambda wire: self.idle[wire] + self.keep_alive <= now, self.idle))
        for wire in gone:
            del self.idle[wire]
        self.closed_idle += len(gone)
        late = [wire for wire, use in self.busy.items() if use.deadline <= now and not use.late]
        for wire in late:
            self.busy[wire].late = True
        return gone + late

    def idle_since(self) -> float:
        """Since when its longest idle connection idles; inf without one."""
        return next(iter(self.idle.values()), inf)

    def give_up_one(self) -> Wire:
        """The connection that idles longest, to be closed."""
        wire = next(iter(self.idle))
        del self.idle[wire]
        self.closed_idle += 1
        return wire

    def next_due(self) -> float:
        """When the next connection is to be closed, if nothing happens to it."""
        return min([self.idle_since() + self.keep_alive, *(use.deadline for use in self.busy.values() if not use.late)])

    def announced(self, keep_alive: str) -> bool:
        """Heeds the header `Keep-Alive: timeout=N` of an answer (RFC 2068, 19.7.1.1); whether it says something new."""
        if keep_alive == self._said:
            return False
        self._said = keep_alive
        if found := _TIMEOUT.search(keep_alive):
            self._shorten(float(found[1]))
        return True

    def closed_by_peer(self, idled: float) -> None:
        """Learns from a connection that the peer closed, or was found to have closed, after so many idle seconds."""
        if idled >= LEAST_LEARNT:
            self._learnt_until = monotonic() + LEARNT_SECONDS
            self._shorten(idled)

    def _shorten(self, peers: float) -> None:
        # Its clock started earlier than ours, and a request takes time to arrive.
        self.keep_alive = min(self.keep_alive, peers - min(2.0, peers / 4))

    def statistics(self) -> HostStatistics:
        return HostStatistics(
            self.created, self.reused, self.failed, self.closed_idle, len(self.idle), len(self.busy), self.keep_alive
        )


class Hosts:
    """The hosts that a pool speaks to, by `host:port`; remembers a bounded number."""

    def __init__(self, idle_timeout: float) -> None:
        self._idle_timeout = idle_timeout
        self._by_name: dict[str, Host] = {}
        self._forgotten: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Host]:
        return iter(self._by_name.values())

    def of(self, url: URL) -> Host:
        name = f"{url.host}:{url.port}"
        host = self._by_name.get(name)
        if host is None:
            if len(self._by_name) >= MOST_HOSTS:
                self._forget_one()
            host = self._by_name[name] = Host(self._idle_timeout)
        return host

    def excess(self, limit: int) -> list[Wire]:
        """Idle connections to close, the longest idle first, so that those in use or wanted stay within the limit."""
        over = sum(len(host.idle) + host.requests for host in self) - limit
        gone: list[Wire] = []
        while over > len(gone):
            host = min(self, key=Host.idle_since)
            if not host.idle:
                break
            gone.append(host.give_up_one())
        return gone

    def statistics(self) -> PoolStatistics:
        hosts = {name: host.statistics() for name, host in self._by_name.items()}
        total = Counter(self._forgotten)
        for host in hosts.values():
            total.update(_counts(host))
        return PoolStatistics(**{name: total[name] for name in _COUNTS}, hosts=hosts)

    def _forget_one(self) -> None:
        for name, host in self._by_name.items():
            if not host.idle and not host.requests:
                self._forgotten.update(_counts(host.statistics()))
                del self._by_name[name]
                return


_COUNTS = tuple(field.name for field in fields(Counts))


def _counts(host: HostStatistics) -> dict[str, int]:
    return {name: getattr(host, name) for name in _COUNTS}
