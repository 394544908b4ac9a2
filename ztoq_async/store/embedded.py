"""An embedded PostgreSQL in a folder: shared by every process that opens the folder, stopped by the last one.

Two `flock`s in the folder, which the kernel drops with their process, say who is there: `start.lock` is held while the
server is started or stopped, `users.lock` is shared by all who use it. So a killed engine leaves at worst a server
without users, and the next one that opens the folder takes it over.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import TracebackType

from ztoq_async.errors import ResourceError, StoreError
from ztoq_async.resources.shield import shielded
from ztoq_async.store.binaries import find_binaries
from ztoq_async.store.cluster import INITDB_S, START_S, Cluster
from ztoq_async.store.privileges import choose_home
from ztoq_async.store.processes import STOPPING_S, TICK_S

LOCK_S = INITDB_S + START_S  # another process may be making the cluster


class EmbeddedPostgres:
    """`async with EmbeddedPostgres(folder) as server: server.dsn`: a server on a unix socket, its data in `folder`.

    A server that already runs there is used. StoreError names the folder or the setting when that cannot be.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._users: int | None = None
        self._cluster: Cluster | None = None
        self._dsn = ""

    @property
    def dsn(self) -> str:
        """What `Database` and asyncpg connect to. It holds no secret: the socket's folder is its owner's alone."""
        if self._cluster is None:
            raise ResourceError(f"the embedded server in {self._path} is not open: use `async with`")
        return self._dsn

    async def __aenter__(self) -> EmbeddedPostgres:
        if self._cluster is not None:
            raise ResourceError(f"the embedded server in {self._path} is already open")
        with _clear_errors(self._path):
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
            async with self._alone():
                await self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await shielded(self._leave(), timeout=LOCK_S + 2 * STOPPING_S)

    async def revive(self) -> None:
        """Start the server again if it no longer answers (killed, out of memory). The DSN may change."""
        cluster = self._opened()
        with _clear_errors(self._path):
            async with self._alone():
                self._dsn = await cluster.running() or await cluster.start()

    async def _open(self) -> None:
        binaries = find_binaries()
        home = await choose_home(self._path.resolve(), binaries / "postgres")
        cluster = Cluster(home, binaries)
        users = _lock_file(self._path / "users.lock")
        try:
            await _flock(users, fcntl.LOCK_SH)
            self._dsn = await cluster.running() or await cluster.start()
        except BaseException:
            os.close(users)
            raise
        self._users, self._cluster = users, cluster

    async def _leave(self) -> None:
        cluster, users = self._opened(), self._users
        self._cluster = self._users = None
        assert users is not None
        try:
            async with self._alone():
                try:
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    cluster.forget()
                else:
                    await cluster.stop()
        finally:
            os.close(users)

    def _opened(self) -> Cluster:
        if self._cluster is None:
            raise ResourceError(f"the embedded server in {self._path} is not open: use `async with`")
        return self._cluster

    @contextlib.asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """While this process alone may start or stop the server."""
        descriptor = _lock_file(self._path / "start.lock")
        try:
            async with asyncio.timeout(LOCK_S):
                await _flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _lock_file(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


async def _flock(descriptor: int, kind: int) -> None:
    """Take the lock. Looking again is the way to wait that a cancellation can end: a thread in flock() cannot be."""
    while True:
        try:
            return fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            await asyncio.sleep(TICK_S)


@contextlib.contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"the store {path} cannot be used ({error.strerror or error}): correct store.path") from error
