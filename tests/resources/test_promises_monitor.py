"""What the resource monitor promises, compared with what the system itself says."""

import asyncio
import contextlib
import itertools
import logging
import math
import mmap
import time

import psutil
import pytest
from peers import Peer, eventually, stalls

from ztoq_async import ResourceError, ResourceMonitor
from ztoq_async.resources.thresholds import Thresholds


async def until(monitor, condition):
    """The newest sample for which the condition holds; connections may be seconds old on a machine with very many."""
    await eventually(lambda: condition(monitor.newest), 10.0)
    return monitor.newest


async def test_it_sees_memory_files_sockets_tasks_and_hosts(tmp_path):
    """What a sample says is what psutil says, and a rise is seen at the next look."""
    async with contextlib.AsyncExitStack() as stack:
        peer = await stack.enter_async_context(Peer(stalls))
        monitor = await stack.enter_async_context(ResourceMonitor(interval=0.05))
        before, host = monitor.newest, f"127.0.0.1:{peer.port}"
        for number in range(20):
            stack.enter_context((tmp_path / str(number)).open("w"))
        for _ in range(10):
            _, writer = await asyncio.open_connection("127.0.0.1", peer.port)
            stack.callback(writer.close)
        for _ in range(30):
            stack.callback(asyncio.create_task(asyncio.sleep(60)).cancel)
        block = stack.enter_context(contextlib.closing(mmap.mmap(-1, 40 << 20)))  # new pages, not the heap's old ones
        block.write(b"x" * len(block))
        sample = await until(monitor, lambda one: sum(one.connections.get(host, {}).values()) == 10)
        assert sample.open_files >= before.open_files + 20
        assert sample.open_sockets >= before.open_sockets + 20
        assert sample.tasks >= before.tasks + 30
        assert sample.rss_bytes >= before.rss_bytes + len(block) * 0.8
        assert abs(sample.rss_bytes / psutil.Process().memory_info().rss - 1) < 0.1


async def test_it_sees_that_the_loop_came_late():
    """A call that blocks the loop for 0.3 s is a lag of about as much."""
    async with ResourceMonitor(interval=0.05) as monitor:
        await asyncio.sleep(0.2)
        time.sleep(0.3)  # noqa: ASYNC251
        await asyncio.sleep(0.2)
        assert 0.2 < max(sample.loop_lag for sample in monitor.samples) < 0.6


async def test_its_history_is_bounded_and_shows_the_whole_time():
    """When it is full, the beginning is still there, in fewer samples; the order is that of time."""
    async with ResourceMonitor(interval=0.005, history=16) as monitor:
        most = 0
        for _ in range(100):
            await asyncio.sleep(0.01)
            most = max(most, len(monitor.samples))
        samples = monitor.samples
    times = [sample.at for sample in samples]
    assert (most <= 17, times == sorted(times)) == (True, True)
    assert (times[0] < 0.2, times[-1] > 0.8, len(times) >= 6) == (True, True, True)
    assert max(after - before for before, after in itertools.pairwise(times)) < 0.4


async def test_gauges_are_read_and_a_broken_one_stops_nothing():
    """Numbers and mappings; one that fails is NaN until it is taken away, and the others go on."""
    depth = {"waiting": 3, "working": 2}

    def broken():
        raise RuntimeError

    async with ResourceMonitor(interval=0.02) as monitor:
        monitor.register("depth", lambda: depth)
        monitor.register("broken", broken)
        monitor.register("plain", lambda: 7)
        sample = await until(monitor, lambda one: "plain" in one.gauges)
        assert (sample.gauges["depth.waiting"], sample.gauges["plain"]) == (3, 7)
        assert math.isnan(sample.gauges["broken"])
        depth["waiting"] = 9
        monitor.unregister("broken")
        sample = await until(monitor, lambda one: one.gauges["depth.waiting"] == 9)
        await until(monitor, lambda one: "broken" not in one.gauges)


async def test_a_threshold_warns_once_when_it_is_crossed(caplog):
    """A high memory limit is silent, one that is crossed speaks once, not with every sample."""
    with caplog.at_level(logging.WARNING):
        async with ResourceMonitor(interval=0.01, thresholds=Thresholds(rss_mb=1e6)) as monitor:
            await asyncio.sleep(0.1)
            assert monitor.warnings() == []
        assert caplog.records == []
        async with ResourceMonitor(interval=0.01, thresholds=Thresholds(rss_mb=1.0)) as monitor:
            await asyncio.sleep(0.2)
            assert len(monitor.warnings()) == 1
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1


async def test_leaving_it_ends_its_task_and_keeps_what_it_saw():
    """After a plain end, an error and a cancellation: no task remains, and the samples can still be read."""

    async def use(end):
        async with ResourceMonitor(interval=0.01) as monitor:
            kept.append(monitor)
            await asyncio.sleep(0.03)
            if end == "error":
                raise ZeroDivisionError
            if end == "cancelled":
                asyncio.current_task().cancel()
                await asyncio.sleep(1)

    kept = []
    for end in ("plain", "error", "cancelled"):
        await asyncio.gather(asyncio.create_task(use(end)), return_exceptions=True)
        assert len(asyncio.all_tasks()) == 1, end
        assert kept[-1].newest.rss_bytes > 0


async def test_before_it_is_entered_there_is_no_sample():
    """Named, rather than an IndexError; and it is for one use."""
    monitor = ResourceMonitor(interval=0.01)
    with pytest.raises(ResourceError):
        _ = monitor.newest
    async with monitor:
        with pytest.raises(ResourceError):
            await monitor.__aenter__()
    with pytest.raises(ResourceError):
        await monitor.__aenter__()


@pytest.mark.parametrize("interval", [0, -1.0])
def test_a_monitor_without_a_pause_cannot_be_made(interval):
    """It would do nothing but look."""
    with pytest.raises((ValueError, ResourceError)):
        ResourceMonitor(interval=interval)
