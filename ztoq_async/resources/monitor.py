"""What the process uses while it works: memory, files, connections, tasks, the loop's lag, and gauges of others."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeAlias

from ztoq_async.errors import ResourceError
from ztoq_async.resources.ownership import check_loop, warn_left_open
from ztoq_async.resources.samples import History, Sample
from ztoq_async.resources.thresholds import Alarm, Thresholds, watch
from ztoq_async.resources.usage import ProcessUsage, Usage

HISTORY = 720
PROBE_S = 0.1
SILENT = Thresholds()

Gauge: TypeAlias = Callable[[], float | Mapping[str, float]]


class ResourceMonitor:
    """Samples the process every `interval` seconds while entered. An async context manager; one use, one event loop.

    It keeps the peaks, and at most `history` samples of its whole time: when they are full, each two become one that
    has the highest of every figure, and so do those to come. Each of the `thresholds` is logged when it is crossed. A
    gauge that fails gives NaN and stops nothing.
    """

    def __init__(self, *, interval: float = 1.0, history: int = HISTORY, thresholds: Thresholds = SILENT) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        if history < 2 or not 0 < interval < math.inf:
            raise ValueError("interval must be seconds above 0, history at least 2: the first sample and the newest")
        self.alarms: tuple[Alarm, ...] = thresholds.alarms()
        self.peaks: dict[str, float] = {}
        self._interval = interval
        self._history = History(history - 1)
        self._gauges: dict[str, Gauge] = {}
        self._usage = ProcessUsage()
        self._task: asyncio.Task[None] | None = None
        self._newest: Sample | None = None

    async def __aenter__(self) -> Self:
        if self._task is not None:
            raise ResourceError("this ResourceMonitor was already entered; make a new one")
        self._loop = asyncio.get_running_loop()
        self._start = self._loop.time()
        self._thread = ThreadPoolExecutor(1, "ztoq-monitor")
        self._add(self._usage.look(), 0.0)
        self._task = asyncio.create_task(self._watch(), name="resource monitor")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        check_loop(self._loop, "ResourceMonitor")
        assert self._task is not None
        self._task.cancel()
        try:
            await asyncio.wait({self._task})
        finally:
            self._thread.shutdown(cancel_futures=True)  # waits for the look that is under way
            self._add(self._usage.look(), 0.0)
            self._loop = None

    def __del__(self) -> None:
        if self._loop is not None:
            warn_left_open("ResourceMonitor", self)

    @property
    def samples(self) -> tuple[Sample, ...]:
        """The whole time, oldest first, and the newest sample."""
        kept = self._history.kept
        return tuple(kept) if self._newest is None or self._newest is kept[-1] else (*kept, self._newest)

    @property
    def newest(self) -> Sample:
        """The newest sample. Raises ResourceError before the monitor was entered."""
        if self._newest is None:
            raise ResourceError("this ResourceMonitor was not entered yet")
        return self._newest

    def warnings(self) -> list[str]:
        """A sentence for each threshold that was crossed."""
        return [str(alarm) for alarm in self.alarms if alarm.times]

    def register(self, name: str, gauge: Gauge) -> None:
        """Adds a gauge, read at each sample; the same name again replaces it. Names are to be few.

        One that gives a mapping counts as several: `http` with `{"idle": 3}` is `http.idle`.
        """
        check_loop(self._loop, "ResourceMonitor")
        self._gauges[name] = gauge

    def unregister(self, name: str) -> None:
        """Takes a gauge away, when what it reads is closed."""
        check_loop(self._loop, "ResourceMonitor")
        self._gauges.pop(name, None)

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            lag = await _lag(loop, self._interval)
            self._add(await loop.run_in_executor(self._thread, self._usage.look), lag)

    def _add(self, usage: Usage, lag: float) -> None:
        assert self._loop is not None
        at = self._loop.time() - self._start
        self._newest = sample = Sample(
            at,
            usage.rss_bytes,
            usage.open_files,
            usage.open_sockets,
            usage.connections,
            len(asyncio.all_tasks()),
            lag,
            readings(self._gauges),
        )
        self._history.add(sample)
        for name, value in sample.figures().items():
            if math.isfinite(value) and value > self.peaks.get(name, -math.inf):
                self.peaks[name] = value
        watch(self.alarms, usage, lag, at)


async def _lag(loop: asyncio.AbstractEventLoop, seconds: float) -> float:
    """The most that the loop came late within this time; a pause of the loop seldom falls on one look a second."""
    end, worst = loop.time() + seconds, 0.0
    while (now := loop.time()) < end:
        due = min(now + PROBE_S, end)
        await asyncio.sleep(due - now)
        worst = max(worst, loop.time() - due)
    return worst


def readings(gauges: Mapping[str, Gauge]) -> dict[str, float]:
    """What the gauges say now, each name of a mapping behind that of its gauge."""
    return {name: value for entry in gauges.items() for name, value in _read(*entry)}


def _read(name: str, gauge: Gauge) -> Iterator[tuple[str, float]]:
    try:
        found = gauge()
        values = {f"{name}.{key}": found[key] for key in found} if isinstance(found, Mapping) else {name: found}
        yield from {key: float(value) for key, value in values.items()}.items()
    except Exception:  # noqa: BLE001 - a gauge of something already closed must not end the run
        yield name, math.nan
