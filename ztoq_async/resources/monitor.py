"""What the process uses while it works: memory, files, sockets, tasks, the lag of the loop, and gauges of others."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import psutil

from ztoq_async.errors import ResourceError

HISTORY = 3600


@dataclass(frozen=True, slots=True)
class Sample:
    """One look: `at` is the loop's clock in seconds, `loop_lag` how many seconds late the loop came to it."""

    at: float
    rss_bytes: int
    open_files: int
    open_sockets: int
    tasks: int
    loop_lag: float
    gauges: Mapping[str, float] = field(default_factory=dict)


class ResourceMonitor:
    """Samples the process every `interval` seconds while entered; keeps the last `history` samples and the peaks.

    `open_files` counts all descriptors but sockets. A gauge that fails gives NaN and stops nothing.
    """

    def __init__(self, *, interval: float = 1.0, history: int = HISTORY) -> None:
        self._interval = interval
        self._samples: deque[Sample] = deque(maxlen=history)
        self._gauges: dict[str, Callable[[], float]] = {}
        self._process = psutil.Process()
        self._task: asyncio.Task[None] | None = None
        self.peak_rss_bytes = 0
        self.peak_loop_lag = 0.0

    async def __aenter__(self) -> Self:
        if self._task is not None:
            raise ResourceError("this ResourceMonitor was already entered; make a new one")
        self._look(0.0)
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait({self._task})
        self._look(0.0)

    @property
    def samples(self) -> tuple[Sample, ...]:
        """The history, oldest first."""
        return tuple(self._samples)

    def register(self, name: str, gauge: Callable[[], float]) -> None:
        """Adds a gauge, read at each sample; the same name again replaces it."""
        self._gauges[name] = gauge

    def unregister(self, name: str) -> None:
        """Takes a gauge away, when what it reads is closed."""
        self._gauges.pop(name, None)

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + self._interval
            await asyncio.sleep(self._interval)
            self._look(max(0.0, loop.time() - due))

    def _look(self, lag: float) -> None:
        with self._process.oneshot():
            rss = self._process.memory_info().rss
            sockets = len(self._process.net_connections(kind="all"))
            handles = self._process.num_fds()
        gauges = {name: _read(gauge) for name, gauge in self._gauges.items()}
        at = asyncio.get_running_loop().time()
        self._samples.append(Sample(at, rss, handles - sockets, sockets, len(asyncio.all_tasks()), lag, gauges))
        self.peak_rss_bytes = max(self.peak_rss_bytes, rss)
        self.peak_loop_lag = max(self.peak_loop_lag, lag)


def _read(gauge: Callable[[], float]) -> float:
    try:
        return float(gauge())
    except Exception:  # noqa: BLE001 - a gauge of something already closed must not end the run
        return float("nan")
