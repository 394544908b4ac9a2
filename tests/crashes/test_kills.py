"""kill -9 at random times over a lossy network: the engine, PostgreSQL, or both; the same command until it is complete.

What qTest then holds is judged by the independent readers of tests/independent, which know nothing of the engine.
"""

import asyncio
import contextlib
import os
import random
import re
import signal
import tomllib
from dataclasses import dataclass
from typing import Any

import psutil
import pytest
from both_sides import dump, read_corpus, read_objects
from engines import ASKING_S, moving, until
from history_reader import compare_history, with_unlisted
from history_sides import read_history, read_runs
from moves import assert_complete, site_of, stats, use_profile
from reader import compare

from ztoq_async.sandbox import Generator, Sandbox

MOST_RUNS = 20
GOES_ON = (-signal.SIGKILL, 3, 4)
OF_A_CLIENT = re.compile(r"^postgres: .*(\[local\]|\(\d+\))")
LOSSY = {
    "zephyr": {"drop_rate": 0.02, "error_rate": 0.01, "truncate_rate": 0.01, "jitter_ms": 2},
    "qtest": {
        "jitter_ms": 4,
        "lost_reply_rate": 0.02,
        "error_after_rate": 0.01,
        "error_rate": 0.01,
        "drop_rate": 0.02,
        "truncate_rate": 0.01,
        "late_apply_rate": 0.01,
        "late_apply_s": 0.05,
    },
}
VICTIMS = ("engine", "server", "backend", "engine and server", "server and engine")


@dataclass
class Size:
    """A project, how many runs of its move are struck, each after so many calls to qTest at most."""

    cases: int
    executions: int
    struck: int
    calls: int

    def sandbox(self):
        """Its services."""
        return Sandbox(Generator(self.cases, executions=self.executions, seed=5), seed=5)


@dataclass
class Project:
    """A generated project as the independent reader sees it, and the mapping that all moves of it use."""

    size: Size
    corpus: Any
    history: Any
    mapping: str

    def differences(self, site):
        """All that the independent readers find."""
        qtest = site["qtest"]["base_url"], site["qtest"]["token"], site["qtest"]["project"]
        mapping = tomllib.loads(self.mapping)
        cases = compare(with_unlisted(self.corpus, self.history), read_objects(*qtest), mapping)
        executions = compare_history(self.history, read_runs(*qtest), mapping)
        assert cases.cases == len([row for row in self.history.cases.values() if row is not None])
        assert executions.logs - executions.undated == self.size.executions
        return cases.differences + executions.differences


def read_project(size, nursery, folder):
    """The project in fair weather."""

    async def read():
        async with size.sandbox() as sandbox:
            site = site_of(sandbox)
            with moving(nursery, site, folder) as move:
                mapping = await move.propose()
            return Project(size, *await asyncio.to_thread(_read, site["zephyr"], folder / "corpus"), mapping)

    return asyncio.run(read())


def _read(zephyr, folder):
    corpus = read_corpus(dump(zephyr["base_url"], zephyr["token"], zephyr["project"], folder))
    return corpus, read_history(zephyr["base_url"], zephyr["token"], corpus)


@pytest.fixture(scope="module")
def project(nursery, tmp_path_factory):
    """A small one."""
    return read_project(Size(10, 20, struck=2, calls=160), nursery, tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def large_project(nursery, tmp_path_factory):
    """A larger one."""
    return read_project(Size(40, 100, struck=5, calls=400), nursery, tmp_path_factory.mktemp("large"))


class Killer:
    """Kills by the seed, some time after a run has begun: `own` is the user's server, which its user starts again."""

    def __init__(self, seed, project, move, own, sandbox):
        self._rng = random.Random(seed)
        self._most = project.size.calls
        self._sandbox = sandbox
        self._move = move
        self._own = own
        self.told = []

    async def strike(self, process):
        """Waits until so much is asked of qTest, and kills one victim or two: the run goes on, or it ends."""
        calls, victims = self._rng.randrange(self._most), self._rng.choice(VICTIMS)
        end = calls + await asked(self._sandbox)

        async def reached():
            return process.code is not None or await asked(self._sandbox) >= end

        await until(reached, tick=ASKING_S)
        await asyncio.sleep(self._rng.uniform(0, 0.05))
        if process.code is not None:
            return
        self.told.append(f"{victims} after {calls} calls")
        for victim in victims.split(" and "):
            self._kill(self._pid(victim, process))
            await asyncio.sleep(self._rng.choice((0, 0.01, 0.2)))
        if self._own is not None:
            await asyncio.to_thread(self._own.start)

    def _pid(self, victim, process):
        if victim == "engine":
            return process.pid if process.code is None else None
        server = self._own.pid if self._own is not None else self._move.postmaster()
        return server if victim == "server" or server is None else self._backend(server)

    def _backend(self, server):
        with contextlib.suppress(psutil.NoSuchProcess):
            serving = [child.pid for child in psutil.Process(server).children() if OF_A_CLIENT.search(title(child))]
            return self._rng.choice(serving) if serving else None
        return None

    def _kill(self, pid):
        with contextlib.suppress(ProcessLookupError):
            if pid is not None:
                os.kill(pid, signal.SIGKILL)


async def asked(sandbox):
    """How many calls qTest has got."""
    return sum(row["n"] for row in (await stats(sandbox))["calls"])


def title(process):
    """What a PostgreSQL process calls itself."""
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


async def moved_whatever_is_killed(seed, nursery, project, folder, own):
    """Runs, the first few of them struck, until one is complete; then what the readers find."""
    own = own if seed % 2 else None
    async with project.size.sandbox() as sandbox, own.database() if own else contextlib.nullcontext("") as url:
        site = site_of(sandbox)
        with moving(nursery, site, folder, url=url, settle_s=0.3, in_flight=8) as move:
            move.mapping.write_text(project.mapping)
            await use_profile(sandbox, {"seed": seed, **LOSSY})
            killer = Killer(seed, project, move, own, sandbox)
            for number in range(MOST_RUNS):
                process = move.start("run", BACKOFF="0.02")
                if number < project.size.struck:
                    await killer.strike(process)
                if await process.wait() == 0:
                    break
                assert process.code in GOES_ON, (killer.told, process.said)
            assert killer.told, "nothing was killed"
            assert_complete(process)
            assert (await stats(sandbox))["duplicates"] == [], killer.told
            await use_profile(sandbox, {})
            assert await asyncio.to_thread(project.differences, site) == [], killer.told


@pytest.mark.parametrize("seed", range(10))
async def test_whatever_is_killed_every_record_is_there_once(seed, nursery, project, tmp_path, own_if_any):
    """Engine, server, a backend or two of them; the embedded store and the user's own in turn, if there is one."""
    await moved_whatever_is_killed(seed, nursery, project, tmp_path / "move", own_if_any)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(10, 210))
async def test_whatever_is_killed_of_a_larger_move_every_record_is_there_once(
    seed, nursery, large_project, tmp_path, own_if_any
):
    """Two hundred times, up to five kills each."""
    await moved_whatever_is_killed(seed, nursery, large_project, tmp_path / "move", own_if_any)
