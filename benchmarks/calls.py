"""Calls as the sandbox counts them, to the smallest number that the contract permits (docs/performance.md)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from math import ceil
from typing import Any

from benchmarks.measure import Figure, Size
from benchmarks.mover import moved, prepare, tables
from benchmarks.site import Site, calls, site

PAGE = 1000
QTEST_PAGE = 999
LISTS_ONCE = 8
"""The project; folders of test cases and of cycles; statuses of three types, priorities, environments."""
SETTINGS = 6
"""Fields of three object types, statuses of runs, users, profile."""
ACTIVATIONS = 3
LIMIT = 1.02
MADE = "field", "module", "test-case", "test-cycle", "test-suite", "test-run", "test-log"


def figures(size: Size) -> Iterable[Figure]:
    """One figure for each service and part."""
    found = asyncio.run(_counted(size))
    for name, (made, least) in found.items():
        yield Figure(f"calls-{name}", f"{made} calls to the floor of {least}", (made / least,), at_most=LIMIT)


async def _counted(size: Size) -> dict[str, tuple[int, int]]:
    project = ("--cases", str(size.items // 4)) if size.corpus is None else ("--corpus", str(size.corpus))
    async with site(*project, "--executions", str(size.items)) as here:
        given = tables(here.services, here.folder)
        await asyncio.to_thread(prepare, given)
        before = await here.stats()
        report = (await moved(given))["report"]
        after = await here.stats()
        made = {name: calls(after[name]) - calls(before[name]) for name in after}
        source = await here.totals()
        writing, verifying = await _qtest_floor(here, after["qtest"]["objects"])
    zephyr = LISTS_ONCE + sum(ceil(number / PAGE) for number in source.values()) + source["testcases"]
    verified = report["calls"]["verify"]
    return {
        "zephyr": (made["zephyr"], zephyr + source["testexecutions"]),
        "writing": (made["qtest"] - verified, writing),
        "verifying": (verified, verifying),
    }


async def _qtest_floor(here: Site, objects: dict[str, int]) -> tuple[int, int]:
    runs = [row async for row in here.objects("test-run")]
    cases = {_case(row) for row in runs}
    made = sum(objects[kind] for kind in MADE)
    pages = sum(ceil(objects[kind] / QTEST_PAGE) + 1 for kind in ("test-case", "test-run", "test-log"))
    return SETTINGS + ACTIVATIONS + made + len(cases), 2 + objects["test-cycle"] + pages


def _case(run: dict[str, Any]) -> int:
    return int(run.get("test_case_id") or run["test_case"]["id"])
