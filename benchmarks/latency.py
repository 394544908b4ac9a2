"""How much of what latency and `in_flight` permit is used: writing test cases and reading their steps at once."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from benchmarks.measure import QUICK, Figure, Size
from benchmarks.recorded.exchange import load
from benchmarks.recorded.floor import send
from benchmarks.recorded.replay import replaying
from benchmarks.recorded.runs import Recorded, engine, recorded

IN_FLIGHT = 16
WRITES = "POST /test-cases"
BOUNDS = {10: 0.8, 50: 0.95, 200: 0.95}
"""By milliseconds of latency."""
MIDDLE = 0.1, 0.9
LONE = 20
"""Requests, one after the other, that tell what the latency is: a service that waits 10 ms answers after 11."""


def figures(size: Size) -> Iterable[Figure]:
    """The pace of writing test cases to `in_flight` / latency, or to its own without latency where that is less."""
    cases = max(100, size.items // 20)
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        run = recorded(("--cases", str(cases)), Path(folder))
        with replaying(run.path, 0) as origins:
            most = pace(engine(run, origins, WRITES, in_flight=IN_FLIGHT)["times"])
        for latency, bound in list(BOUNDS.items())[: 1 if size is QUICK else None]:
            with replaying(run.path, latency) as origins:
                permitted = min(most, IN_FLIGHT / seconds(run, origins))
                rounds = range(1 if latency > 50 else min(3, size.rounds))
                times = [engine(run, origins, WRITES, in_flight=IN_FLIGHT)["times"] for _ in rounds]
            what = f"writing at {latency} ms with {IN_FLIGHT} in flight, to the {permitted:.0f} a second that permits"
            yield Figure(f"latency-{latency}ms", what, tuple(pace(one) / permitted for one in times), at_least=bound)


def seconds(run: Recorded, origins: dict[str, str]) -> float:
    """Until one write is answered that bare aiohttp sends while nobody else asks."""
    method, _, path = WRITES.partition(" ")
    writes = [one for one in load(run.path)["qtest"] if one.method == method and one.target.endswith(path)]
    start = time.perf_counter()
    asyncio.run(send(origins, {"qtest": writes[:LONE]}, 1))
    return (time.perf_counter() - start) / len(writes[:LONE])


def pace(times: list[float]) -> float:
    """Calls a second between the first tenth of them and the last."""
    start, end = (int(len(times) * part) for part in MIDDLE)
    ordered = sorted(times)
    return (end - start) / (ordered[end] - ordered[start])
