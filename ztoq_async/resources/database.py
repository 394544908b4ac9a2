"""Database sessions: a pool of connections to the store, one transaction a session, always ended and given back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeAlias

import asyncpg

from ztoq_async.errors import ResourceError, StoreError
from ztoq_async.resources.reaching import named_errors, place, reach
from ztoq_async.resources.session import BROKEN, Session, cut
from ztoq_async.resources.shield import shielded

Pooled: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
CONNECT_S = 10.0
RELEASE_S = 5.0  # for a ROLLBACK, and for the reset of a connection
CLOSE_S = 5.0  # how long sessions that are still open may take to end


@dataclass(frozen=True)
class DatabaseStatistics:
    """Connections of the pool now (size = idle + in_use), sessions waiting for one, and counts since it was opened."""

    size: int
    idle: int
    in_use: int
    waiting: int
    dedicated: int
    opened: int
    committed: int
    rolled_back: int


class Database:
    """`async with Database(url) as database:`, then `async with database.session() as session:`.

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
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sessions: dict[asyncio.Task[Any], Session] = {}
        self._dedicated: set[asyncpg.Connection[asyncpg.Record]] = set()
        self._waiting = self._opened = self._committed = self._rolled_back = 0

    def __repr__(self) -> str:
        return f"<Database {place(self._dsn)}>"

    async def __aenter__(self) -> Database:
        if self._pool is not None:
            raise ResourceError("this database is already open")
        self._loop = asyncio.get_running_loop()
        self._pool = await reach(self._dsn, self._create_pool, self._on_lost)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait at most CLOSE_S for open sessions, then cut their connections."""
        pool = self._checked()
        self._pool = None
        try:
            with contextlib.suppress(*BROKEN):
                await shielded(pool.close(), timeout=CLOSE_S)
        finally:
            pool.terminate()
            for connection in self._dedicated:
                cut(connection)

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """A transaction: committed when the block ends, rolled back on an exception, a time-out and a cancellation.

        Inside another session of the same task it is a savepoint of that one; another task gets its own connection.
        """
        pool = self._checked()
        task = asyncio.current_task()
        assert task is not None
        outer = self._sessions.get(task)
        if outer is not None:
            async with outer.savepoint(timeout=RELEASE_S):
                yield outer
            return
        connection = await reach(self._dsn, self._begin, self._on_lost)
        session = self._sessions[task] = Session(connection)
        try:
            with named_errors(self._dsn):
                yield session
                await shielded(self._commit(connection), timeout=self._command_timeout + RELEASE_S)
        except BaseException:
            await self._roll_back(connection)
            raise
        finally:
            del self._sessions[task]
            session._end()
            await _give_back(pool, connection)

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
            session._end()
            self._dedicated.discard(connection)
            await _close(connection)

    def statistics(self) -> DatabaseStatistics:
        """What the pool holds now, and what it has done."""
        pool = self._checked()
        size, idle = pool.get_size(), pool.get_idle_size()
        return DatabaseStatistics(
            size=size,
            idle=idle,
            in_use=size - idle,
            waiting=self._waiting,
            dedicated=len(self._dedicated),
            opened=self._opened,
            committed=self._committed,
            rolled_back=self._rolled_back,
        )

    def _checked(self) -> asyncpg.Pool[asyncpg.Record]:
        if self._pool is None:
            raise ResourceError("this database is not open: use it inside `async with Database(...)`")
        if asyncio.get_running_loop() is not self._loop:
            raise ResourceError("this database was opened in another event loop: open one in each loop")
        return self._pool

    async def _create_pool(self) -> asyncpg.Pool[asyncpg.Record]:
        pool = asyncpg.create_pool(
            self._dsn,
            min_size=self._min_size,
            max_size=self._max_size,
            max_inactive_connection_lifetime=self._idle_timeout,
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

    async def _begin(self) -> Pooled:
        """A connection of the pool, in a new transaction. BEGIN also finds out that an idle connection is dead."""
        pool = self._checked()
        connection = await self._acquire(pool)
        try:
            await connection.execute("BEGIN")
        except BaseException:
            cut(connection)  # whether BEGIN was done is unsaid
            await _give_back(pool, connection)
            raise
        return connection

    async def _acquire(self, pool: asyncpg.Pool[asyncpg.Record]) -> Pooled:
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
                f" ({len(self._sessions)} sessions are open, max_size is {self._max_size})"
            ) from None
        finally:
            self._waiting -= 1
        self._opened += 1
        return connection

    async def _commit(self, connection: Pooled) -> None:
        if await connection.execute("COMMIT") != "COMMIT":
            self._rolled_back += 1
            raise StoreError(
                "the transaction was rolled back, because one of its statements had failed:"
                " put a statement that may fail into a nested session()"
            )
        self._committed += 1

    async def _roll_back(self, connection: Pooled) -> None:
        """ROLLBACK; a connection that cannot do that is cut, which does it too."""
        try:
            if connection.is_in_transaction():  # not when a cancellation came while it was committing
                self._rolled_back += 1
                await shielded(connection.execute("ROLLBACK"), timeout=RELEASE_S)
        except BROKEN:
            cut(connection)


async def _give_back(pool: asyncpg.Pool[asyncpg.Record], connection: Pooled) -> None:
    """Give the connection back clean; one that cannot be cleaned in time is cut, and the pool opens another."""
    try:
        await shielded(pool.release(connection, timeout=RELEASE_S), timeout=2 * RELEASE_S)
    except BROKEN:
        cut(connection)


async def _close(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    try:
        await shielded(connection.close(timeout=RELEASE_S), timeout=2 * RELEASE_S)
    except BROKEN:
        cut(connection)
