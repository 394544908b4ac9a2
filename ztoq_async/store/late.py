"""What the store knows of requests that may take effect late: rows that were sent again, and orphans (rules 7, 8)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ztoq_async.resources.database import Database
from ztoq_async.store.journal import Journal
from ztoq_async.store.overview import KNOWN, Known, known
from ztoq_async.store.statements import LISTED_AGAIN


class Orphan(msgspec.Struct, frozen=True):
    """An object that an overtaken engine made."""

    kind: str
    key: str
    target_id: int


class Late:
    """Reads and settles them, as the engine of one epoch."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal

    async def resent(self, kind: str, source: str, settle_s: float, *, listed: bool) -> tuple[list[Known], float]:
        """The rows whose parents are to be listed again, and the seconds until the last of them has settled.

        With `listed` also those of which that was done before: all that were ever sent again.
        """
        condition = "AND j.resent" if listed else "AND j.relist"
        async with self._database.session() as session:
            rows = await session.fetch(f"{KNOWN}{condition} ORDER BY j.id", kind, source)
            age = await session.fetchval(
                "SELECT extract(epoch FROM min(now() - sent_at))::float8 FROM journal WHERE id = ANY($1::bigint[])",
                [row["id"] for row in rows],
            )
        return [known(row) for row in rows], 0.0 if age is None else max(0.0, settle_s - age)

    async def listed_again(self, rows: Sequence[int]) -> None:
        """The parents of these rows were listed after all that was sent for them had settled."""
        await self._journal.write(lambda session: session.execute(LISTED_AGAIN, list(rows)))

    async def age(self, row: int) -> float | None:
        """Seconds since a row was first sent; None where that was not kept."""
        async with self._database.session() as session:
            found = await session.fetchval(
                "SELECT extract(epoch FROM now() - first_sent_at)::float8 FROM journal WHERE id = $1", row
            )
        return None if found is None else float(found)

    async def orphans(self) -> list[Orphan]:
        """What overtaken engines made: never more than one had in flight, for each that was overtaken."""
        async with self._database.session() as session:
            rows = await session.fetch("SELECT DISTINCT kind, key, target_id FROM orphan ORDER BY target_id")
        return [Orphan(row["kind"], row["key"], row["target_id"]) for row in rows]

    async def forget(self, orphan: Orphan) -> None:
        """It is the journal's own object, or gone."""
        statement = "DELETE FROM orphan WHERE kind = $1 AND key = $2 AND target_id = $3"
        names = orphan.kind, orphan.key, orphan.target_id
        await self._journal.write(lambda session: session.execute(statement, *names))
