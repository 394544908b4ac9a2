"""The journal going backwards: what was made, in the order in which it can be deleted; what is gone (rule 19)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

import msgspec

from ztoq_async.resources.database import Database
from ztoq_async.resources.session import Session
from ztoq_async.store.journal import Journal
from ztoq_async.store.overview import KNOWN, Known, known
from ztoq_async.store.statements import GOES, NEVER_CHANGED, STAYS, UNDOES, UNMADE, WAITING_FOR

LONG_S = 300.0
_ORDER = """
WITH RECURSIVE same AS (
    SELECT e.parent, e.child FROM journal c JOIN journal_edge e ON e.child = c.id AND e.hard
    JOIN journal p ON p.id = e.parent AND p.kind = $1 WHERE c.kind = $1
), down AS (
    SELECT child AS id, 1 AS depth FROM same
    UNION
    SELECT same.child, down.depth + 1 FROM down JOIN same ON same.parent = down.id WHERE down.depth < 1000
), deepest AS (
    SELECT id, max(depth) AS depth FROM down GROUP BY id
)
SELECT coalesce(d.depth, 0) AS depth, array_agg(j.id ORDER BY j.parents, j.id) AS ids
FROM journal j LEFT JOIN deepest d USING (id)
WHERE j.kind = $1 AND j.state IN ('done', 'undoing') AND j.target_id > 0 GROUP BY 1 ORDER BY 1 DESC
"""


class Own(msgspec.Struct, frozen=True):
    """The row of an object; `gone` if it was deleted, which a list may not show yet."""

    kind: str
    key: str
    adopted: bool
    gone: bool


class Undone:
    """Reads and writes it, as the engine of one epoch."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal

    async def order(self, kind: str) -> list[list[int]]:
        """The rows of a kind that have an object, in groups: none stands above or is used by one of a later group.

        Those with the same parents are together. A number of eight bytes is held in memory for each.
        """
        rows = await self._database.fetch(_ORDER, kind, timeout=LONG_S)
        return [row["ids"] for row in rows]

    async def rows(self, kind: str, source: str, ids: Sequence[int]) -> list[Known]:
        """Some rows, in that order."""
        found = await self._database.fetch(KNOWN + "AND j.id = ANY($3::bigint[])", kind, source, list(ids))
        by_id = {row["id"]: known(row) for row in found}
        return [by_id[identifier] for identifier in ids if identifier in by_id]

    async def own(self, kinds: Sequence[str], targets: Collection[int]) -> dict[int, Own]:
        """The rows of these kinds that made, or took over, objects with these ids."""
        rows = await self._database.fetch(
            "SELECT kind, key, target_id, origin, state FROM journal WHERE kind = ANY($1) "
            "AND target_id = ANY($2::bigint[]) AND state IN ('done', 'undoing', 'gone')",
            list(kinds),
            list(targets),
        )
        return {
            row["target_id"]: Own(row["kind"], row["key"], row["origin"] == "adopted", row["state"] == "gone")
            for row in rows
        }

    async def below(self, rows: Sequence[int], kinds: Sequence[str]) -> dict[int, dict[str, int]]:
        """How many rows of these kinds, which have objects, go with each of some rows."""
        found = await self._database.fetch(
            "SELECT e.parent, c.kind, count(*) AS n FROM journal_edge e JOIN journal c ON c.id = e.child "
            "WHERE e.parent = ANY($1::bigint[]) AND e.hard AND c.kind = ANY($2) "
            "AND c.state = 'done' AND c.target_id > 0 GROUP BY 1, 2",
            list(rows),
            list(kinds),
        )
        counts: dict[int, dict[str, int]] = {}
        for row in found:
            counts.setdefault(row["parent"], {})[row["kind"]] = row["n"]
        return counts

    async def gone(self) -> Counter[str]:
        """How many rows of each kind had an object that is gone."""
        query = "SELECT kind, count(*) AS n FROM journal WHERE state = 'gone' AND target_id > 0 GROUP BY kind"
        return Counter({row["kind"]: row["n"] for row in await self._database.fetch(query)})

    async def made(self, kind: str) -> int:
        """How many objects of a kind were made, and not taken over."""
        query = (
            "SELECT count(*) FROM journal WHERE kind = $1 AND state = 'done' AND target_id > 0 AND origin <> 'adopted'"
        )
        return int(await self._database.fetchval(query, kind))

    async def settling(self, settle_s: float) -> float:
        """Seconds until what was made last has settled: lists may not show it yet."""
        age = await self._database.fetchval(
            "SELECT extract(epoch FROM now() - max(sent_at))::float8 FROM journal WHERE state = 'done'", timeout=LONG_S
        )
        return 0.0 if age is None else max(0.0, settle_s - age)

    async def unanswered(self, kind: str) -> int:
        """How many rows of a kind were sent and have no known outcome."""
        query = "SELECT count(*) FROM journal WHERE kind = $1 AND state IN ('sent', 'doubt')"
        return int(await self._database.fetchval(query, kind))

    async def undoing(self, kind: str, source: str, settle_s: float) -> tuple[list[Known], float]:
        """The rows whose call to delete has no known outcome, and the seconds until the last one has settled."""
        rows = await self._database.fetch(f"{KNOWN}AND j.state = 'undoing' ORDER BY j.id", kind, source)
        age = await self._database.fetchval(
            "SELECT extract(epoch FROM min(now() - sent_at))::float8 FROM journal "
            "WHERE kind = $1 AND state = 'undoing'",
            kind,
        )
        return [known(row) for row in rows], 0.0 if age is None else max(0.0, settle_s - age)

    async def undoes(self, rows: Sequence[int]) -> None:
        """The calls that delete their objects are about to leave."""
        await self._write(UNDOES, list(rows))

    async def stays(self, rows: Sequence[int]) -> None:
        """Their objects are still there, and no call is under way."""
        await self._write(STAYS, list(rows))

    async def goes(self, rows: Sequence[int], along: Sequence[str], source: str) -> None:
        """Their objects are gone, and with them what rows of the kinds `along` have made of them."""

        async def write(session: Session) -> None:
            gone = [row["id"] for row in await session.fetch(GOES, list(rows), list(along))]
            await session.execute(UNMADE, source, gone)
            await session.execute(NEVER_CHANGED, gone)
            await session.execute(WAITING_FOR, gone)

        await self._journal.write(write)
        self._journal.forget_refs()

    async def _write(self, statement: str, rows: list[int]) -> None:
        await self._journal.write(lambda session: session.execute(statement, rows))
