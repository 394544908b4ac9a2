"""The engine and what people would use instead: same sandbox, data and latency."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterable
from importlib.util import find_spec

from benchmarks.measure import QUICK, Figure, Size
from benchmarks.mover import CLOSE_S, IN_FLIGHT, moved, prepare, tables
from benchmarks.site import Tables, site

SCRIPT_S = 900.0
LATENCIES = 0, 20, 100
PEERS: tuple[tuple[str, str, int, str], ...] = (
    ("5-threads", "threads", 5, "requests"),
    ("20-threads", "threads", 20, "requests"),
    ("httpx", "httpx", IN_FLIGHT, "httpx"),
)
AT_LEAST = {("5-threads", 20): 10.0, ("20-threads", 20): 3.0, ("httpx", 20): 1.0}


def figures(size: Size) -> Iterable[Figure]:
    """How many times as long as the engine, which also verifies, each of them takes."""
    cases = max(20, size.items // 20)
    present = [peer for peer in PEERS if find_spec(peer[3])]
    for absent in sorted({peer[3] for peer in PEERS} - {peer[3] for peer in present}):
        print(f"{absent} is NOT compared: install the extra bench", file=sys.stderr)
    for latency in LATENCIES[1:2] if size is QUICK else LATENCIES:
        ours, theirs = asyncio.run(_compared(cases, latency, present))
        for (name, _, at_once, library), seconds in zip(present, theirs, strict=True):
            what = f"{cases} test cases at {latency} ms: time of {library}, {at_once} at once, to the engine's"
            bound = AT_LEAST.get((name, latency))
            yield Figure(f"{name}-{latency}ms", what, (seconds / ours,), at_least=bound)


async def _compared(cases: int, latency: int, peers: list[tuple[str, str, int, str]]) -> tuple[float, list[float]]:
    profile = {"zephyr": {"latency_ms": latency}, "qtest": {"latency_ms": latency}}
    async with site("--cases", str(cases)) as here:
        given = tables(here.services, here.folder)
        await asyncio.to_thread(prepare, given)
        await here.use(profile)
        ours = (await moved(given))["wall"]
        return ours, [await _script(way, at_once, here.services) for _, way, at_once, _ in peers]


async def _script(way: str, at_once: int, services: Tables) -> float:
    command, pipe = (sys.executable, "-m", "benchmarks.peers.scripts", way, str(at_once)), asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    try:  # tokens go by the input: a command line is everybody's to read
        output, _ = await asyncio.wait_for(child.communicate(json.dumps(services).encode()), SCRIPT_S)
    finally:
        if child.returncode is None:
            child.kill()
            await asyncio.wait_for(child.wait(), CLOSE_S)
    return float(output)
