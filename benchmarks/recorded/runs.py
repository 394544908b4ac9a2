"""Recordings of runs, and what plays them: the engine itself, and bare aiohttp with the same requests."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yarl import URL

from benchmarks.mover import IN_FLIGHT, moved, prepare, tables
from benchmarks.recorded.exchange import save
from benchmarks.recorded.recorder import Recorder
from benchmarks.recorded.replay import replaying, unknown
from benchmarks.site import Site, Tables, site

FLOOR_S = 600.0
Cost = dict[str, float]


@dataclass(frozen=True)
class Recorded:
    """The recording of a run: its file, and the settings that it was made with."""

    folder: Path
    services: Tables

    @property
    def path(self) -> Path:
        return self.folder / "recording"

    def settings(self, origins: dict[str, str], **limits: Any) -> Tables:
        """Settings of a run against the recorded answers."""
        services = {
            name: {**service, "base_url": origins[name] + URL(service["base_url"]).path.rstrip("/")}
            for name, service in self.services.items()
        }
        return tables(services, self.folder, **limits)


async def record(here: Site, folder: Path) -> Recorded:
    """Runs the engine through a recorder; the proposal of the mapping file is not part of the recording."""
    async with Recorder(here.services) as recorder:
        found = Recorded(folder, recorder.services)
        given = tables(recorder.services, folder, store="recorded")
        await asyncio.to_thread(prepare, given)
        recorder.forget()
        report = (await moved(given))["report"]
        if report["outcome"] != "complete":
            raise SystemExit(f"the recorded run is {report['outcome']}: {report['notes']}")
        save(recorder.recording, found.path)
    return found


def recorded(flags: tuple[str, ...], folder: Path) -> Recorded:
    """The recording of a run of the project that these flags of the sandbox name."""

    async def work() -> Recorded:
        async with site(*flags) as here:
            return await record(here, folder)

    return asyncio.run(work())


def engine(run: Recorded, origins: dict[str, str], watch: str = "", **limits: Any) -> dict[str, Any]:
    """One run of the engine against the recorded answers, with a fresh store."""
    shutil.rmtree(run.folder / "store", ignore_errors=True)
    found = asyncio.run(moved(run.settings(origins, **limits), watch))
    if strange := unknown(origins):
        raise SystemExit(f"that was no replay: {strange}")
    return found


def floor(run: Recorded, origins: dict[str, str], in_flight: int = IN_FLIGHT) -> Cost:
    """Bare aiohttp with the same requests."""
    command = [sys.executable, "-m", "benchmarks.recorded.floor", str(run.path), json.dumps(origins), str(in_flight)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=FLOOR_S, check=True)
    found: Cost = json.loads(done.stdout)
    return found


def pairs(run: Recorded, rounds: int, latency_ms: float) -> Iterator[tuple[Cost, Cost]]:
    """Engine and floor, who take turns at being first."""
    with replaying(run.path, latency_ms) as origins:
        for number in range(rounds):
            if number % 2:
                bare = floor(run, origins)
                yield engine(run, origins), bare
            else:
                yield engine(run, origins), floor(run, origins)
