"""Questions to the journal and the ledger: doubts, counts, what verification saw."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence

import msgspec

from ztoq_async.mapping.kind import Item
from ztoq_async.resources.database import Database

BATCH = 500


class Doubt(msgspec.Struct, frozen=True):
    """A row in doubt: `wait_s` is how long it must still settle."""

    id: int
    key: str
    parents: tuple[str, ...]
    wait_s: float
    record: bytes
    detail: bytes


class Known(msgspec.Struct, frozen=True):
    """A row as verification and accounting need it; `target_id` is None until the row is done.

    `epoch` is that of the engine that sent it, 0 for what was adopted; `as_made` a digest of the object as that engine
    made it, where it came back as it should be; `shown` one of the object when it was last found equal; `touched`: it
    differs, and shows something else than it did; `changing`: a change of it is on its way.
    """

    id: int
    key: str
    state: str
    counted: bool
    parents: tuple[str, ...]
    target_id: int | None
    version_id: int | None
    step_ids: tuple[int, ...]
    reason: str
    epoch: int
    as_made: bytes | None
    shown: bytes | None
    touched: bool
    changing: bool
    differences: tuple[str, ...]
    origin: str | None
    resent: bool
    record: bytes
    detail: bytes


class Seen(msgspec.Struct, frozen=True):
    """What verification saw of a row: the names of what differs, and a digest of what the object shows."""

    id: int
    differences: list[str]
    digest: bytes | None = None
    touched: bool = False


_KNOWN = (
    "SELECT j.id, j.key, j.state, j.counted, j.parents, j.target_id, j.version_id, j.step_ids, j.reason, "
    "coalesce(j.epoch, 0) AS epoch, j.as_made, j.shown, j.touched, j.changing, j.differences, "
    "j.origin, j.resent, "
    "coalesce(a.record, '') AS record, coalesce(a.detail, '') AS detail "
    "FROM journal j LEFT JOIN archive a ON a.source = $2 AND a.key = j.key "
)
KNOWN = _KNOWN + "WHERE j.kind = $1 "
BY_KEYS = _KNOWN + "AND NOT (j.epoch = $4 AND j.as_made IS NOT NULL) WHERE j.kind = $1 AND j.key = ANY($3)"


_FAMILY = """
WITH RECURSIVE family AS (
    SELECT j.kind, j.key, j.parents FROM unnest($1::text[], $2::text[]) AS t(kind, key) JOIN journal j USING (kind, key)
    UNION
    SELECT p.kind, p.key, p.parents FROM family f CROSS JOIN LATERAL unnest(f.parents) AS n(name)
    JOIN journal p ON p.kind = split_part(n.name, ':', 1) AND p.key = substr(n.name, strpos(n.name, ':') + 1)
    WHERE p.kind = ANY($3)
)
SELECT f.kind || ':' || f.key AS name, f.key, f.parents,
    coalesce(a.record, '') AS record, coalesce(a.made_detail, a.detail, '') AS detail
