"""A small project and the largest: memory stays as it is, and one more execution costs as much as one of the first.

Nor does a very large step need much more of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import large
from benchmarks.measure import Figure, Size
from benchmarks.mover import moved, prepare, tables
from benchmarks.site import site

SMALL, CASES = 10_000, 20
"""Executions of the small project; executions for each test case."""
STEP_MB = 5
STEP_EXECUTIONS = 40


def figures(size: Size) -> Iterable[Figure]:
    """Of two runs, and of one with a large step."""
    small, top = min(SMALL, size.top // 10), size.top
    few, many = (asyncio.run(_run(executions)) for executions in (small, top))
    what = f"peak memory at {top} executions"
    yield Figure("memory-growth", f"{what}, to that at {small}", (many["rss_mb"] / few["rss_mb"],), at_most=1.2)
    yield Figure("memory-peak", what, (many["rss_mb"],), at_most=200, unit="MB")
    marginal = (many["wall"] - few["wall"]) / (top - small) / (few["wall"] / small)
    yield Figure("growth", f"time an execution from {small} to {top}, to that up to {small}", (marginal,), at_most=1.3)
    with TemporaryDirectory(prefix="benchmarks-") as folder:
        large.write(project := Path(folder) / "corpus", STEP_MB * 1_000_000)
        one = asyncio.run(_run(STEP_EXECUTIONS, "--corpus", str(project)))
    what = f"peak memory of the engine's own process, which has others map large records, with a step of {STEP_MB} MB"
    yield Figure("memory-step", what, (one["rss_mb"],), at_most=200, unit="MB")


async def _run(executions: int, *project: str) -> dict[str, Any]:
    """A run over a generated project, or over one that is named."""
    async with site(*(project or ("--cases", str(executions // CASES))), "--executions", str(executions)) as here:
        given = tables(here.services, here.folder)
        await asyncio.to_thread(prepare, given)
        found = await moved(given)
    if (outcome := found["report"]["outcome"]) != "complete":
        raise SystemExit(f"the run is {outcome}: {found['report']['notes']}")
    return found
