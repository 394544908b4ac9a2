"""A small project and the largest: memory stays as it is, and one more execution costs as much as one of the first."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from benchmarks.measure import Figure, Size
from benchmarks.mover import moved, prepare, tables
from benchmarks.site import site

CASES = 20
"""Executions for each test case."""


def figures(size: Size) -> Iterable[Figure]:
    """Of two runs."""
    small, top = size.top // 10, size.top
    few, many = (asyncio.run(_run(executions)) for executions in (small, top))
    what = f"peak memory at {top} executions"
    yield Figure("memory-growth", f"{what}, to that at {small}", (many["rss_mb"] / few["rss_mb"],), at_most=1.2)
    yield Figure("memory-peak", what, (many["rss_mb"],), at_most=200, unit="MB")
    marginal = (many["wall"] - few["wall"]) / (top - small) / (few["wall"] / small)
    yield Figure("growth", f"time an execution from {small} to {top}, to that up to {small}", (marginal,), at_most=1.3)


async def _run(executions: int) -> dict[str, Any]:
    async with site("--cases", str(executions // CASES), "--executions", str(executions)) as here:
        given = tables(here.services, here.folder)
        await asyncio.to_thread(prepare, given)
        return await moved(given)
