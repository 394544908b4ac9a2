"""A pool's connection that ends its transaction while it is given back: in the task that asyncpg shields for that."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, TypeAlias

import asyncpg

from ztoq_async.resources.shield import shielded

if TYPE_CHECKING:
    Base: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    Base = asyncpg.Connection  # which takes no parameters when it runs

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Pooled: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

# What a statement on a dying connection may raise; asyncpg's InternalClientError is one when the server was killed.
BROKEN = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
RELEASE_S = 5.0  # for a ROLLBACK and what else a connection needs before another session may have it


class Ending:
    """How a transaction is to end (`statement`, COMMIT or ROLLBACK) and, once it is `over`, what became of it.

    `timeout` seconds bound the statement. `tag` is the server's answer, `failure` what the statement raised; without
    either it was never sent.
    """

    __slots__ = ("failure", "over", "statement", "tag", "timeout")

    def __init__(self, statement: str, *, timeout: float) -> None:
        self.statement = statement
        self.timeout = timeout
        self.tag: str | None = None
        self.failure: BaseException | None = None
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self, connection: Base) -> None:
        """The statement; its failure is kept, since the connection may be as good as before."""
        try:
            self.tag = await connection.execute(self.statement, timeout=self.timeout)
        except BaseException as error:
            self.failure = error
            if not isinstance(error, Exception):
                raise

    async def wait(self) -> None:
        """Until it is over."""
        await self.over

    def finish(self) -> None:
        """The connection is clean, or lost."""
        if not self.over.done():
            self.over.set_result(None)


class PooledConnection(Base):
    """asyncpg's connection; the pool's `release()` first brings its `ending` about, and cleans it then."""

    ending: Ending | None = None

    def itself(self) -> PooledConnection:
        """The connection behind the pool's proxy."""
        return self

    async def reset(self, *, timeout: float | None = None) -> None:
        """What `release()` does with a connection. After an ending, asyncpg's statement cleans it of the session."""
        ending, self.ending = self.ending, None
        if ending is None:
            await super().reset(timeout=timeout)
            return
        try:
            await ending.run(self)
            await self.execute(self.get_reset_query(), timeout=RELEASE_S)
        finally:
            ending.finish()
        if self.is_in_transaction():
            self.terminate()

    async def close(self, *, timeout: float | None = None) -> None:
        """What `release()` does with one that has served long enough."""
        ending, self.ending = self.ending, None
        try:
            if ending is not None:
                await ending.run(self)
        finally:
            await super().close(timeout=timeout)


class Lease:
    """A connection of the pool in use: `connection` for statements, until `give_back()`."""

    __slots__ = ("_inner", "_pool", "connection")

    def __init__(self, pool: Pool, connection: Pooled) -> None:
        self._pool = pool
        # The proxy hands on what it does not know, but forgets the connection when the pool closes.
        self._inner: PooledConnection = connection.itself()  # type: ignore[attr-defined]
        self.connection = connection

    async def give_back(self, ending: Ending) -> None:
        """The ending, then the connection clean to the pool, or cut; a cancellation is raised after both.

        Bounded by the ending's `timeout` and RELEASE_S for the cleaning; what failed is in `ending`.
        """
        self._inner.ending = ending
        try:
            await self._pool.release(self.connection, timeout=RELEASE_S)
        except asyncio.CancelledError:
            await self._released(ending)
            raise
        except BROKEN:  # asyncpg has cut it
            pass

    async def _released(self, ending: Ending) -> None:
        """Until asyncpg has given the connection back, with which it goes on by itself."""

        def lost(_: object) -> None:
            ending.finish()

        self._inner.add_termination_listener(lost)
        try:
            if not self._inner.is_closed():
                with contextlib.suppress(TimeoutError):
                    await shielded(ending.wait(), timeout=ending.timeout + 3 * RELEASE_S)
        finally:
            self._inner.remove_termination_listener(lost)
            if not ending.over.done():
                cut(self.connection)


def cut(connection: Connection) -> None:
    """End a connection at once, if the pool has not done so already."""
    with contextlib.suppress(asyncpg.InterfaceError):
        connection.terminate()
