"""The newest sample and the gateways' statistics for Prometheus: no name or value of a record is in them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from types import MappingProxyType

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from ztoq_async.errors import SettingsError
from ztoq_async.resources.breaker import State
from ztoq_async.resources.gateway import Gateway
from ztoq_async.resources.monitor import Gauge, ResourceMonitor, readings
from ztoq_async.resources.samples import Sample
from ztoq_async.resources.shield import shielded

CLOSE_SECONDS = 1.0

PROCESS = {
    "rss_bytes": ("ztoq_resident_memory_bytes", "Memory that the process holds."),
    "open_files": ("ztoq_open_files", "Open descriptors that are no sockets."),
    "open_sockets": ("ztoq_open_sockets", "Open sockets of every kind."),
    "tasks": ("ztoq_tasks", "Tasks of the event loop."),
    "loop_lag": ("ztoq_loop_lag_seconds", "The most that the event loop came late since the sample before."),
}
GAUGES = {
    "http": ("ztoq_http_connections", "Connections of the HTTP pool.", ("state",)),
    "database": ("ztoq_database_connections", "Connections of the store's pool; waiting: for one.", ("state",)),
    "queue": ("ztoq_queue_items", "Items in the lanes' work queues.", ("lane", "state")),
    "threads": ("ztoq_threads", "Calls in the pools of threads.", ("pool", "state")),
    "processes": ("ztoq_processes", "Processes of the pool, and calls that wait for one.", ("state",)),
    "lane": ("ztoq_lane_records", "How far each lane is in what it does now; total 0: not known.", ("lane", "state")),
}
"""Gauges whose names have parts, `queue.read.waiting`; any other is ztoq_gauge with its name."""
NONE: Mapping[str, Gauge] = MappingProxyType({})
ANY = ("ztoq_gauge", "A gauge of the application.", ("name",))


class Metrics(Collector):
    """Collects in the event loop of its monitor, into a registry of its own.

    `gauges` are read when Prometheus asks, beside those that the monitor has sampled.
    """

    def __init__(
        self, monitor: ResourceMonitor, gateways: Sequence[Gateway] = (), gauges: Mapping[str, Gauge] = NONE
    ) -> None:
        self._monitor = monitor
        self._gateways = gateways
        self._gauges = gauges
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format (`CONTENT_TYPE_LATEST`)."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """What the registry asks for."""
        sample = self._monitor.newest
        yield from _process(sample)
        yield from _gauges({**sample.gauges, **readings(self._gauges)})
        yield self._warnings()
        yield from _requests(self._gateways)
        yield _circuits(self._gateways)

    def _warnings(self) -> Metric:
        found = CounterMetricFamily("ztoq_warnings", "How often a threshold was crossed.", labels=("what",))
        for alarm in self._monitor.alarms:
            found.add_metric((alarm.name,), alarm.times)
        return found


@contextlib.asynccontextmanager
async def served(metrics: Metrics, host: str, port: int) -> AsyncIterator[int]:
    """While entered, `http://host:port/metrics` answers in this event loop; gives the port (for 0 any free one).

    Raises SettingsError where the port cannot be had.
    """

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=metrics.exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/metrics", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSE_SECONDS)
    try:
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise SettingsError(f"[monitor] metrics_port: {host}:{port} cannot be served: {error.strerror}") from None
        yield runner.addresses[0][1]
    finally:
        await shielded(runner.cleanup(), timeout=3 * CLOSE_SECONDS)


def _process(sample: Sample) -> Iterator[Metric]:
    figures = sample.figures()
    for name, (metric, words) in PROCESS.items():
        yield GaugeMetricFamily(metric, words, value=figures[name])
    hosts = GaugeMetricFamily("ztoq_connections", "Connections by remote host and state.", labels=("host", "state"))
    for host, states in sample.connections.items():
        for state, number in states.items():
            hosts.add_metric((host, state), number)
    yield hosts


def _gauges(gauges: Mapping[str, float]) -> Iterator[Metric]:
    families: dict[str, GaugeMetricFamily] = {}
    for name, value in gauges.items():
        area, *parts = name.split(".")
        metric, words, labels = GAUGES.get(area, ANY)
        if len(parts) != len(labels) or area not in GAUGES:
            (metric, words, labels), parts = ANY, [name]
        family = families.setdefault(metric, GaugeMetricFamily(metric, words, labels=labels))
        family.add_metric(parts, value)
    yield from families.values()


def _requests(gateways: Sequence[Gateway]) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "ztoq_requests",
        "Requests that went over the wire; status 0: no usable answer.",
        labels=("service", "endpoint", "status"),
    )
    retries = CounterMetricFamily("ztoq_retries", "Requests that were sent again.", labels=("service",))
    for gateway in gateways:
        statistics = gateway.statistics()
        for (endpoint, status), number in statistics.calls.items():
            requests.add_metric((gateway.name, endpoint, str(status)), number)
        retries.add_metric((gateway.name,), statistics.retried)
    yield requests
    yield retries


def _circuits(gateways: Sequence[Gateway]) -> Metric:
    found = GaugeMetricFamily(
        "ztoq_circuit", "1 for the state that a circuit is in.", labels=("service", "endpoint", "state")
    )
    for gateway in gateways:
        for circuit in gateway.circuits:
            for state in State:
                found.add_metric((gateway.name, circuit.name, state.value), circuit.state is state)
    return found
