"""One database session: statements on one connection, inside the transaction that `Database.session()` holds."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, TypeAlias

import asyncpg

from ztoq_async.errors import ResourceError
from ztoq_async.resources.shield import shielded

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

# What a statement on a dying connection may raise; asyncpg's InternalClientError is one when the server was killed.
BROKEN = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


class Session:
    """A thin pass-through to asyncpg, whose errors (asyncpg.UniqueViolationError, TimeoutError) come out as they are.

    Times are seconds; without one, the database's `command_timeout` holds. Not for two tasks at once.
    """

    __slots__ = ("_connection", "_depth")

    def __init__(self, connection: Connection) -> None:
        self._connection: Connection | None = connection
        self._depth = 0

    async def fetch(self, query: str, *args: Any, timeout: float | None = None) -> list[asyncpg.Record]:
        """All rows."""
        return await self._open().fetch(query, *args, timeout=timeout)

    async def fetchrow(self, query: str, *args: Any, timeout: float | None = None) -> asyncpg.Record | None:
        """The first row, or None."""
        return await self._open().fetchrow(query, *args, timeout=timeout)

    async def fetchval(self, query: str, *args: Any, timeout: float | None = None) -> Any:
        """The first column of the first row, or None."""
        return await self._open().fetchval(query, *args, timeout=timeout)

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:
        """The command's tag, such as "UPDATE 3". Without arguments the query may hold several statements."""
        return await self._open().execute(query, *args, timeout=timeout)

    async def executemany(self, query: str, args: Iterable[Sequence[Any]], *, timeout: float | None = None) -> None:
        """The statement once for each row of arguments, all or none."""
        await self._open().executemany(query, args, timeout=timeout)

    async def copy_records(
        self, table: str, records: Iterable[Sequence[Any]], columns: Sequence[str], *, timeout: float | None = None
    ) -> int:
        """COPY the records into the table; how many there were."""
        connection = self._open()
        tag = await connection.copy_records_to_table(table, records=records, columns=columns, timeout=timeout)
        return int(tag.split()[-1])

    @contextlib.asynccontextmanager
    async def savepoint(self, *, timeout: float) -> AsyncIterator[Session]:
        """A part that is undone alone when it fails; `timeout` bounds the undoing."""
        connection = self._open()
        self._depth += 1
        name = f"ztoq_{self._depth}"
        try:
            await connection.execute(f"SAVEPOINT {name}")
            try:
                yield self
            except BaseException:
                await self._undo(connection, name, timeout)
                raise
            try:
                await shielded(connection.execute(f"RELEASE {name}"), timeout=timeout)
            except asyncpg.PostgresError:  # a statement had failed and its error was swallowed
                await self._undo(connection, name, timeout)
                raise
        finally:
            self._depth -= 1

    async def _undo(self, connection: Connection, name: str, timeout: float) -> None:
        """Undo to the savepoint; a connection that cannot do that can only be given up, and the outer block with it."""
        try:
            await shielded(connection.execute(f"ROLLBACK TO {name}; RELEASE {name}"), timeout=timeout)
        except BROKEN:
            cut(connection)

    def _open(self) -> Connection:
        if self._connection is None:
            raise ResourceError("this database session is over: use it inside its `async with` block")
        return self._connection

    def _end(self) -> None:
        self._connection = None


def cut(connection: Connection) -> None:
    """End a connection at once, if the pool has not done so already."""
    with contextlib.suppress(asyncpg.InterfaceError):
        connection.terminate()
