"""A database that explains each statement before it is carried out, and keeps nothing of either.

PostgreSQL plans a prepared statement for its arguments the first five times, and may then use a plan for any: what a
connection uses at first and what it uses from then on are both explained.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

from ztoq_async.resources.again import Repeating
from ztoq_async.resources.database import Database
from ztoq_async.resources.session import Session

EXPLAINED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
PLANNED_FOR_ARGUMENTS = 5
WHOLE = ("Seq Scan",)


@dataclass(frozen=True)
class Plan:
    """What PostgreSQL did for a statement. `buffers` are the pages of 8 kB that it touched, each time that it did."""

    statement: str
    root: dict[str, Any]
    for_any: bool

    @property
    def buffers(self) -> int:
        return _touched(self.root)

    @property
    def nodes(self) -> list[dict[str, Any]]:
        """All of the tree."""
        return list(_below(self.root))

    @property
    def read_whole(self) -> set[str]:
        """The tables that were read from the first row to the last."""
        return {node["Relation Name"] for node in self.nodes if node["Node Type"] in WHOLE}

    @property
    def indexes(self) -> set[str]:
        """The indexes that rows were looked up in."""
        return {node["Index Name"] for node in self.nodes if "Index Name" in node}

    def __str__(self) -> str:
        words = (_words(node) for node in self.nodes)
        head = f"{self.buffers} buffers, planned for {'any arguments' if self.for_any else 'these arguments'}"
        return "\n  ".join([self.statement.strip(), head, *words])


def _below(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _below(child)


def _touched(node: dict[str, Any]) -> int:
    return int(node.get("Shared Hit Blocks", 0) + node.get("Shared Read Blocks", 0))


def _words(node: dict[str, Any]) -> str:
    names = " ".join(str(node[name]) for name in ("Relation Name", "Index Name") if name in node)
    rows = node.get("Actual Rows", node["Plan Rows"])
    return f"{node['Node Type']} {names}: {_touched(node)} buffers, {rows} rows, {node.get('Actual Loops', 1)} times"


class Explaining(Session):
    """A session that explains: `plans` has two for each statement that was carried out.

    Without `analyse` they are what PostgreSQL means to do, without counts: large groups take long otherwise.
    """

    def __init__(self, session: Session, *, analyse: bool) -> None:
        self.bare = session
        self._how = "ANALYZE, BUFFERS, FORMAT JSON" if analyse else "FORMAT JSON"
        self.plans: list[Plan] = []

    async def fetch(self, query: str, *args: Any, timeout: float | None = None) -> Any:
        await self._explain(query, args)
        return await self.bare.fetch(query, *args, timeout=timeout)

    async def fetchrow(self, query: str, *args: Any, timeout: float | None = None) -> Any:
        await self._explain(query, args)
        return await self.bare.fetchrow(query, *args, timeout=timeout)

    async def fetchval(self, query: str, *args: Any, timeout: float | None = None) -> Any:
        await self._explain(query, args)
        return await self.bare.fetchval(query, *args, timeout=timeout)

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:
        await self._explain(query, args)
        return await self.bare.execute(query, *args, timeout=timeout)

    async def copy_records(self, table: str, records: Any, columns: Any, *, timeout: float | None = None) -> int:
        """COPY has no plan."""
        return await self.bare.copy_records(table, records, columns, timeout=timeout)

    async def _explain(self, query: str, args: tuple[Any, ...]) -> None:
        if not query.split(maxsplit=1)[0].startswith(EXPLAINED):
            return
        await self.bare.execute(f"PREPARE pinned AS {query}")
        try:
            call = f"EXECUTE pinned{await self._literals(args)}"
            for number in range(PLANNED_FOR_ARGUMENTS + 1):
                if number in (0, PLANNED_FOR_ARGUMENTS):
                    self.plans.append(Plan(query, await self._analysed(call), for_any=number > 0))
                else:
                    await self.bare.execute(f"EXPLAIN {call}")
        finally:
            await self.bare.execute("DEALLOCATE pinned")

    async def _literals(self, args: tuple[Any, ...]) -> str:
        """The arguments as SQL: EXECUTE takes no parameters."""
        if not args:
            return ""
        types = await self.bare.fetchval(
            "SELECT parameter_types::text[] FROM pg_prepared_statements WHERE name = 'pinned'"
        )
        quoted = ", ".join(f"format('%L', ${place}::{name}::text)" for place, name in enumerate(types, start=1))
        return f"({', '.join(await self.bare.fetchval(f'SELECT ARRAY[{quoted}]', *args))})"

    async def _analysed(self, call: str) -> dict[str, Any]:
        await self.bare.execute("SAVEPOINT explained")
        found = await self.bare.fetchval(f"EXPLAIN ({self._how}) {call}")
        await self.bare.execute("ROLLBACK TO SAVEPOINT explained")
        plan: dict[str, Any] = json.loads(found)[0]["Plan"]
        return plan


class ExplainedDatabase(Repeating):
    """A store's database whose sessions are all one, which is rolled back at the end."""

    place = "the explained store"

    def __init__(self, session: Explaining) -> None:
        self.bare = session.bare
        self.plans = session.plans
        self._one = session

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        yield self._one


@contextlib.asynccontextmanager
async def explained(dsn: str, *, analyse: bool = True) -> AsyncIterator[ExplainedDatabase]:
    """The database behind a DSN; what is done in the block is explained and never there for others."""
    async with Database(dsn) as database, database.dedicated() as session:
        await session.execute("BEGIN")
        try:
            yield ExplainedDatabase(Explaining(session, analyse=analyse))
        finally:
            await session.execute("ROLLBACK")
