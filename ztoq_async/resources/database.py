"""Database sessions: a pool of connections to the store, one transaction a session, always ended and given back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import asyncpg

from ztoq_async.errors import ResourceError, StoreError
from ztoq_async.resources.again import Repeating
from ztoq_async.resources.connection import BROKEN, RELEASE_S, Ending, Lease, Pool, Pooled, PooledConnection, cut
from ztoq_async.resources.ownership import check_loop, warn_left_open
from ztoq_async.resources.reaching import named_errors, place, reach
from ztoq_async.resources.session import Session
from ztoq_async.resources.shield import shielded
from ztoq_async.resources.transaction import Block, Transaction, Transactions, running_task

log = logging.getLogger(__name__)
CONNECT_S = 10.0
CLOSE_S = 5.0  # how long sessions that are still open may take to end


@dataclass(frozen=True)
class DatabaseStatistics:
    """Connections of the pool now (size = idle + in_use), sessions waiting for one, and counts since it was opened.

    Of the sessions `opened`, those that are over were `committed`, `rolled_back`, or their COMMIT got no answer
    (`unknown`). `left_open` counts those that no block ended; they were rolled back.
    """

    size: int
    idle: int
    in_use: int
    waiting: int
    dedicated: int
    opened: int
    committed: int
    rolled_back: int
    unknown: int
    left_open: int


class Database(Repeating):
    """`async with Database(url) as database:`, then `async with database.session() as session:`, or one statement.

    `dsn` is a PostgreSQL URL; asyncpg reads it, its password is never repeated. Times are seconds: `command_timeout`
    for one statement, `acquire_timeout` for a free connection, `idle_timeout` until an unused one is closed.
    `on_lost` is awaited when the server is away, before the next try: it may start it again.
    StoreError when the server cannot be used, ResourceError when this object is used while it is not open, or from
    another event loop.
    """

    def __init__(
        self,
        dsn: str,
        *,
        min_size: int = 0,
        max_size: int = 10,
        command_timeout: float = 60.0,
        acquire_timeout: float = 30.0,
        idle_timeout: float = 60.0,
        on_lost: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._dsn = dsn
        self._on_lost = on_lost
        self._min_size = min_size
        self._max_size = max_size
        self._command_timeout = command_timeout
        self._acquire_timeout = acquire_timeout
        self._idle_timeout = idle_timeout
        self._pool: Pool | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._transactions = Transactions(dsn, command_timeout)
        self._dedicated: set[asyncpg.Connection[asyncpg.Record]] = set()
        self._waiting = 0

    def __repr__(self) -> str:
        return f"<Database {self.place}>"

    @property
    def place(self) -> str:
        """The server that is meant, without user and password."""
        return place(self._dsn)

    async def __aenter__(self) -> Database:
        if self._loop is not None:
            raise ResourceError("this database is already open")
        self._loop = asyncio.get_running_loop()
        try:
            self._pool = await reach(self._dsn, self._create_pool, self._on_lost)
        finally:
            if self._pool is None:
                self._loop = None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait at most CLOSE_S for open sessions, then cut them; one of this task is rolled back at once."""
        pool = self._checked()
        self._pool = None
        try:
            with contextlib.suppress(*BROKEN):
                await shielded(self._close(pool, self._transactions.open.get(running_task())), timeout=CLOSE_S)
        finally:
            self._cut(pool)
            self._loop = None
            if ending := set(self._transactions.ending):
                await shielded(asyncio.wait(ending), timeout=CLOSE_S)

    def session(self) -> AbstractAsyncContextManager[Session]:
        """A transaction: committed when the block ends, rolled back on an exception, a time-out and a cancellation.

        Inside another session of the same task it is a savepoint of that one; another task gets its own connection.
        It belongs to the task that began it: left in another task it is rolled back, and ResourceError is raised.
        What a task leaves open when it ends is rolled back, logged, and a ResourceWarning; its block ends too late then
        (ResourceError). A cancellation during COMMIT is raised after it; StoreError where its outcome is not known.
        """
        return Block(self._transactions, self._reached)

    @contextlib.asynccontextmanager
    async def dedicated(self) -> AsyncIterator[Session]:
        """A connection outside the pool and without a transaction: for advisory locks and heartbeats."""
        self._checked()
        connection = await reach(self._dsn, self._connect, self._on_lost)
        self._dedicated.add(connection)
        session = Session(connection)
        try:
            with named_errors(self._dsn):
                yield session
        finally:
            session.end()
            self._dedicated.discard(connection)
            await _close(connection)

    def statistics(self) -> DatabaseStatistics:
        """What the pool holds now, and what it has done."""
        pool, done = self._checked(), self._transactions
        size, idle = pool.get_size(), pool.get_idle_size()
        return DatabaseStatistics(
            size=size,
            idle=idle,
            in_use=size - idle,
            waiting=self._waiting,
            dedicated=len(self._dedicated),
            opened=done.opened,
            committed=done.committed,
            rolled_back=done.rolled_back,
            unknown=done.unknown,
            left_open=done.left_open,
        )

    async def _close(self, pool: Pool, own: Transaction | None) -> None:
        if own is not None:
            await own.abandon()
        await pool.close()

    def _cut(self, pool: Pool) -> None:
        for task in self._transactions.open:
            log.warning("the database session of task %s did not end within %g s: it is cut", task.get_name(), CLOSE_S)
        pool.terminate()
        for connection in self._dedicated:
            cut(connection)

    def __del__(self) -> None:
        if self._pool is not None and self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed, and its connections with it
                self._loop.call_soon_threadsafe(self._pool.terminate)
            warn_left_open("Database", self)

    def _checked(self) -> Pool:
        check_loop(self._loop if self._pool is not None else None, "Database")
        assert self._pool is not None
        return self._pool

    async def _create_pool(self) -> Pool:
        pool = asyncpg.create_pool(
            self._dsn,
            min_size=self._min_size,
            max_size=self._max_size,
            max_inactive_connection_lifetime=self._idle_timeout,
            connection_class=PooledConnection,
            **self._options(),
        )
        try:
            await pool
            await pool.fetchval("SELECT 1")
        except BaseException:
            pool.terminate()
            raise
        return pool

    async def _connect(self) -> asyncpg.Connection[asyncpg.Record]:
        connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(self._dsn, **self._options())
        return connection

    def _options(self) -> dict[str, Any]:
        settings = {"application_name": "ztoq_async"}
        return {"timeout": CONNECT_S, "command_timeout": self._command_timeout, "server_settings": settings}

    def _reached(self) -> Awaitable[Transaction]:
        return reach(self._dsn, self._begin, self._on_lost)

    async def _begin(self) -> Transaction:
        """A connection of the pool, in a new transaction. BEGIN also finds out that an idle connection is dead."""
        pool = self._checked()
        lease = Lease(pool, await self._acquire(pool))
        try:
            await lease.connection.execute("BEGIN")
        except BaseException:
            await lease.give_back(Ending("ROLLBACK", timeout=RELEASE_S))
            raise
        return Transaction(self._transactions, lease)

    async def _acquire(self, pool: Pool) -> Pooled:
        if pool.get_idle_size():  # then asyncpg does not wait
            return await pool.acquire()
        self._waiting += 1
        try:
            # asyncpg's own timeout wraps the acquisition into a task, which a cancellation may leave with a connection.
            async with asyncio.timeout(self._acquire_timeout) as deadline:
                connection: Pooled = await pool.acquire()
        except asyncpg.InterfaceError as error:
            if self._pool is not pool:
                raise ResourceError("this database was closed while a session waited for a connection") from error
            raise
        except TimeoutError:
            if not deadline.expired():
                raise
            raise StoreError(
                f"no database connection became free within {self._acquire_timeout:g} s"
                f" ({len(self._transactions.open)} sessions are open, max_size is {self._max_size})"
            ) from None
        finally:
            self._waiting -= 1
        return connection


async def _close(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    try:
        await shielded(connection.close(timeout=RELEASE_S), timeout=2 * RELEASE_S)
    except BROKEN:
        cut(connection)
