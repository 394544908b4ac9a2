"""Bare aiohttp sends what was recorded, as many at once to each service as the engine: a line of JSON with its cost."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import aiohttp
from yarl import URL

from benchmarks.recorded.exchange import Exchange, load
from ztoq_async.cli import loop

HEADERS = {"Authorization": "Bearer bare", "Content-Type": "application/json", "Accept": "application/json"}


async def send(origins: dict[str, str], recording: dict[str, list[Exchange]], in_flight: int) -> None:
    """Every request of the recording, each service's in its order."""
    timeout = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:

        async def work(origin: str, requests: list[Exchange]) -> None:
            while requests:
                one = requests.pop()
                url = URL(origin + one.target, encoded=True)
                async with session.request(one.method, url, data=one.body or None, headers=HEADERS) as response:
                    await response.read()

        async with asyncio.TaskGroup() as group:
            for name, exchanges in recording.items():
                requests = exchanges[::-1]
                for _ in range(in_flight):
                    group.create_task(work(origins[name], requests))


def main(path: Path, origins: dict[str, str], in_flight: int) -> None:
    recording = load(path)
    wall, cpu = time.perf_counter(), time.process_time()
    with loop.runner() as runner:
        runner.run(send(origins, recording, in_flight))
    print(json.dumps({"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3]))
