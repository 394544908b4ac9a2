"""What the promises of docs/resource-management.md cost, each measured beside the bare thing."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from benchmarks.measure import Figure, Size
from benchmarks.resources import connections, monitor, sessions, work_queue

MEASURES: tuple[Callable[[Size], Iterable[Figure]], ...] = (
    connections.speed,
    connections.idle_expiry,
    sessions.sessions,
    work_queue.speed,
    work_queue.memory,
    monitor.monitor,
)


def figures(size: Size) -> Iterable[Figure]:
    """Each figure as soon as it is known."""
    for measure in MEASURES:
        yield from measure(size)
