"""A run is killed when half is written: what the next one does twice, and how soon it writes on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from benchmarks.measure import Figure, Size
from benchmarks.mover import CLOSE_S, IN_FLIGHT, moved, prepare, start, tables
from benchmarks.site import Site, Tables, calls, site

LOOK_S = 0.2
LOGS = "POST /test-logs"
DETAILS = ("/teststeps", "/testscript")


def figures(size: Size) -> Iterable[Figure]:
    """Calls made twice to those in flight; seconds from the start to the first test log of the second run."""
    executions = max(size.items, size.top // 5)
    twice, first = asyncio.run(_run(executions))
    what = f"calls made twice after a kill at half of {executions} executions, to the {IN_FLIGHT} in flight"
    yield Figure("resume-twice", what, (twice / IN_FLIGHT,), at_most=1.0)
    yield Figure("resume-first", "from the start of the engine to its first new call", (first,), at_most=2.0, unit="s")


async def _run(executions: int) -> tuple[int, float]:
    async with site("--cases", str(executions // 20), "--executions", str(executions)) as here:
        given = tables(here.services, here.folder)
        await asyncio.to_thread(prepare, given)
        before = await here.stats()
        child = await start(given)
        while await _logs(here) < executions / 2 and child.returncode is None:  # noqa: ASYNC110 - told by nobody
            await asyncio.sleep(LOOK_S)
        child.kill()
        await asyncio.wait_for(child.wait(), CLOSE_S)
        times = (await moved(given, LOGS))["times"]
        return await _twice(here, before), times[0]


async def _twice(here: Site, before: Tables) -> int:
    """Details that were read twice, objects that were written twice."""
    after, source = await here.stats(), await here.totals()
    asked = calls(after["zephyr"], *DETAILS) - calls(before["zephyr"], *DETAILS)
    return asked - source["testcases"] - source["testexecutions"] + len(after["qtest"]["duplicates"])


async def _logs(here: Site) -> int:
    return int((await here.stats())["qtest"]["objects"]["test-log"])
