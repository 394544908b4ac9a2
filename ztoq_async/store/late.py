"""What the store knows of requests that may take effect late: rows that were sent again, and orphans (rules 7, 8)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import msgspec

from ztoq_async.resources.database import Database
from ztoq_async.store.journal import Journal
from ztoq_async.store.overview import Known, batches
from ztoq_async.store.statements import LISTED_AGAIN

_WHICH = {False: "AND j.relist", True: "AND j.resent"}


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

    async def settled_in(self, kind: str, settle_s: float, *, listed: bool) -> float | None:
        """Seconds until the last row has settled whose parent is to be listed again; None if there is none.

        With `listed` also those of which that was done before count: all that were ever sent again.
        """
        query = (
            f"SELECT extract(epoch FROM min(now() - sent_at))::float8 FROM journal j WHERE kind = $1 {_WHICH[listed]}"
        )
        age = await self._database.fetchval(query, kind)
        return None if age is None else max(0.0, settle_s - age)

    async def resent(self, kind: str, source: str, *, listed: bool) -> AsyncIterator[list[Known]]:
        """These rows, in batches."""
        async for rows in batches(self._database, _WHICH[listed], kind, source):
            yield rows

    async def listed_again(self, rows: Sequence[int]) -> None:
        """The parents of these rows were listed after all that was sent for them had settled."""
        await self._journal.write(lambda session: session.execute(LISTED_AGAIN, list(rows)))

    async def age(self, row: int) -> float | None:
        """Seconds since a row was first sent; None where that was not kept."""
        found = await self._database.fetchval(
            "SELECT extract(epoch FROM now() - first_sent_at)::float8 FROM journal WHERE id = $1", row
        )
        return None if found is None else float(found)

    async def orphans(self) -> list[Orphan]:
        """What overtaken engines made: never more than one had in flight, for each that was overtaken."""
        rows = await self._database.fetch("SELECT DISTINCT kind, key, target_id FROM orphan ORDER BY target_id")
        return [Orphan(row["kind"], row["key"], row["target_id"]) for row in rows]

    async def forget(self, orphan: Orphan) -> None:
        """It is the journal's own object, or gone."""
        statement = "DELETE FROM orphan WHERE kind = $1 AND key = $2 AND target_id = $3"
        names = orphan.kind, orphan.key, orphan.target_id
        await self._journal.write(lambda session: session.execute(statement, *names))
