"""Archive and journal beside bare SQL on the same server, rows of the same width, one transaction a group."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path

from benchmarks.measure import Figure, Size, speed_ratios
from ztoq_async.mapping.kind import Made
from ztoq_async.plan import Row
from ztoq_async.resources.database import Database
from ztoq_async.store import passes
from ztoq_async.store.archive import Archive, Read, Reading
from ztoq_async.store.embedded import EmbeddedPostgres
from ztoq_async.store.journal import Journal
from ztoq_async.store.schema import upgrade
from ztoq_async.store.tenure import Tenure, tenure
from ztoq_async.store.transitions import DONE, Transition

PAGE, GROUP = 1000, 128
RECORD = b'{"objective": "' + b"x" * 2000 + b'"}'
COLUMNS = ("source", "key", "pass", "record", "fault", "place")
AT_LEAST = 0.7
_SENT = "UPDATE bare SET state = 'sent', epoch = 1, sent_at = now() WHERE id = ANY($1::bigint[]) RETURNING id"
_DONE = (
    "UPDATE bare j SET state = 'done', target_id = t.target "
    "FROM unnest($1::bigint[], $2::bigint[]) AS t(id, target) WHERE j.id = t.id"
)


class Store:
    """An embedded server of its own, with this engine's tables and bare ones beside them."""

    def __init__(self, database: Database, held: Tenure, number: int) -> None:
        self._database = database
        self._held = held
        self._number = number

    async def archive(self, items: int) -> None:
        """Pages as the reading lane writes them."""
        archive = Archive(self._database, self._held, self._number)
        for page in _pages(items):
            await archive.add_page("test-case", [Read(key, RECORD) for key in page], Reading())

    async def copy(self, items: int) -> None:
        """The same by COPY alone."""
        for page in _pages(items):
            rows = [("test-case", key, 1, RECORD, "", "") for key in page]
            async with self._database.session() as session:
                await session.copy_records("bare", rows, COLUMNS)

    async def journal(self, items: int) -> None:
        """Rows are claimed and done in groups, as a run does it: what is done goes with the next claim."""
        journal = Journal(self._database, self._held, self._number)
        for _ in range(0, items, GROUP):
            rows = await journal.claim("module", "", GROUP)
            for row in rows:
                journal.hand_over(Transition(row.id, DONE, Made(row.id), "created"))
        await journal.flush()

    async def update(self, items: int) -> None:
        """The same by two statements a group."""
        ids = list(range(1, items + 1))
        for start in range(0, items, GROUP):
            group = ids[start : start + GROUP]
            async with self._database.session() as session:
                await session.fetch(_SENT, group)
            async with self._database.session() as session:
                await session.execute(_DONE, group, group)

    async def empty(self, like: str) -> None:
        """The tables as new, and a bare one like one of them."""
        await self._run("TRUNCATE archive, journal, journal_edge RESTART IDENTITY")
        await self._run("DROP TABLE IF EXISTS bare")
        await self._run(f"CREATE TABLE bare (LIKE {like} INCLUDING ALL)")

    async def plan(self, items: int) -> None:
        """Rows to be made, in the journal and in the bare table."""
        rows = [Row("module", key) for page in _pages(items) for key in page]
        await Journal(self._database, self._held, self._number).plan(rows)
        await self._run(
            "INSERT INTO bare (kind, key, state, pass) SELECT kind, key, state, pass FROM journal ORDER BY id"
        )
        await self._run("ANALYZE")

    async def _run(self, statement: str) -> None:
        async with self._database.session() as session:
            await session.execute(statement)


def figures(size: Size) -> Iterable[Figure]:
    """Rows a second of the engine to those of the bare statements."""
    with asyncio.Runner() as runner, contextlib.ExitStack() as stack:
        store = runner.run(_opened(runner, stack))

        def seconds(like: str, work: Callable[[int], Awaitable[None]], *, planned: bool) -> Callable[[], float]:
            async def timed() -> float:
                await store.empty(like)
                if planned:
                    await store.plan(size.items)
                start = time.perf_counter()
                await work(size.items)
                return time.perf_counter() - start

            return lambda: runner.run(timed())

        copies = seconds("archive", store.archive, planned=False), seconds("archive", store.copy, planned=False)
        moves = seconds("journal", store.journal, planned=True), seconds("journal", store.update, planned=True)
        for name, what, (ours, bare) in (
            ("archive", f"pages of {PAGE} records to COPY", copies),
            ("journal", f"groups of {GROUP}, claimed and done, to two UPDATEs", moves),
        ):
            yield Figure(f"store-{name}", what, speed_ratios(ours, bare, size.rounds), at_least=AT_LEAST)


def _pages(items: int) -> Iterable[Sequence[str]]:
    for start in range(0, items, PAGE):
        yield [f"BENCH-T{number}" for number in range(start, min(items, start + PAGE))]


async def _opened(runner: asyncio.Runner, stack: contextlib.ExitStack) -> Store:
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmarks-"))
    closing = contextlib.AsyncExitStack()
    stack.callback(lambda: runner.run(closing.aclose()))
    server = await closing.enter_async_context(EmbeddedPostgres(Path(folder) / "store"))
    database = await closing.enter_async_context(Database(server.dsn))
    await upgrade(database)
    held = await closing.enter_async_context(tenure(database, "zephyr", "qtest", 1.0))
    return Store(database, held, await passes.open_pass(database, "all"))
