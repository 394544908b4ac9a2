"""A PostgreSQL of the user's own: separately installed, on TCP, with a password; started and killed by the tests."""

import asyncio
import contextlib
import os
import pwd
import random
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg

START_S = 30.0
PROGRAMS = ("postgres", "initdb")
PORTS = range(15_000, 30_000)


def find_programs() -> Path | None:
    """The folder that `ZTOQ_TEST_PG_BIN` names, else that of `pg_config`, else of `postgres` in PATH."""
    told = os.environ.get("ZTOQ_TEST_PG_BIN")
    folders = [told] if told else [*_of_pg_config(), *_of_path()]
    return next((Path(folder) for folder in folders if _complete(Path(folder))), None)


def _of_pg_config() -> list[str]:
    try:
        return [subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=True).stdout.strip()]
    except (OSError, subprocess.CalledProcessError):
        return []


def _of_path() -> list[str]:
    found = shutil.which("postgres")
    return [str(Path(found).resolve().parent)] if found else []


def _complete(folder: Path) -> bool:
    return all(os.access(folder / program, os.X_OK) for program in PROGRAMS)


class OwnPostgres:
    """A server in a folder of its own, run by `nobody` where the tests run as root, whom it refuses."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="own-postgres-", dir="/tmp"))  # a folder that `nobody` may enter
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": ()}
            os.chown(self._folder, nobody.pw_uid, nobody.pw_gid)
        self.password = secrets.token_hex(16)
        self._port = _free_port()
        self._number = 0
        self._server: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        """Makes the cluster, and starts it."""
        secret = self._folder / "password"
        secret.write_text(self.password)
        secret.chmod(0o644)
        command = [str(self._programs / "initdb"), "-D", str(self._folder / "data"), "-U", "mover", "-E", "UTF8"]
        command += ["--auth=scram-sha-256", f"--pwfile={secret}", "--locale=C"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self._folder, **self._user)
        self.start()

    def start(self) -> None:
        """Starts it and waits until it answers; one that was killed just now has to be gone first."""
        end = time.monotonic() + START_S
        command = [str(self._programs / "postgres"), "-D", str(self._folder / "data"), "-p", str(self._port)]
        command += ["-h", "127.0.0.1", "-k", ""]
        while time.monotonic() < end:
            if self._server is None or self._server.poll() is not None:
                with (self._folder / "log").open("ab") as log:
                    self._server = subprocess.Popen(
                        command, cwd=self._folder, stdout=log, stderr=log, start_new_session=True, **self._user
                    )
            if self._answers():
                return
            time.sleep(0.02)
        raise AssertionError((self._folder / "log").read_text()[-2000:])

    def _answers(self) -> bool:
        async def ask() -> None:
            connection = await asyncpg.connect(self._url("postgres"), timeout=5)
            await connection.close()

        with contextlib.suppress(OSError, asyncpg.PostgresError):
            asyncio.run(ask())
            return True
        return False

    @contextlib.asynccontextmanager
    async def database(self) -> AsyncIterator[str]:
        """The URL of a new database, which is there until the block ends: each takes some megabytes."""
        self._number += 1
        name = f"move_{self._number}"
        await self._say(f"CREATE DATABASE {name}")
        try:
            yield self._url(name)
        finally:
            await self._say(f"DROP DATABASE {name} WITH (FORCE)")

    async def _say(self, statement: str) -> None:
        connection = await asyncpg.connect(self._url("postgres"))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    @property
    def pid(self) -> int | None:
        """The server's process, None while there is none."""
        return self._server.pid if self._server is not None and self._server.poll() is None else None

    def remove(self) -> None:
        """Ends it, and its data."""
        if self._server is not None:
            with contextlib.suppress(ProcessLookupError):
                self._server.send_signal(signal.SIGINT)
            try:
                self._server.wait(10)
            except subprocess.TimeoutExpired:
                self._server.send_signal(signal.SIGQUIT)
                self._server.wait(10)
        shutil.rmtree(self._folder)

    def _url(self, name: str) -> str:
        return f"postgresql://mover:{self.password}@127.0.0.1:{self._port}/{name}"


def _free_port() -> int:
    """One that no outgoing connection is given: a server that is killed has to find it free again."""
    for port in random.sample(PORTS, len(PORTS)):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError(f"no port of {PORTS} is free")
