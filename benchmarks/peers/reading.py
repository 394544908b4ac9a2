"""The reading half of the engine: the list of test cases, and the steps of each, into its archive.

`python -m benchmarks.peers.reading`: settings as JSON on its input; prints seconds and rows.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import Any

from ztoq_async import Engine, load_settings
from ztoq_async.cli import loop
from ztoq_async.lanes.extract import Detail, Details, read_list
from ztoq_async.zephyr.sources import SOURCES

CASES = next(source for source in SOURCES if source.name == "test-case")


async def read(given: dict[str, Any]) -> dict[str, Any]:
    """What a run does first, and nothing of what comes after."""

    async def ready(details: Sequence[Detail]) -> None:
        """A run would plan these."""

    async with Engine(load_settings(None, **given)) as engine:
        began = time.perf_counter()
        async with engine._opened_run() as run:
            await read_list(run, CASES, given["zephyr"]["project"])
            await Details(run, CASES, ready).read()
            seconds = time.perf_counter() - began
            rows = [record async for record in run.archive.records(CASES.name, with_detail=True)]
    steps = sum(len(json.loads(record.detail).get("steps", [])) for record in rows)
    return {"seconds": seconds, "test cases": len(rows), "steps": steps}


def main() -> None:
    """The settings from the input."""
    given = json.load(sys.stdin)
    with loop.runner() as runner:  # as the command line does it
        print(json.dumps(runner.run(read(given))))


if __name__ == "__main__":
    main()
