"""One PostgreSQL cluster on disk: made once, started, found alive by connecting to it, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import urlencode

import asyncpg
import psutil

from ztoq_async.errors import StoreError
from ztoq_async.resources.shield import shielded
from ztoq_async.store import processes
from ztoq_async.store.privileges import Home

USER = "ztoq"
INITDB_S = 120.0
START_S = 60.0  # a crash recovery is part of the start
CONNECT_S = 10.0
LOG_BYTES = 1_000_000
PLAIN_SOCKET_FOLDER = re.compile(r"[\w./-]{1,90}", re.ASCII)  # 107 bytes less "/.s.PGSQL.5432"; a comma parts hosts
# Only FATAL and PANIC reach the log (statement errors reach their caller), and it is cut at every start: bounded.
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "max_wal_senders": "0",
    "wal_level": "minimal",
    "max_wal_size": "512MB",
    "max_parallel_workers_per_gather": "0",  # needs /dev/shm, which containers keep small
    "jit": "off",
    "client_connection_check_interval": "1s",  # a killed engine's statement does not go on, holding locks
    "log_min_messages": "fatal",
    "log_min_error_statement": "panic",  # no statement, so no record's text, in the log
}


class Cluster:
    """The cluster in `home`. Only one process at a time may call `start` and `stop` (see EmbeddedPostgres)."""

    def __init__(self, home: Home, binaries: Path) -> None:
        self._home = home
        self._binaries = binaries
        self._child: subprocess.Popen[bytes] | None = None
        self._socket: Path | None = None  # kept, so that pools find a revived server where it was

    async def running(self) -> str | None:
        """The DSN of the cluster's server if it answers, else None. Waits for one that is in recovery."""
        found = self._pid_file()
        if found is None:
            return None
        _, socket = found
        dsn = _dsn(socket)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_S):
                while True:
                    answer = await _asks(dsn)
                    if answer is not None:
                        return dsn if answer == str(self._home.data) else None
                    await asyncio.sleep(processes.TICK_S)
        return None

    async def start(self) -> str:
        """Start the server, after what a crash left over is gone; the cluster is made if there is none."""
        await self._clear()
        self.forget()
        if not self._home.data.exists():
            await self._create()
        socket = self._socket_folder()
        try:
            before = self._launch(socket)
            return await self._ready(_dsn(socket), before)
        except BaseException:
            await shielded(self.stop(), timeout=2 * processes.STOPPING_S)
            await self._remove(socket)
            raise

    async def stop(self) -> None:
        """Stop the server, by force at last; nothing of it remains."""
        found = self._pid_file()
        socket = found[1] if found else None
        main = [psutil.Process(self._child.pid)] if self._child is not None and self._child.poll() is None else []
        if not main and found is not None:
            main = [process for process in _process(found[0]) if processes.works_in(process, self._home.data)]
        await processes.stop(main)
        self.forget()
        await self._clear()
        if socket is not None:
            await self._remove(socket)

    def forget(self) -> None:
        """Leave the server to the other processes that use it, or to nobody when it has ended."""
        if self._child is not None and self._child.poll() is None:
            self._child.returncode = 0  # else subprocess warns of a child that nobody waits for
        self._child = None

    def died(self) -> bool:
        """Whether the server that this process started has ended."""
        return self._child is not None and self._child.poll() is not None

    async def _clear(self) -> None:
        """End what does not answer, and a pid file that speaks of nobody (its pid may be another program's by now)."""
        if not (self._home.data / "postmaster.pid").exists():
            return
        found = self._pid_file()
        left = processes.server_processes(self._home.data)
        if not await processes.stop(left):
            raise StoreError(
                f"a PostgreSQL process in {self._home.data} cannot be ended: {[p.pid for p in left]}; end it"
            )
        (self._home.data / "postmaster.pid").unlink(missing_ok=True)
        if found is not None:
            await self._remove(found[1])

    async def _create(self) -> None:
        """Make the cluster in a new folder and rename it, so that a half-made one is never taken for a store."""
        for left in self._home.path.glob("data.new*"):
            shutil.rmtree(left, ignore_errors=True)
        # A name of its own: what an initdb that was killed has started may still write for a moment.
        new = self._home.path / f"data.new-{secrets.token_hex(4)}"
        command = [str(self._binaries / "initdb"), "-D", str(new), "-U", USER, "-A", "trust", "-E", "UTF8"]
        try:
            code, output = await self._home.launcher.run(
                [*command, "--locale=C"], cwd=self._home.path, timeout=INITDB_S
            )
        except TimeoutError:
            raise StoreError(f"initdb took longer than {INITDB_S:.0f} s in {new}: use a faster disk") from None
        if code != 0:
            shutil.rmtree(new, ignore_errors=True)
            raise StoreError(f"no PostgreSQL cluster could be made in {self._home.path}: {output[-600:]}")
        new.rename(self._home.data)
        _sync_folder(self._home.path)

    def _launch(self, socket: Path) -> int:
        """Start it; where in the log its words begin (a server that fails may have written and ended at once)."""
        command = [str(self._binaries / "postgres"), "-D", str(self._home.data), "-k", str(socket)]
        for name, value in SETTINGS.items():
            command += ["-c", f"{name}={value}"]
        log = self._home.path / "log"
        mode = "wb" if log.exists() and log.stat().st_size > LOG_BYTES else "ab"
        with log.open(mode) as output:
            before = output.tell()
            self._child = self._home.launcher.start(command, cwd=self._home.path, output=output)
        return before

    async def _ready(self, dsn: str, before: int) -> str:
        log = self._home.path / "log"
        try:
            async with asyncio.timeout(START_S):
                while not self.died():
                    if await _asks(dsn):
                        return dsn
                    await asyncio.sleep(processes.TICK_S)
        except TimeoutError:
            raise StoreError(f"PostgreSQL did not answer within {START_S:.0f} s; see {log}") from None
        said = log.read_bytes()[before:][-600:].decode("utf-8", "replace").strip()
        raise StoreError(f"PostgreSQL in {self._home.path} did not start: {said or 'it said nothing'}")

    def _pid_file(self) -> tuple[int, Path] | None:
        """The pid and the socket's folder that the server wrote: a hint, believed only when the server answers."""
        try:
            lines = (self._home.data / "postmaster.pid").read_text().splitlines()
            return int(lines[0]), Path(lines[4])
        except (FileNotFoundError, NotADirectoryError, ValueError, IndexError):
            return None

    def _socket_folder(self) -> Path:
        folder = self._socket or self._home.path / "socket"
        if not PLAIN_SOCKET_FOLDER.fullmatch(str(folder)):
            folder = Path(tempfile.mkdtemp(prefix="ztoq-", dir="/tmp"))  # $TMPDIR may be as deep
        shutil.rmtree(folder, ignore_errors=True)  # a lock file in it may name a pid that is another program's now
        folder.mkdir(mode=0o700)
        if self._home.launcher.uid is not None:
            os.chown(folder, self._home.launcher.uid, self._home.launcher.gid or 0)
        self._socket = folder
        return folder

    async def _remove(self, socket: Path) -> None:
        """Remove a socket's folder, unless it is another server's: a copied store's pid file names the original's."""
        ours = socket.parent == self._home.path or socket.name.startswith("ztoq-")
        if ours and await _asks(_dsn(socket)) == "":
            shutil.rmtree(socket, ignore_errors=True)


def _dsn(socket: Path) -> str:
    return f"postgresql:///postgres?{urlencode({'host': str(socket), 'port': 5432, 'user': USER})}"


async def _asks(dsn: str) -> str | None:
    """The data folder of the server that answers; None while it starts; "" where there is none."""
    try:
        async with asyncio.timeout(CONNECT_S):
            connection = await asyncpg.connect(dsn)
    except asyncpg.CannotConnectNowError:
        return None
    except (OSError, TimeoutError, asyncpg.PostgresError):
        return ""
    try:
        return str(await connection.fetchval("SHOW data_directory", timeout=CONNECT_S))
    except (OSError, asyncpg.PostgresError):
        return ""
    finally:
        connection.terminate()


def _process(pid: int) -> list[psutil.Process]:
    try:
        return [psutil.Process(pid)]
    except psutil.NoSuchProcess:
        return []


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
