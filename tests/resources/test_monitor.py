"""The monitor sees memory, files, sockets, tasks, lag and gauges, within a bound, and ends with its block."""

import asyncio
import math
import time
from pathlib import Path

import pytest

from ztoq_async.errors import ResourceError
from ztoq_async.resources.monitor import ResourceMonitor


async def test_it_sees_what_the_process_uses(tmp_path: Path) -> None:
    """A file, a socket, a task, 50 MB and a blocked loop each show in the samples."""
    async with ResourceMonitor(interval=0.01) as monitor:
        first = monitor.samples[0]
        server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        sleeper = asyncio.create_task(asyncio.sleep(60))
        with (tmp_path / "open").open("w"):
            ballast = bytearray(b"x") * 50_000_000
            await asyncio.sleep(0.03)
            time.sleep(0.2)  # noqa: ASYNC251 - blocks the loop on purpose
            await asyncio.sleep(0.03)
            last = monitor.samples[-1]
        del ballast
        sleeper.cancel()
        server.close()
        await server.wait_closed()
    assert last.open_files == first.open_files + 1
    assert last.open_sockets == first.open_sockets + 1
    assert last.tasks >= first.tasks + 1
    assert last.rss_bytes - first.rss_bytes > 40_000_000
    assert monitor.peak_rss_bytes >= last.rss_bytes
    assert 0.15 < monitor.peak_loop_lag < 2


async def test_gauges_are_sampled_and_a_broken_one_stops_nothing() -> None:
    """Each sample has every gauge; one that fails is NaN."""
    async with ResourceMonitor(interval=0.01) as monitor:
        monitor.register("queue", lambda: 7)
        monitor.register("broken", lambda: 1 / 0)
        await asyncio.sleep(0.03)
        monitor.unregister("queue")
    assert monitor.samples[1].gauges["queue"] == 7.0
    assert math.isnan(monitor.samples[1].gauges["broken"])
    assert "queue" not in monitor.samples[-1].gauges


async def test_the_history_is_bounded_and_the_task_ends() -> None:
    """However long it runs, only the last samples are kept; after the block no task of it remains."""
    before = asyncio.all_tasks()
    async with ResourceMonitor(interval=0.001, history=5) as monitor:
        await asyncio.sleep(0.1)
        assert len(monitor.samples) == 5
    assert asyncio.all_tasks() == before
    assert [sample.at for sample in monitor.samples] == sorted(sample.at for sample in monitor.samples)
    with pytest.raises(ResourceError):
        await monitor.__aenter__()
