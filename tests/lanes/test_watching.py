"""A run shows what it uses: to Prometheus, to `status` of another process, in its report."""

import asyncio
import contextlib
import re
import socket
from pathlib import Path

import aiohttp
import pytest
from moving import a_move
from prometheus_client.parser import text_string_to_metric_families

from ztoq_async.errors import ResourceError, SettingsError
from ztoq_async.report.resource_section import resource_section


@pytest.fixture
async def move(store_url, tmp_path):
    """A small project, and services that take their time."""
    slow = {"latency_ms": 20}
    async with a_move(store_url, tmp_path, cases=60, executions=60, zephyr=slow, qtest=slow) as made:
        yield made


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def read(text):
    """(name, labels) → value, as a Prometheus reads them."""
    samples = (one for family in text_string_to_metric_families(text) for one in family.samples)
    return {(one.name, *sorted(one.labels.items())): one.value for one in samples}


def documented():
    """The names and labels of the table of metrics."""
    page = Path(__file__).parents[2] / "docs" / "configuration.md"
    rows = re.findall(r"^\| `(ztoq_\w+)` \| (.*?) ?\| ", page.read_text(), re.MULTILINE)
    return {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}


async def scraped(port):
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as answer:
        return read(await answer.text())


def total(values, name, *labels):
    """The sum of a metric over all labels but these."""
    return sum(value for (found, *of), value in values.items() if found == name and {*labels} <= {*of})


async def scraped_at_most(port):
    """The highest value of each metric until the writing lane had something to do and connections were seen."""
    most = {}
    async with asyncio.timeout(30):
        while not (total(most, "ztoq_queue_items", ("lane", "write")) and total(most, "ztoq_connections")):
            await asyncio.sleep(0.02)
            with contextlib.suppress(aiohttp.ClientConnectorError):  # the run has not begun yet
                found = await scraped(port)
                most |= {name: max(value, most.get(name, 0.0)) for name, value in found.items()}
    return most


async def test_a_run_is_seen_by_prometheus_and_by_status_while_it_goes_on(move):
    """Counters only grow and end as the report's calls; the queue, the pools and the hosts are there; then the port is.

    No record's key, no token is in what Prometheus reads, and the table of the documents names all of it.
    """
    port = free_port()
    async with move.engine(monitor={"sample_s": 0.05, "metrics_port": port}) as engine:
        running = asyncio.create_task(engine.run())
        first = await scraped_at_most(port)
        async with move.engine(monitor={"metrics_port": port}) as other:
            status = await other.status()
        report = await running
        text = engine.metrics().decode()
        with pytest.raises(aiohttp.ClientConnectorError):
            await scraped(port)
    seen = {name: {label for label, _ in labels} for name, *labels in {**first, **read(text)}}
    assert seen == documented()
    calls = report["calls"]
    last = read(text)
    assert total(last, "ztoq_requests_total", ("service", "zephyr")) == calls["zephyr"]
    assert total(last, "ztoq_requests_total", ("service", "qtest")) == calls["qtest"] + calls["verify"]
    assert 0 < total(first, "ztoq_requests_total") < total(last, "ztoq_requests_total")
    assert all(first[name] <= last[name] for name in first if name[0].endswith("_total"))
    assert ("ztoq_threads", ("pool", "files"), ("state", "busy")) in first
    assert ("ztoq_processes", ("state", "alive")) in first
    assert total(first, "ztoq_http_connections") > 0 and total(first, "ztoq_database_connections") > 0
    assert total(first, "ztoq_connections", ("state", "ESTABLISHED")) > 0
    assert total(last, "ztoq_lane_records", ("lane", "write"), ("state", "done")) > 0
    assert not re.search(r"MM-[TRCE]\d|/\d+", text)
    assert not any(secret in text for secret in engine.settings.secrets())
    assert (status["resources"]["ended"], status["outcome"]) == (False, "interrupted")
    assert status["resources"]["newest"]["rss_bytes"] > 2**20


@pytest.mark.slow
async def test_the_report_has_the_run_from_beginning_to_end(move):
    """Memory, connections and both lanes' queues over its seconds; the page plots all three; status says as much."""
    report = await move.run(monitor={"sample_s": 0.05})
    found = report["resources"]
    assert found["seconds"][0] < 1 and found["seconds"][-1] > report["seconds"] * 0.8
    assert max(value or 0 for value in found["series"]["queue.write.working"]) > 0
    assert found["peaks"]["queue.read.working"] > 0 and found["peaks"]["http.in_use"] > 0
    assert round(found["peaks"]["rss_bytes"] / 2**20) == report["peak_rss_mb"]
    assert resource_section(report).count('<svg class="plot"') == 3
    async with move.engine() as engine:
        resources = (await engine.status())["resources"]
    assert (resources["ended"], resources["peaks"]["rss_bytes"] >= found["peaks"]["rss_bytes"]) == (True, True)


@pytest.mark.slow
async def test_a_crossed_threshold_is_in_the_notes_of_the_report(move):
    """More memory than the setting allows: one note says so, and without a threshold there is none."""
    report = await move.run(monitor={"sample_s": 0.05, "warn_rss_mb": 1})
    assert [note.partition(",")[0].partition(" reached ")[0] for note in report["notes"]] == ["memory"]
    again = await move.run(monitor={"warn_rss_mb": 0, "warn_loop_lag_s": 0})
    assert again["notes"] == []


async def test_a_taken_metrics_port_ends_a_run_before_its_first_write(move):
    """SettingsError names the port, qTest was not asked to change anything, and status is not in its way."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = {"metrics_port": server.getsockname()[1]}
        before = (await move.stats())["calls"]
        with pytest.raises(SettingsError, match="metrics_port"):
            await move.run(monitor=taken)
        assert (await move.stats())["calls"] == before
        async with move.engine(monitor=taken) as engine:
            assert (await engine.status())["resources"] is None


async def test_metrics_belong_to_the_engines_loop(move):
    """Before entering, after leaving and from a thread: a named error."""
    engine = move.engine()
    with pytest.raises(ResourceError, match="not open"):
        engine.metrics()
    async with engine:
        assert b"ztoq_resident_memory_bytes" in engine.metrics()
        with pytest.raises(ResourceError, match="another event loop or thread"):
            await asyncio.to_thread(engine.metrics)
    with pytest.raises(ResourceError, match="not open"):
        engine.metrics()
