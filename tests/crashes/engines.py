"""Engines as processes: started from the nursery, awaited while a sandbox is served in this process, killed."""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

HERE = Path(__file__).parent
PATIENCE_S = 90.0
TICK_S, ASKING_S = 0.01, 0.04  # between two looks at a file, and at a service
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("ZTOQ_", "PG"))}
_numbers = itertools.count(1)


async def until(ready: Callable[[], Awaitable[bool]], *, timeout: float = PATIENCE_S, tick: float = TICK_S) -> None:
    """Asks again and again until it is so."""
    async with asyncio.timeout(timeout):
        while not await ready():  # noqa: ASYNC110 - nobody tells another process
            await asyncio.sleep(tick)


class Nursery:
    """The program that forks engines; it holds nothing of an event loop."""

    def __init__(self) -> None:
        command = [sys.executable, "-W", "default", str(HERE / "nursery.py")]
        self._process = subprocess.Popen(command, env=CLEAN, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def start(self, words: list[str], folder: Path, environment: dict[str, str]) -> "Process":
        """An engine that runs this command."""
        output = folder / f"engine-{next(_numbers)}"
        order = {"words": words, "folder": str(folder), "environment": environment, "output": str(output)}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return Process(int(self._process.stdout.readline()), output)

    def close(self) -> None:
        """Engines that still run go on: whoever started one waits for it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE_S)
        assert self._process.stdout is not None
        self._process.stdout.close()


@dataclass
class Process:
    """An engine: `pid`, and `output`, what the names of its files begin with."""

    pid: int
    output: Path

    @property
    def code(self) -> int | None:
        """Its exit code, None while it runs, minus the signal's number where it was killed."""
        with contextlib.suppress(FileNotFoundError):
            return int(self.output.with_suffix(".code").read_text())
        return None

    @property
    def said(self) -> str:
        """The end of what it wrote, for a failure's message."""
        return "".join(self.output.with_suffix(end).read_text()[-1500:] for end in (".out", ".err"))

    @property
    def report(self) -> dict[str, Any]:
        """The JSON object that is its last line."""
        lines = self.output.with_suffix(".out").read_text().splitlines()
        assert lines, self.said
        found: dict[str, Any] = json.loads(lines[-1])
        return found

    async def wait(self, timeout: float = PATIENCE_S) -> int:
        """Its exit code, when it has ended."""
        await until(self._ended, timeout=timeout)
        assert self.code is not None
        return self.code

    async def stopped(self) -> None:
        """When it stands still by SIGSTOP; fails where it ends instead."""
        await until(self._stands_still)

    async def _ended(self) -> bool:
        return self.code is not None

    async def _stands_still(self) -> bool:
        assert self.code is None, self.said
        return psutil.Process(self.pid).status() == psutil.STATUS_STOPPED

    def send(self, number: signal.Signals) -> bool:
        """A signal; False where it has ended."""
        with contextlib.suppress(ProcessLookupError):
            if self.code is None:
                os.kill(self.pid, number)
                return True
        return False


SETTINGS = """
[zephyr]
base_url = "{zephyr[base_url]}"
project = "{zephyr[project]}"
[qtest]
base_url = "{qtest[base_url]}"
project = {qtest[project]}
settle_s = {settle_s}
[store]
path = "store"
[limits]
zephyr_per_minute = 600000
qtest_per_minute = 600000
in_flight = {in_flight}
[mapping]
file = "mapping.toml"
"""


class Move:
    """The commands of one move: a folder with its settings, a sandbox, a store (`url`, or embedded in the folder)."""

    def __init__(self, nursery: Nursery, site: dict[str, Any], folder: Path, *, url: str = "", **limits: float) -> None:
        self._nursery = nursery
        self._started: list[Process] = []
        self.site = site
        self.url = url
        self.folder = folder
        self.mapping = folder / "mapping.toml"
        settings = SETTINGS.format(**site, **{"settle_s": 0.2, "in_flight": 1, **limits})
        (folder / "ztoq.toml").write_text(settings)
        self._environment = {f"ZTOQ_{name.upper()}__TOKEN": site[name]["token"] for name in ("zephyr", "qtest")}
        if url:
            self._environment["ZTOQ_STORE__URL"] = url

    def start(self, *words: str, **environment: str) -> Process:
        """A command, going on; `environment` is `crashing.py`'s."""
        process = self._nursery.start([*words, "--json"], self.folder, {**self._environment, **environment})
        self._started.append(process)
        return process

    async def run(self, *words: str, **environment: str) -> Process:
        """A command to its end; `run` if it is not named."""
        process = self.start(*(words or ("run",)), **environment)
        await process.wait()
        return process

    async def propose(self) -> str:
        """Writes the mapping that the runs use; gives its text."""
        process = await self.run("run", "--propose-mapping", "mapping.toml")
        assert process.code == 0, process.said
        return self.mapping.read_text()

    def postmaster(self) -> int | None:
        """The pid of the embedded server, None while there is none."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, ValueError, IndexError):
            return int((self.folder / "store/postgres/data/postmaster.pid").read_text().splitlines()[0])
        return None

    def end(self) -> None:
        """Whatever a failed test has left running."""
        for process in self._started:
            process.send(signal.SIGKILL)
        self.end_server(self.postmaster())

    def end_server(self, pid: int | None) -> None:
        """Ends a server that its engine has left behind, if it is still there."""
        with contextlib.suppress(psutil.Error):
            if pid is not None and (server := psutil.Process(pid)).name().startswith("postgres"):
                server.send_signal(signal.SIGQUIT)
                server.wait(PATIENCE_S)


@contextlib.contextmanager
def moving(nursery: Nursery, site: dict[str, Any], folder: Path, **options: Any) -> Iterator[Move]:
    """A move, of which no process is left."""
    folder.mkdir(exist_ok=True)
    move = Move(nursery, site, folder, **options)
    try:
        yield move
    finally:
        move.end()
