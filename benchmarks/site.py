"""Both services in a process of their own: `async with site("--cases", "100") as here`."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

READY_S, CLOSE_S, CALL_S = 60.0, 10.0, 60.0
Tables = dict[str, Any]


class Site:
    """`services` are the tables `zephyr` and `qtest` for settings; `folder` is for the files of runs."""

    def __init__(self, services: Tables, folder: Path) -> None:
        self.services = services
        self.folder = folder

    async def use(self, profile: Tables) -> None:
        """Changes both services' ways in mid-run."""
        await _ask("PUT", f"{self._origins()['zephyr']}/sandbox/profile", msgspec.json.encode(profile))

    async def stats(self) -> Tables:
        """What `GET /sandbox/stats` says of each service."""
        return {name: await _ask("GET", f"{origin}/sandbox/stats") for name, origin in self._origins().items()}

    async def objects(self, kind: str) -> AsyncIterator[Tables]:
        """What qTest holds of a kind, in the order of ids."""
        url = f"{self._origins()['qtest']}/sandbox/objects?kind={kind}"
        async with aiohttp.request("GET", url, timeout=aiohttp.ClientTimeout(total=CALL_S)) as answer:
            async for row in answer.content:
                yield msgspec.json.decode(row)

    async def totals(self) -> dict[str, int]:
        """How many rows Zephyr's lists have."""
        zephyr = self.services["zephyr"]
        headers = {"Authorization": f"Bearer {zephyr['token']}"}
        lists = "testcases", "testcycles", "testexecutions"
        rest = f"?projectKey={zephyr['project']}&maxResults=1"
        rows = {name: await _ask("GET", f"{zephyr['base_url']}/{name}{rest}", headers=headers) for name in lists}
        return {name: row["total"] for name, row in rows.items()}

    def _origins(self) -> dict[str, str]:
        return {name: service["base_url"].removesuffix("/v2") for name, service in self.services.items()}


async def _ask(method: str, url: str, body: bytes | None = None, headers: Tables | None = None) -> Any:
    timeout = aiohttp.ClientTimeout(total=CALL_S)
    async with aiohttp.request(method, url, data=body, headers=headers, timeout=timeout) as answer:
        answer.raise_for_status()
        return await answer.json()


def calls(stats: Tables, *paths: str) -> int:
    """How many calls one service has counted, of paths that end so."""
    return sum(row["n"] for row in stats["calls"] if not paths or row["path"].endswith(paths))


@asynccontextmanager
async def site(*flags: str, profile: Tables | None = None) -> AsyncIterator[Site]:
    """A sandbox with these flags of `python -m ztoq_async sandbox`, and a folder; both are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as name:
        command = (sys.executable, "-m", "ztoq_async", "sandbox", *flags, "--json")
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        try:
            ready = await asyncio.wait_for(process.stdout.readline(), READY_S)
            here = Site(json.loads(ready), Path(name))
            if profile:
                await here.use(profile)
            yield here
        finally:
            if process.returncode is None:
                process.terminate()
            await asyncio.wait_for(process.wait(), CLOSE_S)
