"""A run is killed when half is written: what the next one does twice, and how soon it writes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from benchmarks.measure import Figure, Size
from benchmarks.mover import CLOSE_S, IN_FLIGHT, moved, prepare, start, tables
from benchmarks.site import Site, Tables, calls, site

LOOK_S = 0.05
LOGS = "POST /test-logs"
DETAILS = ("/teststeps", "/testscript")


def figures(size: Size) -> Iterable[Figure]:
    """Calls made twice to those in flight; seconds from the start to the first test log of the second run."""
    few, many = max(600, size.items // 5), max(600, size.top // 2)
    twice = asyncio.run(_twice(few))
    what = f"calls made twice after a kill at half of {few} executions, to the {IN_FLIGHT} in flight"
    yield Figure("resume-twice", what, (twice / IN_FLIGHT,), at_most=1.0)
    first, rows = asyncio.run(_first(many))
    what = (
        f"from the start of the engine to its first new call, killed at half of {many} executions, {rows} reported rows"
    )
    yield Figure("resume-first", what, (first,), at_most=2.0, unit="s")


async def _twice(executions: int) -> int:
    """What a run and the one that goes on ask for together, less what one alone asks; and what is there twice."""
    needed, _ = await _asked(executions, killed=False)
    asked, duplicates = await _asked(executions, killed=True)
    return asked - needed + duplicates


async def _asked(executions: int, *, killed: bool) -> tuple[int, int]:
    """Calls for details; objects that are there twice."""
    async with _prepared(executions) as (here, given):
        before = await here.stats()
        if killed:
            await _kill_at_half(here, given, executions)
        await moved(given)
        after = await here.stats()
        asked = calls(after["zephyr"], *DETAILS) - calls(before["zephyr"], *DETAILS)
        return asked, len(after["qtest"]["duplicates"])


async def _first(executions: int) -> tuple[float, int]:
    """Seconds from the start to the first test log of a run that goes on; rows of the journal that are reported."""
    async with _prepared(executions) as (here, given):
        await _kill_at_half(here, given, executions)
        found = await moved(given, LOGS, most=1)
        kinds = found["report"]["kinds"].values()
        return found["times"][0], sum(kind["read"] for kind in kinds)


@asynccontextmanager
async def _prepared(executions: int) -> AsyncIterator[tuple[Site, Tables]]:
    async with site("--cases", str(executions // 20), "--executions", str(executions)) as here:
        given = tables(here.services, here.folder)
        await asyncio.to_thread(prepare, given)
        yield here, given


async def _kill_at_half(here: Site, given: Tables, executions: int) -> None:
    child = await start(given)
    while await _logs(here) < executions / 2 and child.returncode is None:  # noqa: ASYNC110 - told by nobody
        await asyncio.sleep(LOOK_S)
    child.kill()
    await asyncio.wait_for(child.wait(), CLOSE_S)


async def _logs(here: Site) -> int:
    return int((await here.stats())["qtest"]["objects"]["test-log"])
