"""Rows whose objects are changed or made anew: what differs, what is on its way, what was there before.

A change is a PUT: it may be sent again, so its row stays `done`, and only says that a change is on its way (protocol
rule 13). What others were made of an object as it was, before it was changed, stays known with the epoch of the change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence

import msgspec

from ztoq_async.mapping.kind import Made
from ztoq_async.resources.database import Database
from ztoq_async.resources.session import Session
from ztoq_async.store.journal import Journal
from ztoq_async.store.overview import Known, batches
from ztoq_async.store.statements import WAITING, WAITING_FOR


class Former(msgspec.Struct, frozen=True):
    """What a row was before the epoch `until`: the detail of which it was made, and what it kept for its children."""

    until: int
    detail: bytes
    made: Made


class Arrived(msgspec.Struct, frozen=True):
    """A row whose object is as it should be again, but for what nobody can change; `digest` is what it shows."""

    id: int
    made: Made
    digest: bytes | None
    differences: list[str]


class Left(msgspec.Struct, frozen=True):
    """A row whose object differs after all; `digest` is what a change left there, None where none was applied."""

    id: int
    digest: bytes | None


class Changes:
    """The rows of one pass that a run or a repair changes."""

    def __init__(self, database: Database, journal: Journal, number: int) -> None:
        self._database = database
        self._journal = journal
        self._pass = number

    async def rows(self, kind: str, source: str) -> AsyncIterator[list[Known]]:
        """Those of a kind that verification found to differ, or whose change was not seen to arrive, in batches."""
        condition = (
            "AND j.state = 'done' AND j.pass >= $5 AND j.seen_pass = $5 AND (j.differences <> '{}' OR j.changing)"
        )
        async for rows in batches(self._database, condition, kind, source, self._pass):
            yield rows

    async def begin(self, ids: Sequence[int]) -> None:
        """Changes of these rows will be sent: whatever ends the engine now, they are known for its own."""
        statement = "UPDATE journal SET changing = true WHERE id = ANY($1::bigint[])"
        if ids:
            await self._journal.write(lambda session: session.execute(statement, ids))

    async def arrived(self, source: str, rows: Sequence[Arrived]) -> None:
        """These were changed, and are as they should be: what they were stays known for what was made of it."""

        async def write(session: Session) -> None:
            ids = [row.id for row in rows]
            await session.execute(_KEEP_FORMER, ids, source, self._journal.epoch)
            await session.execute(_FORGET_DETAIL, ids, source)
            await session.execute(
                _ARRIVED,
                self._pass,
                ids,
                [row.made.version_id for row in rows],
                [",".join(map(str, row.made.step_ids)) for row in rows],
                [row.digest for row in rows],
                ["\x1f".join(row.differences) for row in rows],
            )

        await self._journal.write(write)
        self._journal.forget_refs()

    async def left(self, rows: Sequence[Left]) -> None:
        """No change of these is on its way any more: what differs from now on is people's, but for what we left."""
        arrays = [row.id for row in rows], [row.digest for row in rows]
        if rows:
            await self._journal.write(lambda session: session.execute(_LEFT, *arrays))

    async def make_again(self, ids: Sequence[int]) -> None:
        """These done rows are to be made again: their objects are gone, or their calls must follow a change."""

        async def write(session: Session) -> None:
            await session.execute(_AGAIN, ids)
            await session.execute("DELETE FROM journal_edge WHERE child = ANY($1::bigint[]) AND hard", ids)
            await session.execute(_CONNECT, ids)
            await session.execute(WAITING, ids)
            await session.execute(WAITING_FOR, ids)

        if ids:
            await self._journal.write(write)
            self._journal.forget_refs()

    async def look_again(self, ids: Sequence[int]) -> None:
        """Verification has not seen these yet: more was done to them."""
        statement = "UPDATE journal SET seen_pass = 0 WHERE id = ANY($1::bigint[])"
        await self._journal.write(lambda session: session.execute(statement, ids))

    async def followers(self, kinds: Collection[str], names: Collection[str]) -> dict[str, list[tuple[int, str]]]:
        """The done rows of these kinds below the named ones: parent's name to id and kind."""
        rows = await self._database.fetch(_FOLLOWERS, list(kinds), list(names))
        found: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for row in rows:
            found[row["name"]].append((row["id"], row["kind"]))
        return found

    async def formers(self, names: Iterable[str]) -> Mapping[str, list[Former]]:
        """What the named rows were earlier, oldest first; most have never been changed."""
        pairs = [name.partition(":") for name in names]
        rows = await self._database.fetch(_FORMERS, [kind for kind, _, _ in pairs], [key for _, _, key in pairs])
        found: dict[str, list[Former]] = defaultdict(list)
        for row in rows:
            made = Made(row["target_id"], row["version_id"], tuple(row["step_ids"]))
            found[row["name"]].append(Former(row["until"], row["detail"], made))
        return found


_KEEP_FORMER = """
INSERT INTO former (kind, key, until, detail, version_id, step_ids)
SELECT j.kind, j.key, $3, coalesce(a.made_detail, a.detail, ''), j.version_id, j.step_ids
FROM journal j LEFT JOIN archive a ON a.source = $2 AND a.key = j.key
WHERE j.id = ANY($1::bigint[]) AND j.step_ids <> '{}' ON CONFLICT DO NOTHING
"""

_FORGET_DETAIL = """
UPDATE archive a SET made_detail = NULL FROM journal j
WHERE j.id = ANY($1::bigint[]) AND a.source = $2 AND a.key = j.key AND a.made_detail IS NOT NULL
"""

_ARRIVED = """
UPDATE journal j SET version_id = t.version, step_ids = string_to_array(t.steps, ',')::bigint[], changing = false,
    touched = false, shown = t.digest, seen_pass = $1, differences = string_to_array(t.words, chr(31)),
    changed_pass = $1
FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::bytea[], $6::text[]) AS t(id, version, steps, digest, words)
WHERE j.id = t.id
"""

_LEFT = """
UPDATE journal j SET changing = false, shown = coalesce(t.digest, j.shown)
FROM unnest($1::bigint[], $2::bytea[]) AS t(id, digest) WHERE j.id = t.id
"""

_AGAIN = """
UPDATE journal SET state = 'pending', reason = '', seen_pass = 0, differences = '{}', changing = false, shown = NULL
WHERE id = ANY($1::bigint[]) AND state = 'done'
"""

_CONNECT = """
INSERT INTO journal_edge (parent, child, hard) SELECT p.id, c.id, true
FROM journal c CROSS JOIN LATERAL unnest(c.parents) AS n(name)
JOIN journal p ON p.kind = split_part(n.name, ':', 1) AND p.key = substr(n.name, strpos(n.name, ':') + 1)
WHERE c.id = ANY($1::bigint[]) ON CONFLICT (parent, child) DO UPDATE SET hard = true
"""

_FOLLOWERS = """
SELECT n.name, c.id, c.kind FROM journal c CROSS JOIN LATERAL unnest(c.parents) AS n(name)
WHERE c.kind = ANY($1) AND c.state = 'done' AND n.name = ANY($2) ORDER BY c.id
"""

_FORMERS = """
SELECT f.kind || ':' || f.key AS name, f.until, f.detail, f.version_id, f.step_ids, j.target_id
FROM unnest($1::text[], $2::text[]) AS t(kind, key) JOIN former f USING (kind, key) JOIN journal j USING (kind, key)
ORDER BY f.until
"""
