"""Samples of what a process uses, and a history that keeps a whole run in view within a bound."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ztoq_async.resources.usage import Connections


@dataclass(frozen=True, slots=True)
class Sample:
    """One look: `at` is seconds since the monitor was entered, `loop_lag` the most seconds that the loop came late.

    `open_files` are all descriptors but sockets; `connections` are remote host and port → state → count.
    """

    at: float
    rss_bytes: int
    open_files: int
    open_sockets: int
    connections: Connections
    tasks: int
    loop_lag: float
    gauges: Mapping[str, float] = field(default_factory=dict)

    def figures(self) -> dict[str, float]:
        """Every number by its name, the gauges' too; `connections` in all."""
        names = ("rss_bytes", "open_files", "open_sockets", "tasks", "loop_lag")
        own = {name: getattr(self, name) for name in names}
        return {**own, "connections": _total(self.connections), **self.gauges}


class History:
    """Samples with the same time between them: when `most` are kept, each two become one."""

    def __init__(self, most: int) -> None:
        self.kept: list[Sample] = []
        self._most = most
        self._every = 1
        self._seen = 0

    def add(self, sample: Sample) -> None:
        if len(self.kept) == self._most and self._seen % self._every == 0:
            self.kept = [_worst(self.kept[at : at + 2]) for at in range(0, self._most, 2)]
            self._every *= 2
        if self._seen % self._every == 0:
            self.kept.append(sample)
        else:
            self.kept[-1] = _worst((self.kept[-1], sample))
        self._seen += 1


def _worst(samples: Sequence[Sample]) -> Sample:
    """The highest of every figure, at the time of the first."""
    first, last = samples[0], samples[-1]
    return Sample(
        first.at,
        max(first.rss_bytes, last.rss_bytes),
        max(first.open_files, last.open_files),
        max(first.open_sockets, last.open_sockets),
        max(first.connections, last.connections, key=_total),
        max(first.tasks, last.tasks),
        max(first.loop_lag, last.loop_lag),
        {name: _higher(first.gauges.get(name), last.gauges.get(name)) for name in {**first.gauges, **last.gauges}},
    )


def _higher(one: float | None, other: float | None) -> float:
    known = [value for value in (one, other) if value is not None and not math.isnan(value)]
    return max(known, default=math.nan)


def _total(connections: Connections) -> int:
    return sum(sum(states.values()) for states in connections.values())
