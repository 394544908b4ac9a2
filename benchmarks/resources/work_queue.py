"""The work queue: its speed beside a bare `asyncio.Queue`, its memory over many items."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterable

import psutil

from benchmarks.measure import Figure, Size, speed_ratios
from ztoq_async.resources.work_queue import WorkQueue

WORKERS = 16
WAITING = 64
TIMEOUT_S = 60.0
PAYLOAD = 1000
LOOK_EVERY = 1000
MEMORY_ROUNDS = 3


async def _nothing(item: int) -> int:
    return item


async def _bare(items: int) -> float:
    queue: asyncio.Queue[int] = asyncio.Queue(WAITING)

    async def work() -> None:
        while True:
            item = await queue.get()
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    await _nothing(item)
            finally:
                queue.task_done()

    workers = [asyncio.create_task(work()) for _ in range(WORKERS)]
    began = time.perf_counter()
    for item in range(items):
        await queue.put(item)
    await queue.join()
    took = time.perf_counter() - began
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    return took


async def _ours(items: int, *, read: bool) -> float:
    async def reading() -> None:
        async for _ in queue:
            pass

    async with (
        asyncio.TaskGroup() as group,
        WorkQueue(_nothing, workers=WORKERS, max_queue_size=WAITING, task_timeout=TIMEOUT_S) as queue,
    ):
        if read:
            group.create_task(reading())
        began = time.perf_counter()
        for item in range(items):
            await queue.put(item)
        await queue.join()
        return time.perf_counter() - began


def speed(size: Size) -> Iterable[Figure]:
    """Items a second, with the same number of workers and of waiting items."""
    what = "items a second, WorkQueue / bare asyncio.Queue with asyncio.timeout"
    yield Figure("work-queue", what, _ratios(size, read=False), at_least=0.6)
    yield Figure("work-queue-read", f"{what}, a reader of completions", _ratios(size, read=True), at_least=0.6)


def _ratios(size: Size, *, read: bool) -> tuple[float, ...]:
    def ours() -> float:
        return asyncio.run(_ours(size.items, read=read))

    def bare() -> float:
        return asyncio.run(_bare(size.items))

    return speed_ratios(ours, bare, size.rounds)


def memory(size: Size) -> Iterable[Figure]:
    """Peak memory after a hundred times as many items, each with a kilobyte; nobody reads the completions."""
    few = size.items // 2
    rounds = range(min(size.rounds, MEMORY_ROUNDS))
    values = tuple(_peak_elsewhere(100 * few) / _peak_elsewhere(few) for _ in rounds)
    yield Figure("memory", f"peak RSS of a WorkQueue, {100 * few:,} items / {few:,} items", values, at_most=1.05)


def _peak_elsewhere(items: int) -> int:
    words = [sys.executable, "-c", f"from {__name__} import print_peak; print_peak({items})"]
    return int(subprocess.run(words, check=True, capture_output=True, timeout=600).stdout)


async def _peak(items: int) -> int:
    """The most bytes of memory that this process was seen to have."""
    process, peak = psutil.Process(), 0

    async def worker(item: int) -> bytes:
        return bytes(PAYLOAD)

    async with WorkQueue(worker, workers=WORKERS, max_queue_size=WAITING, task_timeout=TIMEOUT_S) as queue:
        for item in range(items):
            await queue.put(item)
            if item % LOOK_EVERY == 0:
                peak = max(peak, process.memory_info().rss)
        await queue.join()
    return max(peak, process.memory_info().rss)


def print_peak(items: int) -> None:
    """What a process of its own runs: this one has memory from before."""
    print(asyncio.run(_peak(items)))
