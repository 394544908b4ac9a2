"""What Prometheus reads over HTTP is what really happened, and the port is given back."""

import asyncio
import contextlib
import socket

import aiohttp
import prometheus_client
import pytest
from aiohttp import web
from looking import looked
from prometheus_client.parser import text_string_to_metric_families

from ztoq_async.errors import NotFound, SettingsError
from ztoq_async.resources.calls import Call
from ztoq_async.resources.connector import ConnectionPool
from ztoq_async.resources.gateway import Gateway
from ztoq_async.resources.limiter import AdaptiveRate
from ztoq_async.resources.metrics import Metrics, served
from ztoq_async.resources.monitor import ResourceMonitor
from ztoq_async.resources.thresholds import Thresholds


@contextlib.asynccontextmanager
async def a_service():
    """Answers 200, and 404 below /lost; gives its address."""

    async def answer(request):
        return web.json_response({}, status=404 if "lost" in request.path else 200)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def scraped(port):
    """Every sample that the port gives: (name, labels) → value; the types that it declares."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as answer:
        assert answer.status == 200
        assert answer.content_type == "text/plain"
        families = list(text_string_to_metric_families(await answer.text()))
    values = {(one.name, *sorted(one.labels.items())): one.value for family in families for one in family.samples}
    return values, {family.name: family.type for family in families}


async def token(renew):
    return "Bearer secret-word"


async def test_requests_are_counted_by_service_template_and_status():
    """Two answers of 200 and one of 404 are there by the template of their path, and no key and no token is."""
    async with a_service() as base, ConnectionPool() as pool, ResourceMonitor() as monitor:
        rate = AdaptiveRate(60_000)
        gateway = Gateway(pool, name="zephyr", base_url=base, in_flight=2, rate=rate, authorise=token)
        async with served(metrics := Metrics(monitor, [gateway]), "127.0.0.1", 0) as port:
            for key in ("MM-T1", "MM-T2"):
                await gateway.send(Call("GET", f"/testcases/{key}", label="/testcases/{key}"))
            with pytest.raises(NotFound):
                await gateway.send(Call("GET", "/lost/MM-T3", label="/lost/{key}"))
            values, types = await scraped(port)
        text = metrics.exposition().decode()
    endpoint, service = ("endpoint", "GET /testcases/{key}"), ("service", "zephyr")
    assert values["ztoq_requests_total", endpoint, service, ("status", "200")] == 2
    assert values["ztoq_requests_total", ("endpoint", "GET /lost/{key}"), service, ("status", "404")] == 1
    assert values["ztoq_retries_total", service] == 0
    circuits = [values["ztoq_circuit", endpoint, service, ("state", word)] for word in ("closed", "open", "half-open")]
    assert circuits == [1, 0, 0]
    assert (types["ztoq_requests"], types["ztoq_resident_memory_bytes"]) == ("counter", "gauge")
    assert "MM-T" not in text and "secret-word" not in text


async def test_the_samples_figures_have_names_with_units():
    """Memory, files, lag, connections by host, the known gauges by their labels, others by name, crossed thresholds."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        async with ResourceMonitor(interval=0.01, thresholds=Thresholds(rss_mb=1)) as monitor:
            monitor.register("http", lambda: {"idle": 3, "in_use": 4})
            monitor.register("queue", lambda: {"read.waiting": 5})
            monitor.register("mine.own", lambda: 6)
            await looked(monitor)
            async with served(Metrics(monitor, gauges={"lane": lambda: {"write.done": 7}}), "127.0.0.1", 0) as port:
                values, _ = await scraped(port)
                assert values["ztoq_resident_memory_bytes",] == monitor.newest.rss_bytes
        assert values["ztoq_open_files",] > 2
        assert values["ztoq_loop_lag_seconds",] < 5
        host = ("host", f"127.0.0.1:{server.getsockname()[1]}")
        assert values["ztoq_connections", host, ("state", "ESTABLISHED")] == 1
        assert values["ztoq_http_connections", ("state", "in_use")] == 4
        assert values["ztoq_queue_items", ("lane", "read"), ("state", "waiting")] == 5
        assert values["ztoq_lane_records", ("lane", "write"), ("state", "done")] == 7
        assert values["ztoq_gauge", ("name", "mine.own")] == 6
        assert values["ztoq_warnings_total", ("what", "memory")] == 1


async def test_a_taken_port_is_a_named_error():
    """SettingsError names setting, host and port; what was begun is closed again."""
    async with ResourceMonitor() as monitor:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            with pytest.raises(SettingsError, match=rf"metrics_port.*127\.0\.0\.1:{port}"):
                async with served(Metrics(monitor), "127.0.0.1", port):
                    pass


async def test_the_port_is_free_again_although_somebody_holds_a_connection():
    """A client that says nothing delays the end by little: the socket is closed, and the port can be used again."""
    async with ResourceMonitor() as monitor:
        async with served(Metrics(monitor), "127.0.0.1", 0) as port:
            silent = socket.create_connection(("127.0.0.1", port))
            await scraped(port)
            start = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - start < 5
        silent.settimeout(5)
        assert silent.recv(1) == b""
        silent.close()
        async with served(Metrics(monitor), "127.0.0.1", port):
            await scraped(port)


async def test_two_monitors_have_registries_of_their_own():
    """Nothing goes through Prometheus' global registry: two engines in one process do not meet there."""
    async with ResourceMonitor() as one, ResourceMonitor() as two:
        assert Metrics(one).exposition() and Metrics(two).exposition()
    assert b"ztoq_" not in prometheus_client.generate_latest()
