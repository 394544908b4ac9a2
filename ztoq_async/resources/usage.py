"""What this process holds: memory, files, sockets, and its connections by host and state."""

from __future__ import annotations

import os
import stat
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil

OTHER = "other"
INCOMING = "incoming"
DEAREST = 100
"""The connections are read again after so many times the time that reading them took: for 1 % of a core."""

Connections = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Usage:
    """One look: bytes of memory; descriptors that are sockets, and all others; remote host and port → state → count."""

    rss_bytes: int = 0
    open_files: int = 0
    open_sockets: int = 0
    connections: Connections = field(default_factory=dict)


class ProcessUsage:
    """Looks at this process; blocks, so it belongs into a thread where there may be thousands of sockets.

    Of the hosts the `most_hosts` with most connections have a name, `other` is the rest; `incoming` are connections
    that others opened to this process. With very many sockets on the machine the connections are those of the last few
    seconds: the system lists all of them, whoever they belong to.
    """

    def __init__(self, most_hosts: int = 16) -> None:
        self._most = most_hosts
        self._process = psutil.Process()
        self._last = Usage()
        self._due = 0.0

    def look(self) -> Usage:
        """What is held now; what was held, where the process has no descriptor left to look with."""
        try:
            files, sockets = _descriptors()
            self._last = Usage(self._process.memory_info().rss, files, sockets, self._connections())
        except (OSError, psutil.Error):
            pass
        return self._last

    def _connections(self) -> Connections:
        if time.monotonic() < self._due:
            return self._last.connections
        start = time.thread_time()
        found = by_host(self._process.net_connections("inet"), self._most)
        self._due = time.monotonic() + DEAREST * (time.thread_time() - start)
        return found


def _descriptors() -> tuple[int, int]:
    """Open descriptors that are no sockets, and those that are."""
    sockets = others = 0
    for name in os.listdir("/dev/fd"):  # noqa: PTH208 - thousands of names, once a second
        try:
            mode = os.fstat(int(name)).st_mode
        except OSError:
            continue  # closed meanwhile, as that of the listing is
        if stat.S_ISSOCK(mode):
            sockets += 1
        else:
            others += 1
    return others, sockets


def by_host(connections: Sequence[Any], most: int) -> Connections:
    """Counts psutil's connections by remote host and port, and by state; busiest first."""
    own = {found.laddr.port for found in connections if found.status == psutil.CONN_LISTEN}
    counts: dict[str, Counter[str]] = {}
    for found in connections:
        if found.raddr:
            counts.setdefault(INCOMING if found.laddr.port in own else _name(found.raddr), Counter())[found.status] += 1
    busiest = sorted(counts, key=lambda host: (-counts[host].total(), host))
    named = {host: dict(counts[host]) for host in busiest[:most]}
    if rest := sum((counts[host] for host in busiest[most:]), Counter[str]()):
        named[OTHER] = dict(rest)
    return named


def _name(address: Any) -> str:
    return f"[{address.ip}]:{address.port}" if ":" in address.ip else f"{address.ip}:{address.port}"
