"""A run is killed when half is written: what the next one does twice, and how soon it writes on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from benchmarks.measure import Figure, Size
from benchmarks.mover import CLOSE_S, IN_FLIGHT, moved, prepare, start, tables
from benchmarks.site import Site, Tables, calls, site

LOOK_S = 0.05
LOGS = "POST /test-logs"
DETAILS = ("/teststeps", "/testscript")


def figures(size: Size) -> Iterable[Figure]:
    """Calls made twice to those in flight; seconds from the start to the first test log of the second run."""
    few, many = max(600, size.items // 5), max(600, size.items, size.top // 5)
    needed, _, _ = asyncio.run(_run(few, killed=False))
    asked, duplicates, first = asyncio.run(_run(few, killed=True))
    if many > few:
        _, _, first = asyncio.run(_run(many, killed=True))
    what = f"calls made twice after a kill at half of {few} executions, to the {IN_FLIGHT} in flight"
    yield Figure("resume-twice", what, ((asked - needed + duplicates) / IN_FLIGHT,), at_most=1.0)
    what = f"from the start of the engine to its first new call, killed at half of {many} executions"
    yield Figure("resume-first", what, (first,), at_most=2.0, unit="s")


async def _run(executions: int, *, killed: bool) -> tuple[int, int, float]:
    """Calls for details; objects that are there twice; seconds from the last start to its first test log."""
    async with site("--cases", str(executions // 20), "--executions", str(executions)) as here:
        given = tables(here.services, here.folder)
        await asyncio.to_thread(prepare, given)
        before = await here.stats()
        if killed:
            await _kill_at_half(here, given, executions)
        times = (await moved(given, LOGS))["times"]
        after = await here.stats()
        asked = calls(after["zephyr"], *DETAILS) - calls(before["zephyr"], *DETAILS)
        return asked, len(after["qtest"]["duplicates"]), times[0]


async def _kill_at_half(here: Site, given: Tables, executions: int) -> None:
    child = await start(given)
    while await _logs(here) < executions / 2 and child.returncode is None:  # noqa: ASYNC110 - told by nobody
        await asyncio.sleep(LOOK_S)
    child.kill()
    await asyncio.wait_for(child.wait(), CLOSE_S)


async def _logs(here: Site) -> int:
    return int((await here.stats())["qtest"]["objects"]["test-log"])
