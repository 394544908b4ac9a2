"""The monitor sees memory, files, connections, tasks, lag and gauges, within a bound, and ends with its block."""

import asyncio
import gc
import itertools
import logging
import math
import mmap
import resource
import socket
import threading
import time
from pathlib import Path

import pytest
from looking import looked

from ztoq_async.errors import ResourceError
from ztoq_async.resources.monitor import ResourceMonitor
from ztoq_async.resources.samples import History, Sample
from ztoq_async.resources.thresholds import Alarm, Thresholds
from ztoq_async.resources.usage import INCOMING, OTHER, ProcessUsage


async def test_it_sees_what_the_process_uses(tmp_path: Path) -> None:
    """A file, a socket, a task, 50 MB and a blocked loop each show in the samples, and in the peaks."""
    async with ResourceMonitor(interval=0.01) as monitor:
        first = monitor.samples[0]
        server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        sleeper = asyncio.create_task(asyncio.sleep(60))
        with (tmp_path / "open").open("w"):
            ballast = mmap.mmap(-1, 50_000_000)  # new pages, whatever the heap has left over
            ballast.write(b"x" * len(ballast))
            time.sleep(0.2)  # noqa: ASYNC251 - blocks the loop on purpose
            await looked(monitor)
            last = monitor.newest
        ballast.close()
        sleeper.cancel()
        server.close()
        await server.wait_closed()
    assert last.open_files == first.open_files + 1
    assert last.open_sockets == first.open_sockets + 1
    assert last.tasks >= first.tasks + 1
    assert last.rss_bytes - first.rss_bytes > 40_000_000
    assert monitor.peaks["rss_bytes"] >= last.rss_bytes
    assert monitor.peaks["loop_lag"] > 0.15


async def test_a_pause_of_the_loop_between_two_looks_is_seen() -> None:
    """The loop is probed more often than the process: a pause far from the next look is in that sample."""
    async with ResourceMonitor(interval=0.8) as monitor:
        await asyncio.sleep(0.25)
        time.sleep(0.3)  # noqa: ASYNC251 - blocks the loop on purpose
        await looked(monitor, 1)
        assert monitor.newest.loop_lag > 0.15


async def test_connections_are_counted_by_host_and_state() -> None:
    """Three connections to one server: host and port name them, and one that the server has closed is CLOSE_WAIT."""
    accepted: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    server = await asyncio.start_server(lambda _, writer: accepted.put_nowait(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
    writers = [await asyncio.wait_for(accepted.get(), 10) for _ in clients]
    try:
        found = ProcessUsage().look().connections
        assert (found[f"127.0.0.1:{port}"], found[INCOMING]) == ({"ESTABLISHED": 3}, {"ESTABLISHED": 3})
        writers[0].close()
        await writers[0].wait_closed()
        assert ProcessUsage().look().connections[f"127.0.0.1:{port}"] == {"ESTABLISHED": 2, "CLOSE_WAIT": 1}
    finally:
        for each in (*clients, *writers, server):
            each.close()
        await server.wait_closed()


def test_the_number_of_named_hosts_is_bounded() -> None:
    """The busiest hosts have names, all the rest together is `other`: nothing is left out of the sum."""
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
    addresses = [server.getsockname() for server in servers]
    clients = [socket.create_connection(address) for address in (*addresses, addresses[3], addresses[3])]
    try:
        found = dict(ProcessUsage(most_hosts=1).look().connections)
        busiest = f"127.0.0.1:{addresses[3][1]}"
        assert (len(found), found[busiest], found[OTHER]) == (2, {"ESTABLISHED": 3}, {"ESTABLISHED": 3})
    finally:
        for each in (*clients, *servers):
            each.close()


def test_without_a_free_descriptor_the_last_look_is_repeated() -> None:
    """A process that has used up its descriptors is still watched: looking needs one, and raises nothing."""
    usage = ProcessUsage()
    before = usage.look()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, limits[1]))
    try:
        assert usage.look() == before
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


async def test_gauges_are_sampled_and_a_broken_one_stops_nothing() -> None:
    """Each sample has every gauge, one for each key of a mapping; one that fails is NaN."""
    async with ResourceMonitor(interval=0.01) as monitor:
        monitor.register("queue", lambda: 7)
        monitor.register("pool", lambda: {"idle": 1, "in_use": 2})
        monitor.register("broken", lambda: 1 / 0)
        await looked(monitor)
        gauges = monitor.newest.gauges
        monitor.unregister("queue")
    assert (gauges["queue"], gauges["pool.idle"], gauges["pool.in_use"]) == (7.0, 1.0, 2.0)
    assert math.isnan(gauges["broken"])
    assert "broken" not in monitor.peaks
    assert "queue" not in monitor.newest.gauges


