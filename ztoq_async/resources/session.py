"""One database session: statements on one connection, inside the transaction that `Database.session()` holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg

from ztoq_async.errors import ResourceError
from ztoq_async.resources.connection import Connection


class Session:
    """A thin pass-through to asyncpg, whose errors (asyncpg.UniqueViolationError, TimeoutError) come out as they are.

    Times are seconds; without one, the database's `command_timeout` holds. Not for two tasks at once.
    """

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection: Connection | None = connection

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

    def _open(self) -> Connection:
        if self._connection is None:
            raise ResourceError("this database session is over: use it inside its `async with` block")
        return self._connection

    def end(self) -> None:
        """No statement from here on."""
        self._connection = None
