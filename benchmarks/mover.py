"""One run of the engine in a process of its own: settings as JSON on its input, report and cost as JSON on its output.

Where the mapping file is not there, it is proposed first, in the same store.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from ztoq_async import Engine, load_settings

UNBOUND = 6_000_000
RUN_S = 3600.0


def tables(services: dict[str, Any], folder: Path, in_flight: int = 64, **limits: int) -> dict[str, Any]:
    """Settings for a run whose store is in `folder`; the pace is out of the way."""
    pace = {"zephyr_per_minute": UNBOUND, "qtest_per_minute": UNBOUND, "in_flight": in_flight, **limits}
    return {
        "zephyr": services["zephyr"],
        "qtest": {**services["qtest"], "settle_s": 1},
        "store": {"path": str(folder / "store")},
        "limits": pace,
        "mapping": {"file": str(folder / "mapping.toml")},
    }


async def moved(given: dict[str, Any]) -> dict[str, Any]:
    """Runs `python -m benchmarks.mover`; what it printed."""
    command = (sys.executable, "-m", "benchmarks.mover")
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    try:
        output, _ = await asyncio.wait_for(child.communicate(json.dumps(given).encode()), RUN_S)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode:
        raise SystemExit(f"a run ended with exit code {child.returncode}")
    found: dict[str, Any] = json.loads(output)
    return found


async def propose(given: dict[str, Any]) -> None:
    """Writes the mapping file."""
    async with Engine(load_settings(None, **{**given, "mapping": {}})) as engine:
        Path(given["mapping"]["file"]).write_text(await engine.propose_mapping())


async def measured(given: dict[str, Any]) -> dict[str, Any]:
    """Report, wall and CPU seconds from entering the engine to leaving it, the process's peak RSS in MB."""
    if not Path(given["mapping"]["file"]).exists():
        await propose(given)
    wall, cpu = time.perf_counter(), time.process_time()
    async with Engine(load_settings(None, **given)) as engine:
        report = await engine.run()
    cost = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    return {"report": report, **cost, "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measured(json.load(sys.stdin)))))
