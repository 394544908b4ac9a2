"""Transactions of a database: each belongs to the task that began it, and ends with that task at the latest."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any

import asyncpg

from ztoq_async.errors import ResourceError, StoreError, StoreLost
from ztoq_async.resources.connection import BROKEN, RELEASE_S, Ending, Lease, cut
from ztoq_async.resources.ownership import loop_here, warn_left_open
from ztoq_async.resources.reaching import GONE, raise_named
from ztoq_async.resources.session import Session
from ztoq_async.resources.shield import shielded

log = logging.getLogger(__name__)


class Transactions:
    """Those of one database: the open ones by their task, and how many ended how. `timeout` is for a COMMIT, s."""

    def __init__(self, dsn: str, timeout: float) -> None:
        self.dsn = dsn
        self.timeout = timeout
        self.open: dict[asyncio.Task[Any], Transaction] = {}
        self.ending: set[asyncio.Task[None]] = set()
        self.opened = self.committed = self.rolled_back = self.unknown = self.left_open = 0


class Transaction:
    """One transaction, on one connection, of the task that runs here; `blocks` are its blocks, the inmost last."""

    __slots__ = ("_lease", "_names", "_others", "blocks", "session", "task")

    def __init__(self, others: Transactions, lease: Lease) -> None:
        self._others = others
        self._lease = lease
        self._names = 0
        self.blocks: list[Block] = []
        self.session = Session(lease.connection)
        self.task = running_task()
        self.task.add_done_callback(self._task_ended)
        others.open[self.task] = self
        others.opened += 1

    async def commit(self) -> None:
        """COMMIT, and the connection given back. Raises unless the server has said that it is committed."""
        ending = await self._end("COMMIT", self._others.timeout)
        if ending.tag == "COMMIT":
            return
        if ending.failure is not None and not _refused(ending.failure):
            raise StoreLost("COMMIT got no answer: look whether the work was kept") from ending.failure
        if ending.failure is not None:
            raise ending.failure
        if ending.tag is None:
            raise StoreLost("the connection was lost before COMMIT: nothing of the session was kept")
        raise StoreError(
            "the transaction was rolled back, because one of its statements had failed:"
            " put a statement that may fail into a nested session()"
        )

    async def roll_back(self) -> None:
        """ROLLBACK, and the connection given back; one that cannot do that is cut, which does it too."""
        await self._end("ROLLBACK", RELEASE_S)

    async def abandon(self) -> None:
        """Tell that nobody has ended it, and roll it back; nothing when it is over."""
        if not self.blocks:
            return
        self._others.left_open += 1
        name = self.task.get_name()
        try:
            log.warning("a database session of task %s was left open: it is rolled back", name)
            warn_left_open(f"database session of task {name}", self.session)
        finally:  # the warning may be an error
            await self.roll_back()

    async def savepoint(self) -> str:
        """The name of a new one."""
        self._names += 1
        name = f"ztoq_{self._names}"
        await self._shielded(f"SAVEPOINT {name}")
        return name

    async def release(self, name: str) -> None:
        """What was done since the savepoint becomes a part of the transaction."""
        try:
            await self._shielded(f"RELEASE {name}")
        except asyncpg.PostgresError:  # a statement had failed and its error was swallowed
            await self.undo(name)
            raise

    async def undo(self, name: str) -> None:
        """Undo to the savepoint; a connection that cannot do that can only be given up, and the transaction with it."""
        try:
            await self._shielded(f"ROLLBACK TO {name}; RELEASE {name}")
        except BROKEN:
            cut(self._lease.connection)

    async def _shielded(self, statement: str) -> None:
        """To its end, since cancelling it at the server could hit what the outer block does next."""
        await shielded(self._lease.connection.execute(statement), timeout=RELEASE_S)

    async def _end(self, statement: str, timeout: float) -> Ending:
        self.blocks.clear()
        self.session.end()
        self.task.remove_done_callback(self._task_ended)
        del self._others.open[self.task]
        ending = Ending(statement, timeout=timeout)
        try:
            await self._lease.give_back(ending)
        finally:
            self._count(ending)
        return ending

    def _count(self, ending: Ending) -> None:
        if ending.tag == "COMMIT":
            self._others.committed += 1
        elif ending.statement == "COMMIT" and ending.failure is not None and not _refused(ending.failure):
            self._others.unknown += 1
        else:
            self._others.rolled_back += 1

    def _task_ended(self, task: asyncio.Task[Any]) -> None:
        ending = task.get_loop().create_task(self.abandon(), name=f"rolling back {task.get_name()}")
        self._others.ending.add(ending)
        ending.add_done_callback(self._others.ending.discard)


class Block:
    """One `async with database.session()`: a transaction, or a savepoint within another block of the same task."""

    __slots__ = ("_begin", "_others", "_savepoint", "_transaction")

    def __init__(self, others: Transactions, begin: Callable[[], Awaitable[Transaction]]) -> None:
        self._others = others
        self._begin = begin
        self._savepoint: str | None = None

    async def __aenter__(self) -> Session:
        transaction = self._others.open.get(running_task())
        if transaction is None:
            transaction = await self._begin()
        else:
            self._savepoint = await transaction.savepoint()
        transaction.blocks.append(self)
        self._transaction = transaction
        return transaction.session

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        problem = self._problem(error)
        if problem and self in self._transaction.blocks:
            await self._transaction.abandon()
        if error is not None:
            if not problem:
                await self._failed()
            raise_named(self._others.dsn, error)
        elif problem:
            raise ResourceError(problem)
        else:
            await self._succeeded()

    def _problem(self, error: BaseException | None) -> str:
        """Why this block cannot end as it should."""
        blocks, task = self._transaction.blocks, self._transaction.task
        if self not in blocks:
            return f"this database session of task {task.get_name()} was rolled back before its block ended"
        if running_task() is not task:
            return f"a database session of task {task.get_name()} is left in another task: it is rolled back"
        if error is None and blocks[-1] is not self:
            return "a database session is left before the one within it: both are rolled back"
        return ""

    async def _succeeded(self) -> None:
        try:
            if self._savepoint is None:
                await self._transaction.commit()
            else:
                self._transaction.blocks.pop()
                await self._transaction.release(self._savepoint)
        except Exception as failure:
            raise_named(self._others.dsn, failure)
            raise

    async def _failed(self) -> None:
        if self._savepoint is None:
            await self._transaction.roll_back()
        else:
            del self._transaction.blocks[self._transaction.blocks.index(self) :]
            await self._transaction.undo(self._savepoint)


def running_task() -> asyncio.Task[Any]:
    """The task that runs here; ResourceError in a thread without an event loop."""
    if loop_here() is None:
        raise ResourceError("a database session belongs to a task of the event loop that opened its database")
    task = asyncio.current_task()
    assert task is not None, "a coroutine runs in a task"
    return task


def _refused(failure: BaseException) -> bool:
    """Whether the server has said that it did not commit, or was not asked."""
    return isinstance(failure, (asyncpg.PostgresError, asyncpg.InterfaceError)) and not isinstance(failure, GONE)
