"""Work in a database session that is done again where the server goes away in the middle of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

import asyncpg

from ztoq_async.errors import StoreLost
from ztoq_async.resources.session import Session

T = TypeVar("T")
TRIES = 5


class Repeating(ABC):
    """What a database does again, in a new session, until it is known to be committed.

    Again where the connection broke, a statement got no answer in its time, or COMMIT none: so doing it twice must be
    the same as doing it once. Raises StoreLost after TRIES of them; what a session raises that cannot begin, or whose
    statement is refused, comes out at once.
    """

    @property
    @abstractmethod
    def place(self) -> str:
        """The server that is meant, without user and password."""

    @abstractmethod
    def session(self) -> AbstractAsyncContextManager[Session]:
        """One transaction."""

    async def again(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """What the work gives, which is done in a session."""
        for tries in range(1, TRIES + 1):
            begun = False
            try:
                async with self.session() as session:
                    begun = True
                    return await work(session)
            except StoreLost:
                if not begun or tries == TRIES:
                    raise
            except TimeoutError as error:
                if not begun or tries == TRIES:
                    raise StoreLost(f"{self.place} did not answer in time, {tries} times: see store.url") from error
        raise AssertionError("the last try returns or raises")

    async def fetch(self, query: str, *args: Any, timeout: float | None = None) -> list[asyncpg.Record]:
        """All rows of one statement."""
        return await self.again(lambda session: session.fetch(query, *args, timeout=timeout))

    async def fetchrow(self, query: str, *args: Any, timeout: float | None = None) -> asyncpg.Record | None:
        """The first row of one statement, or None."""
        return await self.again(lambda session: session.fetchrow(query, *args, timeout=timeout))

    async def fetchval(self, query: str, *args: Any, timeout: float | None = None) -> Any:
        """The first column of the first row of one statement, or None."""
        return await self.again(lambda session: session.fetchval(query, *args, timeout=timeout))

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:
        """The tag of one statement."""
        return await self.again(lambda session: session.execute(query, *args, timeout=timeout))
