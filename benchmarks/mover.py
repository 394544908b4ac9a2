"""One run of the engine in a process of its own: an order as JSON on its input, report and cost as JSON on its output.

Where the mapping file is not there, it is proposed first, from a store of its own.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.site import Tables
from ztoq_async import Engine, load_settings
from ztoq_async.cli import loop
from ztoq_async.resources.calls import Attempt

UNBOUND = 6_000_000
IN_FLIGHT = 64
RUN_S = 7200.0
CLOSE_S = 30.0


def tables(services: Tables, folder: Path, store: str = "store", **limits: Any) -> Tables:
    """Settings of a run whose files are in `folder`; the pace is out of the way unless `limits` say otherwise."""
    pace = {"zephyr_per_minute": UNBOUND, "qtest_per_minute": UNBOUND, "in_flight": IN_FLIGHT, **limits}
    return {
        "zephyr": services["zephyr"],
        "qtest": {**services["qtest"], "settle_s": 1},
        "store": {"path": str(folder / store)},
        "limits": pace,
        "mapping": {"file": str(folder / "mapping.toml")},
    }


async def start(given: Tables, watch: str = "", most: int = 0) -> asyncio.subprocess.Process:
    """Starts `python -m benchmarks.mover`; `watch`, as `POST /test-logs`, says which calls are timed.

    After `most` of them, where it is not 0, the run is asked to end.
    """
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(sys.executable, "-m", "benchmarks.mover", stdin=pipe, stdout=pipe)
    assert child.stdin is not None
    child.stdin.write(json.dumps({"tables": given, "watch": watch, "most": most}).encode())
    child.stdin.write_eof()
    return child


async def moved(given: Tables, watch: str = "", most: int = 0) -> dict[str, Any]:
    """A run in a process of its own; what it printed."""
    child = await start(given, watch, most)
    try:
        output, _ = await asyncio.wait_for(child.communicate(), RUN_S)
    finally:
        if child.returncode is None:
            child.kill()
            await asyncio.wait_for(child.wait(), CLOSE_S)
    if child.returncode:
        raise SystemExit(f"a run ended with exit code {child.returncode}")
    found: dict[str, Any] = json.loads(output)
    return found


def prepare(given: Tables) -> None:
    """Writes the mapping file."""

    async def propose() -> str:
        own = {**given, "mapping": {}, "store": {"path": given["store"]["path"] + "-proposal"}}
        async with Engine(load_settings(None, **own)) as engine:
            return await engine.propose_mapping()

    Path(given["mapping"]["file"]).write_text(asyncio.run(propose()))


async def measured(given: Tables, watch: str, most: int) -> dict[str, Any]:
    """The report, wall and CPU seconds of `Engine.run`, the process's peak RSS in MB, when each watched call ended."""
    times: list[float] = []
    began = time.perf_counter()
    method, _, path = watch.partition(" ")

    def note(attempt: Attempt) -> None:
        if watch and attempt.call.method == method and attempt.call.label.endswith(path):
            times.append(time.perf_counter() - began)
            if len(times) == most:
                engine.stop()

    async with Engine(load_settings(None, **given), on_attempt=note) as engine:
        wall, cpu = time.perf_counter(), time.process_time()
        report = await engine.run()
        cost = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    return {"report": report, **cost, "rss_mb": peak_mb(), "times": times}


def peak_mb() -> float:
    """The peak of this process alone; getrusage would give the parent's, where that was larger."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def main() -> None:
    """The order from the input."""
    order = json.load(sys.stdin)
    if not Path(order["tables"]["mapping"]["file"]).exists():
        prepare(order["tables"])
    with loop.runner() as runner:  # as the command line does it
        print(json.dumps(runner.run(measured(order["tables"], order["watch"], order["most"]))))


if __name__ == "__main__":
    main()
