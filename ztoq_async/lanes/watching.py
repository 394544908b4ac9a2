"""What the monitor sees of a run, and where the run shows it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from ztoq_async.lanes.run import Progress
from ztoq_async.resources.connector import ConnectionPool
from ztoq_async.resources.database import Database
from ztoq_async.resources.metrics import Metrics, served
from ztoq_async.resources.monitor import Gauge, ResourceMonitor
from ztoq_async.resources.pools import WorkerPools
from ztoq_async.resources.process_pool import ProcessPool
from ztoq_async.resources.work_queue import WorkQueue
from ztoq_async.settings import MonitorSettings
from ztoq_async.store.samples import kept

WORDS = ("done", "total")

Queues = Mapping[str, WorkQueue[Any, Any]]


def register(
    monitor: ResourceMonitor,
    pool: ConnectionPool,
    database: Database,
    threads: WorkerPools,
    processes: ProcessPool,
    queues: Queues,
) -> None:
    """Lets the monitor read the pools and the lanes' queues."""

    def http() -> dict[str, float]:
        found = pool.statistics()
        return {"idle": found.idle, "in_use": found.in_use}

    def store() -> dict[str, float]:
        found = database.statistics()
        return {"idle": found.idle, "in_use": found.in_use, "waiting": found.waiting}

    def queued() -> dict[str, float]:
        found = {lane: queue.statistics() for lane, queue in queues.items()}
        return {f"{lane}.{state}": getattr(found[lane], state) for lane in found for state in ("waiting", "working")}

    def in_threads() -> dict[str, float]:
        found = threads.statistics()
        return {f"{name}.{state}": getattr(found[name], state) for name in found for state in ("busy", "waiting")}

    def in_processes() -> dict[str, float]:
        found = processes.statistics()
        return {"alive": found.alive, "busy": found.busy, "waiting": found.waiting}

    gauges = {"http": http, "database": store, "threads": in_threads, "processes": in_processes, "queue": queued}
    for name, gauge in gauges.items():
        monitor.register(name, gauge)


def how_far(progress: Mapping[str, Progress]) -> Gauge:
    """A gauge of what each lane has done."""
    return lambda: {f"{name}.{word}": getattr(lane, word) for name, lane in progress.items() for word in WORDS}


@contextlib.asynccontextmanager
async def shown(
    monitor: ResourceMonitor, metrics: Metrics, database: Database, number: int, settings: MonitorSettings
) -> AsyncIterator[None]:
    """While entered, others see this pass: `status` in the store, and Prometheus where the settings name a port."""
    async with contextlib.AsyncExitStack() as stack:
        if settings.metrics_port:
            await stack.enter_async_context(served(metrics, settings.metrics_host, settings.metrics_port))
        await stack.enter_async_context(kept(monitor, database, number))
        yield
