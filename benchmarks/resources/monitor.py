"""What watching costs: of the loop's time, of a core, and of the loop's promptness with thousands of open sockets."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import time
from collections.abc import Iterable, Iterator

from benchmarks.measure import Figure, Size
from ztoq_async.resources.monitor import ResourceMonitor
from ztoq_async.resources.usage import ProcessUsage

SOCKETS = 4000
SECONDS = 2.0
TICK = 0.001


def monitor(size: Size) -> Iterable[Figure]:
    """With a look a second, as an engine does."""
    sockets = min(SOCKETS, size.items // 5)
    seconds = SECONDS if size.rounds > 1 else 0.5
    with _open(sockets):
        looks = [_look() for _ in range(size.rounds)]
        rounds = asyncio.run(_rounds(size.rounds, seconds))
    loops, cores, pauses = zip(*rounds, strict=True)
    what = f"with {sockets:,} open sockets"
    yield Figure("monitor-loop", f"share of the loop's time {what}", loops, at_most=0.01)
    yield Figure("monitor-core", f"share of a core, the looking thread included, {what}", cores, at_most=0.03)
    beside = tuple(pause / look for pause, look in zip(pauses, looks, strict=True))
    yield Figure("monitor-pause", f"longest pause of the loop beside one look in it {what}", beside, at_most=0.5)


async def _rounds(number: int, seconds: float) -> list[tuple[float, float, float]]:
    """The share of the loop's thread and of all threads, with nothing else to do; then the longest pause in seconds."""
    found = []
    async with ResourceMonitor():
        for _ in range(number):
            began, loop, core = time.perf_counter(), time.thread_time(), time.process_time()
            await asyncio.sleep(seconds)
            took = time.perf_counter() - began
            shares = (time.thread_time() - loop) / took, (time.process_time() - core) / took
            found.append((*shares, await _longest_pause(seconds)))
    return found


async def _longest_pause(seconds: float) -> float:
    longest, end = 0.0, time.perf_counter() + seconds
    while (before := time.perf_counter()) < end:
        await asyncio.sleep(TICK)
        longest = max(longest, time.perf_counter() - before - TICK)
    return longest


def _look() -> float:
    """How long the loop would wait if it looked itself."""
    began = time.perf_counter()
    ProcessUsage().look()
    return time.perf_counter() - began


@contextlib.contextmanager
def _open(number: int) -> Iterator[None]:
    """So many sockets, connected to each other."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))
    with contextlib.ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        for _ in range(number // 2):
            stack.enter_context(socket.create_connection(server.getsockname()))
            stack.enter_context(server.accept()[0])
        yield
