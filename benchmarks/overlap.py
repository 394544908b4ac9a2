"""Two services with the same limit: a whole run takes little longer than the busier of them must."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from benchmarks.measure import Figure, Size
from benchmarks.mover import moved, prepare, tables
from benchmarks.site import site

PER_MINUTE = 6000


def figures(size: Size) -> Iterable[Figure]:
    """Its time to that of the busier service's calls alone, at the permitted pace."""
    cases, executions = size.items // 50, size.items // 25
    calls, seconds = asyncio.run(_run(cases, executions))
    alone = calls / (PER_MINUTE / 60)
    what = f"{cases} test cases, {executions} executions, {PER_MINUTE} calls a minute each: time to {alone:.0f} s"
    yield Figure("overlap", what, (seconds / alone,), at_most=1.1)


async def _run(cases: int, executions: int) -> tuple[int, float]:
    async with site("--cases", str(cases), "--executions", str(executions)) as here:
        given = tables(here.services, here.folder, zephyr_per_minute=PER_MINUTE, qtest_per_minute=PER_MINUTE)
        await asyncio.to_thread(prepare, tables(here.services, here.folder))
        found = await moved(given)
    made = found["report"]["calls"]
    return max(made["zephyr"], made["qtest"] + made["verify"]), found["wall"]
