"""How fast a generated project moves, beside the same number of bare requests in the same run.

The sandbox runs in a process of its own; the bare client sends one GET of the steps and one POST of a plain test case
for each case, as many at once as the engine. What counts is the ratio: both halves share the machine and its noise.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.measure import Figure, Size
from ztoq_async import Engine, load_settings

IN_FLIGHT = 64
UNBOUND = 6_000_000
CLOSE_S = 10


async def sandbox(cases: int) -> tuple[asyncio.subprocess.Process, dict[str, Any]]:
    """A sandbox process and its ready line."""
    command = (sys.executable, "-m", "ztoq_async", "sandbox", "--cases", str(cases), "--seed", "1", "--json")
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    return process, json.loads(await asyncio.wait_for(process.stdout.readline(), 30))


async def move(services: dict[str, Any], folder: Path) -> dict[str, Any]:
    """One whole run of the engine: read, write, read back, account."""
    tables: dict[str, Any] = {
        "zephyr": services["zephyr"],
        "qtest": {**services["qtest"], "settle_s": 1},
        "store": {"path": folder / "store"},
        "limits": {"zephyr_per_minute": UNBOUND, "qtest_per_minute": UNBOUND, "in_flight": IN_FLIGHT},
    }
    async with Engine(load_settings(None, **tables)) as engine:
        (folder / "mapping.toml").write_text(await engine.propose_mapping())
    tables["mapping"] = {"file": folder / "mapping.toml"}
    async with Engine(load_settings(None, **tables)) as engine:
        return await engine.run()


async def bare(services: dict[str, Any], cases: int) -> float:
    """Seconds for a GET and a POST a case by aiohttp alone."""
    zephyr, qtest = services["zephyr"], services["qtest"]
    numbers = iter(range(1, cases + 1))
    body = {"name": "bare", "properties": [], "test_steps": [{"description": "a", "expected": "b", "order": 1}]}
    post = f"{qtest['base_url']}/api/v3/projects/{qtest['project']}/test-cases"
    start = time.perf_counter()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=IN_FLIGHT)) as session:

        async def work() -> None:
            for number in numbers:
                get = f"{zephyr['base_url']}/testcases/{zephyr['project']}-T{number}/teststeps?maxResults=1000"
                async with session.get(get, headers={"Authorization": f"Bearer {zephyr['token']}"}) as answer:
                    await answer.read()
                async with session.post(
                    post, json=body, headers={"Authorization": f"Bearer {qtest['token']}"}
                ) as answer:
                    await answer.read()

        await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
    return time.perf_counter() - start


async def _round(cases: int) -> float:
    """Calls a second of the engine, to those of the bare client."""
    with tempfile.TemporaryDirectory() as folder:
        process, services = await sandbox(cases)
        try:
            report = await move(services, Path(folder))
            seconds = await bare(services, cases)
        finally:
            process.terminate()
            await asyncio.wait_for(process.wait(), CLOSE_S)
    calls = sum(report["calls"][name] for name in ("zephyr", "qtest", "verify"))
    return float(calls / report["seconds"] / (2 * cases / seconds))


def figures(size: Size) -> Iterable[Figure]:
    """One figure, which has no bound yet."""
    cases = size.items // 10
    what = f"calls a second of a whole move of {cases} test cases, to a bare client's"
    yield Figure("move", what, tuple(asyncio.run(_round(cases)) for _ in range(min(3, size.rounds))))
