"""The engine and what people would use instead: same sandbox, data and latency."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import Any
from urllib.parse import parse_qs, urlsplit

from benchmarks.measure import QUICK, Figure, Size
from benchmarks.mover import CLOSE_S, IN_FLIGHT, moved, prepare, tables
from benchmarks.site import Site, Tables, site
from ztoq_async.store.embedded import EmbeddedPostgres

SCRIPT_S = 900.0
LATENCIES = {0: 20, 20: 4, 100: 80}
"""Milliseconds, and items for each test case: where there are bounds, as many as the main job has."""
PEERS: tuple[tuple[str, str, int, str], ...] = (
    ("5-threads", "threads", 5, "requests"),
    ("20-threads", "threads", 20, "requests"),
    ("httpx", "httpx", IN_FLIGHT, "httpx"),
)
QUICK_MS = 20
READER = "dlt"
"""It reads only, so it is compared with the reading half of the engine."""
AT_LEAST = {("5-threads", 20): 10.0, ("20-threads", 20): 3.0, ("httpx", 20): 1.0, (READER, 20): 1.0}


def figures(size: Size) -> Iterable[Figure]:
    """How many times as long as the engine, which also verifies, each of them takes; dlt as its reading half."""
    absent = _absent({READER, *(peer[3] for peer in PEERS)})
    present = [peer for peer in PEERS if peer[3] not in absent]
    for latency, items in LATENCIES.items():
        if size is QUICK and latency != QUICK_MS:
            continue
        cases = max(20, size.items // items)
        ours, theirs = asyncio.run(_compared(cases, latency, present))
        for (name, _, at_once, library), seconds in zip(present, theirs, strict=True):
            what = f"{cases} test cases at {latency} ms: time of {library}, {at_once} at once, to the engine's"
            bound = AT_LEAST.get((name, latency))
            yield Figure(f"{name}-{latency}ms", what, (seconds / ours,), at_least=bound)
        if READER not in absent:
            ours, reading = asyncio.run(_read(cases, latency))
            what = f"{cases} test cases at {latency} ms: time of {READER} to read them into PostgreSQL, to the engine's"
            bound = AT_LEAST.get((READER, latency))
            yield Figure(f"{READER}-{latency}ms", what, (reading / ours,), at_least=bound)


def _absent(libraries: Iterable[str]) -> set[str]:
    """Those that are not installed; said aloud."""
    found = {library for library in libraries if not find_spec(library)}
    for absent in sorted(found):
        print(f"{absent} is NOT compared: install the extra bench", file=sys.stderr)
    return found


async def _compared(cases: int, latency: int, peers: list[tuple[str, str, int, str]]) -> tuple[float, list[float]]:
    async with _slow_site(cases, latency) as here:
        given = tables(here.services, here.folder)
        ours = (await moved(given))["wall"]
        scripts = [("benchmarks.peers.scripts", way, str(at_once)) for _, way, at_once, _ in peers]
        return ours, [await _child(here.services, *script) for script in scripts]


async def _read(cases: int, latency: int) -> tuple[float, float]:
    """Seconds of the engine and of dlt for the reading half, into one PostgreSQL; they must have read the same."""
    async with _slow_site(cases, latency) as here, EmbeddedPostgres(here.folder / "reading") as server:
        given = {**tables(here.services, here.folder), "store": {"url": server.dsn, "path": str(here.folder)}}
        ours = await _child(given, "benchmarks.peers.reading")
        socket = parse_qs(urlsplit(server.dsn).query)["host"][0]
        order = {"zephyr": here.services["zephyr"], "socket": socket, "folder": str(here.folder / "dlt")}
        theirs = await _child(order, "benchmarks.peers.by_dlt")
    counts = [{name: found[name] for name in ("test cases", "steps")} for found in (ours, theirs)]
    if counts[0] != counts[1] or counts[0]["test cases"] != cases:
        raise SystemExit(f"of {cases} test cases the engine has read {counts[0]}, dlt {counts[1]}")
    return ours["seconds"], theirs["seconds"]


@asynccontextmanager
async def _slow_site(cases: int, latency: int) -> AsyncIterator[Site]:
    profile = {"zephyr": {"latency_ms": latency}, "qtest": {"latency_ms": latency}}
    async with site("--cases", str(cases)) as here:
        await asyncio.to_thread(prepare, tables(here.services, here.folder))
        await here.use(profile)
        yield here


async def _child(order: Tables, *command: str) -> Any:
    """What `python -m …` prints. Its order, with the tokens, goes by the input: a command line is for all to read."""
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(sys.executable, "-m", *command, stdin=pipe, stdout=pipe)
    try:
        output, _ = await asyncio.wait_for(child.communicate(json.dumps(order).encode()), SCRIPT_S)
    finally:
        if child.returncode is None:
            child.kill()
            await asyncio.wait_for(child.wait(), CLOSE_S)
    if child.returncode:
        raise SystemExit(f"{' '.join(command)} ended with exit code {child.returncode}")
    return json.loads(output)