FROM family f JOIN unnest($3::text[], $4::text[]) AS s(kind, source) ON s.kind = f.kind
LEFT JOIN archive a ON a.source = s.source AND a.key = f.key
"""


class Overview:
    """Reads what the journal says; `mark` keeps what verification saw."""

    def __init__(self, database: Database, number: int) -> None:
        self._database = database
        self._pass = number

    async def doubts(self, kind: str, source: str) -> list[Doubt]:
        """The rows in doubt of a kind: never more than one engine had in flight, for each engine that died."""
        rows = await self._database.fetch(
            "SELECT j.id, j.key, j.parents, extract(epoch FROM due_at - now())::float8 AS wait, "
            "coalesce(a.record, '') AS record, coalesce(a.detail, '') AS detail FROM journal j "
            "LEFT JOIN archive a ON a.source = $2 AND a.key = j.key "
            "WHERE kind = $1 AND state = 'doubt' ORDER BY j.id",
            kind,
            source,
        )
        return [
            Doubt(row["id"], row["key"], tuple(row["parents"]), row["wait"], row["record"], row["detail"])
            for row in rows
        ]

    async def open_rows(self, kind: str) -> int:
        """How many rows of a kind are not settled yet; those that no pass plans any more are left as they are."""
        query = (
            "SELECT count(*) FROM journal WHERE kind = $1 "
            "AND state IN ('sent', 'doubt', 'pending') AND (state <> 'pending' OR pass >= $2)"
        )
        return int(await self._database.fetchval(query, kind, self._pass))

    async def has_rows(self, kind: str) -> bool:
        """Whether this pass has rows of a kind."""
        query = "SELECT EXISTS (SELECT 1 FROM journal WHERE kind = $1 AND pass >= $2)"
        return bool(await self._database.fetchval(query, kind, self._pass))

    async def not_told(self, kind: str, source: str, most: int) -> list[str]:
        """Keys of rows that wait for details which are there: an engine that ended between the two left them so."""
        rows = await self._database.fetch(
            "SELECT j.key FROM journal j JOIN archive a ON a.source = $2 AND a.key = j.key "
            "WHERE j.kind = $1 AND j.lacks AND j.pass >= $3 "
            "AND a.detail_pass >= $3 AND a.fault = '' LIMIT $4",
            kind,
            source,
            self._pass,
            most,
        )
        return [row["key"] for row in rows]

    async def faulty(self) -> set[str]:
        """The kinds of which this pass has rows that are refused, or done and could not be read or placed again."""
        query = "SELECT DISTINCT kind FROM journal WHERE reason <> '' AND pass >= $1"
        return {row["kind"] for row in await self._database.fetch(query, self._pass)}

    async def done(self, kind: str, keys: Sequence[str]) -> set[str]:
        """Those of the keys whose rows are done, by whichever pass."""
        query = "SELECT key FROM journal WHERE kind = $1 AND state = 'done' AND key = ANY($2)"
        return {row["key"] for row in await self._database.fetch(query, kind, keys)}

    async def unseen(self, kind: str) -> tuple[int, int]:
        """How many done rows of this pass its verification has not seen, and how many there are."""
        query = (
            "SELECT count(*) FILTER (WHERE seen_pass < $2) AS unseen, count(*) AS rows "
            "FROM journal WHERE kind = $1 AND state = 'done' AND pass >= $2"
        )
        row = await self._database.fetchrow(query, kind, self._pass)
        return (row["unseen"], row["rows"]) if row else (0, 0)

    async def seen(self, kind: str) -> tuple[int, int]:
        """How many rows that this pass has made its verification has seen, and how many of them differ."""
        query = (
            "SELECT count(*) AS seen, count(*) FILTER (WHERE differences <> '{}') AS different "
            "FROM journal WHERE kind = $1 AND seen_pass = $2 AND made_pass = $2"
        )
        row = await self._database.fetchrow(query, kind, self._pass)
        return (row["seen"], row["different"]) if row else (0, 0)

    async def family(self, kinds: Mapping[str, str], names: Collection[str]) -> dict[str, Item]:
        """The items of the named rows and of their parents of these kinds (name to source), all the way up.

        Their details are those of which they were made: the target has these, whatever the source has now.
        """
        pairs = [name.partition(":") for name in names]
        rows = await self._database.fetch(
            _FAMILY, [kind for kind, _, _ in pairs], [key for _, _, key in pairs], list(kinds), list(kinds.values())
        )
        return {row["name"]: Item(row["key"], tuple(row["parents"]), row["record"], row["detail"]) for row in rows}

    async def vanished(self) -> int:
        """How many records of earlier passes are in the target, and no longer in the source."""
        query = "SELECT count(*) FROM journal WHERE counted AND state = 'done' AND pass < $1"
        return int(await self._database.fetchval(query, self._pass))

    async def is_made(self, key: str, target_id: int) -> bool:
        """Whether this object was made of a record of that key, of whichever kind."""
        query = "SELECT EXISTS (SELECT 1 FROM journal WHERE key = $1 AND target_id = $2 AND state = 'done')"
        return bool(await self._database.fetchval(query, key, target_id))

    async def all_done(self, kind: str) -> set[str]:
        """The keys of all done rows of a kind: of one that has few."""
        query = "SELECT key FROM journal WHERE kind = $1 AND state = 'done'"
        return {row["key"] for row in await self._database.fetch(query, kind)}

    async def unread(self) -> int:
        """How many records of this pass are in the target, and could not be read or placed again."""
        query = "SELECT count(*) FROM journal WHERE counted AND state = 'done' AND pass >= $1 AND reason <> ''"
        return int(await self._database.fetchval(query, self._pass))

    async def has_sent(self) -> bool:
        """Whether anything was ever sent: if not, the journal is fresh (rule 12)."""
        return bool(await self._database.fetchval("SELECT EXISTS (SELECT 1 FROM journal WHERE attempt > 0)"))

    async def different(self, most: int) -> list[tuple[str, str, list[str]]]:
        """The first records that verification found different: kind, key, names of the fields."""
        rows = await self._database.fetch(
            "SELECT kind, key, differences FROM journal WHERE seen_pass = $1 AND pass >= $1 "
            "AND differences <> '{}' ORDER BY id LIMIT $2",
            self._pass,
            most,
        )
        return [(row["kind"], row["key"], row["differences"]) for row in rows]

    async def different_rows(self) -> int:
        """How many rows verification found different, uncounted ones too."""
        query = "SELECT count(*) FROM journal WHERE seen_pass = $1 AND pass >= $1 AND differences <> '{}'"
        return int(await self._database.fetchval(query, self._pass))

    async def by_keys(self, kind: str, source: str, keys: Sequence[str], *, made_by: int = -1) -> dict[str, Known]:
        """The rows of those keys; those with `as_made` of this epoch come without their records."""
        rows = await self._database.fetch(BY_KEYS, kind, source, list(keys), made_by)
        return {row["key"]: known(row) for row in rows}

    async def rows(self, kind: str, source: str, *, unseen: bool = False) -> AsyncIterator[list[Known]]:
        """The rows of a kind in this pass in batches; `unseen`: the done ones that its verification has not seen."""
        condition = "AND j.pass >= $5 " + ("AND j.state = 'done' AND j.seen_pass < $5" if unseen else "")
        async for rows in batches(self._database, condition, kind, source, self._pass):
            yield rows

    async def unaccounted(self, kind: str, source: str, epoch: int) -> AsyncIterator[list[Known]]:
        """The rows of a kind in this pass in batches, without those that the engine of this epoch has accounted for."""
        condition = "AND j.pass >= $5 AND j.accounted <> $6"
        async for rows in batches(self._database, condition, kind, source, self._pass, epoch):
            yield rows

    async def mark(self, seen: Sequence[Seen]) -> None:
        """Keeps that this pass saw these rows, and how they differ."""
        await self._database.execute(
            "UPDATE journal j SET seen_pass = $1, differences = string_to_array(t.words, chr(31)), "
            "touched = t.touched, shown = CASE WHEN t.words = '' THEN t.digest ELSE j.shown END "
            "FROM unnest($2::bigint[], $3::text[], $4::bytea[], $5::bool[]) AS t(id, words, digest, touched) "
            "WHERE j.id = t.id",
            self._pass,
            [row.id for row in seen],
            ["\x1f".join(row.differences) for row in seen],
            [row.digest for row in seen],
            [row.touched for row in seen],
        )

    async def forget_seen(self) -> None:
        """A verification begins: nothing was seen yet."""
        await self._database.execute(
            "UPDATE journal SET seen_pass = 0, differences = '{}', touched = false WHERE seen_pass > 0"
        )

    async def counts(self) -> dict[str, Counter[str]]:
        """For each kind how many counted rows of this pass are in each state, and how they came there."""
        rows = await self._database.fetch(
            "SELECT kind, CASE WHEN state = 'done' AND changed_pass = $1 THEN 'updated' "
            "WHEN state = 'done' AND made_pass < $1 THEN 'unchanged' "
            "WHEN state = 'done' THEN origin ELSE state END AS word, count(*) AS n, "
            "count(*) FILTER (WHERE seen_pass = $1 AND differences = '{}') AS verified, "
            "count(*) FILTER (WHERE seen_pass = $1 AND differences <> '{}') AS different "
            "FROM journal WHERE counted AND pass >= $1 GROUP BY 1, 2",
            self._pass,
        )
        found: dict[str, Counter[str]] = {}
        for row in rows:
            counter = found.setdefault(row["kind"], Counter())
            counter.update({row["word"]: row["n"], "read": row["n"]})
            counter.update({"verified": row["verified"], "different": row["different"]})
        return found


def known(row: object) -> Known:
    """The row of a query that begins with `KNOWN`."""
    tuples = {name: tuple(row[name]) for name in ("parents", "step_ids", "differences")}  # type: ignore[index]
    return Known(**{**dict(row), **tuples})  # type: ignore[call-overload]


async def batches(
    database: Database, condition: str, kind: str, source: str, *args: object
) -> AsyncIterator[list[Known]]:
    """The rows of a kind for which a condition holds, by id, a batch at a time; `args` begin with its $5."""
    last = 0
    while True:
        query = f"{KNOWN}{condition} AND j.id > $3 ORDER BY j.id LIMIT $4"
        rows = await database.fetch(query, kind, source, last, BATCH, *args)
        if rows:
            last = rows[-1]["id"]
            yield [known(row) for row in rows]
        if len(rows) < BATCH:
            return
