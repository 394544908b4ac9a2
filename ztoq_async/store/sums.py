"""Sums of the journal under the row that others belong to, however many kinds lie between."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ztoq_async.resources.database import Database

LONG_S = 300.0


class Sum(msgspec.Struct, frozen=True):
    """What became of the rows of one kind below one row; `key` is "" for rows that belong to none."""

    key: str
    number: int
    verified: int
    different: int
    refused: int
    unseen: int


async def sums(database: Database, number: int, chain: Sequence[str]) -> list[Sum]:
    """The counted rows of the pass of the first kind of a chain, summed up under the rows of its last kind.

    Each kind of the chain is that of a parent of the one before; one row for each key, in no order.
    """
    steps = range(1, len(chain))
    joins = "".join(f" LEFT JOIN journal j{at} ON j{at}.kind = ${at + 2} AND j{at}.key = {_parent(at)}" for at in steps)
    query = (
        f"SELECT coalesce(j{len(chain) - 1}.key, '') AS key, count(*) AS number, "
        "count(*) FILTER (WHERE j0.seen_pass = $1 AND j0.differences = '{}') AS verified, "
        "count(*) FILTER (WHERE j0.seen_pass = $1 AND j0.differences <> '{}') AS different, "
        "count(*) FILTER (WHERE j0.state = 'refused') AS refused, "
        "count(*) FILTER (WHERE j0.state = 'done' AND j0.seen_pass <> $1) AS unseen "
        f"FROM journal j0{joins} WHERE j0.kind = $2 AND j0.counted AND j0.pass >= $1 GROUP BY 1"
    )
    rows = await database.fetch(query, number, *chain, timeout=LONG_S)
    return [Sum(**dict(row)) for row in rows]


def _parent(at: int) -> str:
    """The key of a row's first parent of the kind that comes next in the chain."""
    kind = f"${at + 2}"
    return (
        f"(SELECT substr(name, length({kind}) + 2) FROM unnest(j{at - 1}.parents) AS name "
        f"WHERE starts_with(name, {kind} || ':') LIMIT 1)"
    )
