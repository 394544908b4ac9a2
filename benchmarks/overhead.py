"""What the engine costs beyond its calls: a run is recorded, and bare aiohttp sends the same to the same server."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.measure import QUICK, Figure, Size
from benchmarks.recorded.runs import Cost, pairs, recorded


def figures(size: Size) -> Iterable[Figure]:
    """Wall and CPU of the engine's process to those of bare aiohttp, without latency and with 20 ms."""
    for name, rounds, flags, what in _projects(size):
        with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
            run = recorded(flags, Path(folder))
            costs = list(pairs(run, min(rounds, size.rounds), 0))
            yield _ratio(f"overhead-{name}-wall", f"{what}: time to bare aiohttp's", costs, "wall", 1.8)
            yield _ratio(f"overhead-{name}-cpu", f"{what}: CPU of the process to bare aiohttp's", costs, "cpu", 2.5)
            costs = list(pairs(run, min(max(1, rounds - 1), size.rounds), 20))
            yield _ratio(f"overhead-{name}-20ms", f"{what}: time to bare aiohttp's at 20 ms", costs, "wall", 1.1)


def _ratio(name: str, what: str, costs: list[tuple[Cost, Cost]], part: str, bound: float) -> Figure:
    return Figure(name, what, tuple(ours[part] / bare[part] for ours, bare in costs), at_most=bound)


def _projects(size: Size) -> Iterator[tuple[str, int, tuple[str, ...], str]]:
    few = size.items // 40
    if (folder := size.corpus) is not None:
        yield "corpus", 3, ("--corpus", str(folder)), "the real corpus"
    elif size is not QUICK:
        yield "cases", 3, ("--cases", str(size.items // 4)), f"{size.items // 4} generated test cases"
    flags = "--cases", str(few), "--executions", str(size.items)
    yield "executions", 2, flags, f"{size.items} executions of {few} test cases"
