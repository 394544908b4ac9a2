"""Processes of a PostgreSQL server: started, awaited with a deadline, found again after a crash, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

TICK_S = 0.01  # between two looks at a process that starts or ends
STOPPING = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 3.0), (signal.SIGKILL, 3.0))  # fast, immediate, killed; seconds
STOPPING_S = sum(patience for _, patience in STOPPING)
# The server must not inherit the engine's environment: settings there hold tokens, and PG* would change its ways.
ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "TZ", "SYSTEMROOT")


@dataclass(frozen=True)
class Launcher:
    """As whom the server's programs run: `uid` None means as ourselves, `prefix` a command that changes the user."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None

    def start(self, command: list[str], *, cwd: Path, output: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start a program that writes to `output`; it does not get the terminal's Ctrl-C."""
        options: dict[str, Any] = {}
        if self.uid is not None and not self.prefix:
            options = {"user": self.uid, "group": self.gid, "extra_groups": ()}
        environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ} | {"LC_ALL": "C"}
        return subprocess.Popen(  # noqa: S603
            [*self.prefix, *command],
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **options,
        )

    async def run(self, command: list[str], *, cwd: Path, timeout: float) -> tuple[int, str]:
        """Run a program to its end: (exit code, the end of what it wrote). Time-out and cancellation kill it."""
        with tempfile.TemporaryFile() as output:
            child = self.start(command, cwd=cwd, output=output)
            try:
                async with asyncio.timeout(timeout):
                    await until(lambda: child.poll() is not None)
            finally:
                if child.poll() is None:
                    os.killpg(child.pid, signal.SIGKILL)  # it leads a group: what it has started goes with it
                    child.wait()
            output.seek(0)
            return child.returncode, output.read()[-2000:].decode("utf-8", "replace").strip()


async def until(ended: Callable[[], bool]) -> None:
    """Look every TICK_S; the caller sets the deadline. No process outside our children announces its end everywhere."""
    while not ended():  # noqa: ASYNC110
        await asyncio.sleep(TICK_S)


def server_processes(data: Path) -> list[psutil.Process]:
    """Every live PostgreSQL process that works in the folder `data`, whatever a pid file says."""
    return [process for process in psutil.process_iter(["name"]) if works_in(process, data)]


def works_in(process: psutil.Process, data: Path) -> bool:
    """Whether the process is a live `postgres` in the folder `data`; a zombie is not live."""
    with contextlib.suppress(psutil.Error, OSError):
        return process.name().startswith("postgres") and alive(process) and process.cwd() == str(data)
    return False


def alive(process: psutil.Process) -> bool:
    """Whether the process still runs. A zombie that nobody has waited for does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def stop(processes: list[psutil.Process]) -> bool:
    """End processes by fast shutdown, then immediate, then kill; whether all have gone. Takes at most STOPPING_S."""
    for number, patience in STOPPING:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await until(lambda: not any(alive(process) for process in processes))
                return True
    return False
