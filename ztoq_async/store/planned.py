"""Planned rows in the journal: written with their edges, in the transaction of the caller.

A store that is filled has no statistics yet: every statement looks rows up one by one by their names or ids, so that
no plan of PostgreSQL's can read the whole journal for a batch.
"""

from __future__ import annotations

from collections.abc import Sequence

from ztoq_async.plan import Row
from ztoq_async.resources.session import Session
from ztoq_async.store.chains import Chains
from ztoq_async.store.statements import CONNECT, FORGET_EDGES, INSERT, LATE, WAITING
from ztoq_async.store.words import storable

_SEPARATOR = "\x1f"


async def insert(session: Session, rows: Sequence[Row], number: int) -> tuple[list[int], dict[str, int]]:
    """New rows; known ones belong to the pass of that number from now on.

    The ids of all but those that are done already and as they were; by name those of them that are still to be made.
    """
    found = await session.fetch(
        INSERT,
        [row.kind for row in rows],
        [row.key for row in rows],
        [_SEPARATOR.join(row.parents) for row in rows],
        [row.counted for row in rows],
        [storable(row.refusal) for row in rows],
        _SEPARATOR,
        number,
        [row.key for row in rows if row.again],
    )
    still = {f"{row['kind']}:{row['key']}": row["id"] for row in found if row["open"]}
    return [row["id"] for row in found], still


async def connect(session: Session, rows: Sequence[Row], ids: dict[str, int], chains: Chains) -> None:
    """The edges of rows that are still to be made, and for how many others each of them waits.

    What has been sent waits for nothing, but may come back.
    """
    await session.execute(FORGET_EDGES, list(ids.values()))
    waiting = [(row, ids[name]) for row in rows if (name := f"{row.kind}:{row.key}") in ids]
    edges = [(name.partition(":"), child, True) for row, child in waiting for name in row.parents]
    before = await chains.before(session, rows)
    edges += [(name.partition(":"), child, False) for row, child in waiting for name in before[row.key]]
    await session.execute(
        CONNECT,
        [kind for (kind, _, _), _, _ in edges],
        [key for (_, _, key), _, _ in edges],
        [child for _, child, _ in edges],
        [hard for _, _, hard in edges],
    )
    await session.execute(WAITING, list(ids.values()))


async def late(session: Session, rows: Sequence[Row], ids: dict[str, int]) -> int:
    """How many of the rows are done although one that belongs before them is still to be made."""
    pairs = [(row, name.partition(":")) for row in rows if f"{row.kind}:{row.key}" not in ids for name in row.after]
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