def test_a_run_of_twenty_hours_stays_in_view_from_its_beginning() -> None:
    """72,000 samples: at most 3,600 are kept, equally far from each other, first and last minute and each peak too."""
    history = History(3600)
    for second in range(20 * 3600):
        gauges = {"queue": 7.0} if second == 12_345 else {"queue": math.nan} if second < 100 else {}
        history.add(Sample(float(second), 900 if second == 54_321 else 1, 0, 0, {}, 0, 0.0, gauges))
        assert len(history.kept) <= 3600
    times = [sample.at for sample in history.kept]
    assert (len(times) > 1800, times[0]) == (True, 0.0)
    assert {later - earlier for earlier, later in itertools.pairwise(times)} == {32.0}
    assert times[-1] >= 20 * 3600 - 32
    assert [sample.at for sample in history.kept if sample.rss_bytes == 900] == [54_321 // 32 * 32]
    assert [sample.at for sample in history.kept if sample.gauges.get("queue") == 7] == [12_345 // 32 * 32]
    assert math.isnan(history.kept[0].gauges["queue"])


async def test_the_history_is_bounded_and_nothing_of_it_remains() -> None:
    """However long it runs, only so many samples are kept; after the block no task and no thread of it remains."""
    before = asyncio.all_tasks(), set(threading.enumerate())
    async with ResourceMonitor(interval=0.001, history=5) as monitor:
        first = monitor.samples[0]
        await looked(monitor, 20)
        assert 3 <= len(monitor.samples) <= 5
        assert (monitor.samples[0].at, monitor.samples[-1]) == (first.at, monitor.newest)
    assert (asyncio.all_tasks(), set(threading.enumerate())) == before
    assert [sample.at for sample in monitor.samples] == sorted(sample.at for sample in monitor.samples)
    with pytest.raises(ResourceError):
        await monitor.__aenter__()


async def test_a_threshold_is_logged_once_when_it_is_crossed(caplog: pytest.LogCaptureFixture) -> None:
    """Memory, lag and open files above their thresholds: one warning each, however many samples show it."""
    with caplog.at_level(logging.WARNING, "ztoq_async"):
        async with ResourceMonitor(interval=0.01, thresholds=Thresholds(1, 0.1, 1e-6)) as monitor:
            await asyncio.sleep(0)
            time.sleep(0.3)  # noqa: ASYNC251 - blocks the loop on purpose
            await looked(monitor, 5)
    words = sorted(record.getMessage().partition(" is at ")[0] for record in caplog.records)
    assert words == ["loop lag", "memory", "open files"]
    assert [alarm.times for alarm in monitor.alarms] == [1, 1, 1]
    assert str(monitor.alarms[0]).startswith("memory reached ")


async def test_no_threshold_warns_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Without thresholds, and below them, nothing is logged."""
    async with ResourceMonitor(interval=0.01, thresholds=Thresholds(rss_mb=1e6, open_files=1)) as monitor:
        time.sleep(0.2)  # noqa: ASYNC251 - a lag, for which there is no threshold
        await looked(monitor)
    assert (caplog.records, [alarm.times for alarm in monitor.alarms]) == ([], [0, 0])


def test_a_threshold_is_armed_again_after_a_calm_minute() -> None:
    """A value that goes up and down around its threshold is one crossing; another comes after a minute below 90 %."""
    alarm = Alarm("memory", 100, "MB")
    for at, value in enumerate([99, 101, 99, 101, 50, 101]):
        alarm.look(value, at)
    assert alarm.times == 1
    for at, value in [(50, 95), (109, 50), (110, 101), (120, 50), (170, 50), (171, 101)]:
        alarm.look(value, at)
    assert (alarm.times, alarm.most) == (2, 101)
    assert str(alarm) == "memory reached 101 MB, more than the 100 of its threshold, 2 times"


async def test_use_from_elsewhere_is_a_named_error() -> None:
    """Before, after, and from another thread a gauge cannot be registered."""
    monitor = ResourceMonitor()
    with pytest.raises(ResourceError, match="not open"):
        monitor.register("queue", lambda: 1)
    with pytest.raises(ResourceError, match="not entered"):
        _ = monitor.newest
    async with monitor:
        with pytest.raises(ResourceError, match="another event loop or thread"):
            await asyncio.to_thread(monitor.register, "queue", lambda: 1)
    with pytest.raises(ResourceError, match="not open"):
        monitor.unregister("queue")


def test_a_monitor_that_is_left_open_says_so() -> None:
    """Its loop ends, nobody closed it: a ResourceWarning, and its thread ends all the same."""

    async def forget() -> None:
        await ResourceMonitor().__aenter__()

    before = set(threading.enumerate())
    with pytest.warns(ResourceWarning, match="ResourceMonitor was left open"):
        asyncio.run(forget())
        gc.collect()
    assert set(threading.enumerate()) - before == set()
