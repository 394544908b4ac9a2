"""Planned rows in the journal: written with their edges, in the transaction of the caller."""

from __future__ import annotations

from collections.abc import Sequence

from ztoq_async.plan import Row
from ztoq_async.resources.session import Session
from ztoq_async.store.statements import FORGET_EDGES, LATE, WAITS
from ztoq_async.store.words import storable

_SEPARATOR = "\x1f"


async def insert(session: Session, rows: Sequence[Row], number: int) -> None:
    """New rows; known ones belong to the pass of that number from now on."""
    await session.execute(
        "INSERT INTO journal (kind, key, parents, counted, state, reason, pass) "
        "SELECT kind, key, string_to_array(parents, $6), counted, "
        "CASE reason WHEN '' THEN 'pending' ELSE 'refused' END, reason, $7 "
        "FROM unnest($1::text[], $2::text[], $3::text[], $4::bool[], $5::text[]) "
        "AS t(kind, key, parents, counted, reason) "
        "ON CONFLICT (kind, key) DO UPDATE SET pass = excluded.pass, counted = excluded.counted, "
        "lacks = false, parents = excluded.parents, "
        "state = CASE WHEN journal.state = 'refused' OR (journal.state = 'done' AND journal.key = ANY($8)) "
        "THEN excluded.state ELSE journal.state END, "
        "reason = CASE WHEN journal.state = 'refused' THEN excluded.reason ELSE journal.reason END",
        [row.kind for row in rows],
        [row.key for row in rows],
        [_SEPARATOR.join(row.parents) for row in rows],
        [row.counted for row in rows],
        [storable(row.refusal) for row in rows],
        _SEPARATOR,
        number,
        [row.key for row in rows if row.again],
    )


async def connect(session: Session, rows: Sequence[Row]) -> None:
    """The edges of rows that are still to be made, and for how many others each of them waits."""
    await session.execute(FORGET_EDGES, [row.kind for row in rows], [row.key for row in rows])
    edges = [(row, name, True) for row in rows for name in row.parents]
    edges += [(row, name, False) for row in rows for name in row.after]
    await session.execute(
        "INSERT INTO journal_edge (parent, child, hard) SELECT p.id, c.id, t.hard "
        "FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bool[]) AS t(pk, pn, ck, cn, hard) "
        "JOIN journal p ON p.kind = t.pk AND p.key = t.pn "
        "JOIN journal c ON c.kind = t.ck AND c.key = t.cn AND c.state = 'pending' ON CONFLICT DO NOTHING",
        [name.partition(":")[0] for _, name, _ in edges],
        [name.partition(":")[2] for _, name, _ in edges],
        [row.kind for row, _, _ in edges],
        [row.key for row, _, _ in edges],
        [hard for _, _, hard in edges],
    )
    await session.execute(
        WAITS + "AND (c.kind, c.key) IN (SELECT * FROM unnest($1::text[], $2::text[]))",
        [row.kind for row in rows],
        [row.key for row in rows],
    )


async def late(session: Session, rows: Sequence[Row]) -> int:
    """How many of the rows are done although one that belongs before them is still to be made."""
    pairs = [(row, name.partition(":")) for row in rows for name in row.after]
    if not pairs:
        return 0
    found = await session.fetchval(
        LATE,
        [row.kind for row, _ in pairs],
        [row.key for row, _ in pairs],
        [kind for _, (kind, _, _) in pairs],
        [key for _, (_, _, key) in pairs],
    )
    return int(found)
