"""What rows come after: where that is done or refused, they come after what is before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ztoq_async.plan import Row
from ztoq_async.resources.session import Session

_SETTLED = """
SELECT t.key FROM unnest($2::text[]) AS t(key)
WHERE (SELECT j.state FROM journal j WHERE j.kind = $1 AND j.key = t.key) IN ('done', 'refused')
"""


class Chains:
    """Goes along the chains of one kind at a time, some rows after others; remembers the ends of the last two groups.

    The older one is for a transaction that is made again.
    """

    def __init__(self) -> None:
        self._ends: dict[str, tuple[str, ...]] = {}

    async def before(self, session: Session, rows: Sequence[Row]) -> Mapping[str, tuple[str, ...]]:
        """For the key of each row of a kind the names of those that it must wait for."""
        if not any(row.after for row in rows):
            return {row.key: () for row in rows}
        settled = {row["key"] for row in await session.fetch(_SETTLED, rows[0].kind, [row.key for row in rows])}
        passed, found = dict(self._ends), {}
        for row in rows:
            found[row.key] = tuple(name for last in row.after for name in passed.get(last, (last,)))
            if row.key in settled:
                passed[f"{row.kind}:{row.key}"] = found[row.key]
        end = f"{rows[-1].kind}:{rows[-1].key}"
        self._ends = {**dict(list(self._ends.items())[-1:]), end: passed.get(end, (end,))}
        return found
