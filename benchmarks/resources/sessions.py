"""`Database.session()` beside bare asyncpg: `acquire()` and `transaction()`, same server and statement."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TypeAlias

import asyncpg

from benchmarks.measure import Figure, Size, speed_ratios
from ztoq_async.resources.database import Database
from ztoq_async.store.embedded import EmbeddedPostgres

One: TypeAlias = Callable[[str], Awaitable[None]]
STATEMENTS = {"session": "INSERT INTO item DEFAULT VALUES", "session-empty": ""}
TASKS = (1, 8)
ITEMS_PER_SESSION = 25
TURNS = 2  # a round is several turns: others on the machine slow both sides alike
AT_LEAST = 0.8


def sessions(size: Size) -> Iterable[Figure]:
    """A session without a statement and with one, one after the other and eight at a time."""
    with asyncio.Runner() as runner, contextlib.ExitStack() as stack:
        ours, bare = runner.run(_opened(runner, stack))
        for tasks in TASKS:
            for name, statement in STATEMENTS.items():

                def seconds(one: One, tasks: int = tasks, statement: str = statement) -> float:
                    return runner.run(_seconds(one, statement, tasks, size.items // ITEMS_PER_SESSION // tasks + 1))

                ratios = speed_ratios(lambda: seconds(ours), lambda: seconds(bare), size.rounds * TURNS)
                what = f"session() to acquire() and transaction(), {statement[:6] or 'no statement'}, {tasks} at a time"
                yield Figure(f"{name}-{tasks}", what, ratios, at_least=AT_LEAST)


async def _opened(runner: asyncio.Runner, stack: contextlib.ExitStack) -> tuple[One, One]:
    """A session of ours and one of asyncpg alone, on a server that ends with the stack."""
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    closing = contextlib.AsyncExitStack()
    stack.callback(lambda: runner.run(closing.aclose()))
    server = await closing.enter_async_context(EmbeddedPostgres(Path(folder) / "store"))
    database = await closing.enter_async_context(Database(server.dsn, max_size=max(TASKS)))
    pool = await closing.enter_async_context(asyncpg.create_pool(server.dsn, min_size=0, max_size=max(TASKS)))
    await pool.execute("CREATE UNLOGGED TABLE item (n int GENERATED ALWAYS AS IDENTITY)")

    async def ours(statement: str) -> None:
        async with database.session() as session:
            if statement:
                await session.execute(statement)

    async def bare(statement: str) -> None:
        async with pool.acquire() as connection, connection.transaction():
            if statement:
                await connection.execute(statement)

    return ours, bare


async def _seconds(one: One, statement: str, tasks: int, each: int) -> float:
    async def loop() -> None:
        for _ in range(each):
            await one(statement)

    started = time.perf_counter()
    await asyncio.gather(*(loop() for _ in range(tasks)))
    return time.perf_counter() - started
