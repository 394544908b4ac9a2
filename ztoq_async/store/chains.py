"""What rows come after: where that is done or refused, they come after what is before it; where it is sent, after both.

What is sent or in doubt waits for nothing any more, so it holds nobody back for what belongs before it: that may have
been refused then, and have got another chance since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ztoq_async.plan import Row
from ztoq_async.resources.session import Session
from ztoq_async.store.transitions import DONE, DOUBT, REFUSED, SENT

_STATES = """
SELECT t.key, (SELECT j.state FROM journal j WHERE j.kind = $1 AND j.key = t.key) AS state
FROM unnest($2::text[]) AS t(key)
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
        answer = await session.fetch(_STATES, rows[0].kind, [row.key for row in rows])
        states = {row["key"]: row["state"] for row in answer}
        passed, found = dict(self._ends), {}
        for row in rows:
            name = f"{row.kind}:{row.key}"
            found[row.key] = tuple(other for last in row.after for other in passed.get(last, (last,)))
            if states[row.key] in (DONE, REFUSED):
                passed[name] = found[row.key]
            elif states[row.key] in (SENT, DOUBT):
                passed[name] = (*found[row.key], name)
        end = f"{rows[-1].kind}:{rows[-1].key}"
        self._ends = {**dict(list(self._ends.items())[-1:]), end: passed.get(end, (end,))}
        return found
