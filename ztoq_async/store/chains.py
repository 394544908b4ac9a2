"""What rows come after: where that is done or refused, they come after what is before it; where it is sent, after both.

What is sent or in doubt waits for nothing any more, so it holds nobody back for what belongs before it: that may have
been refused then, and have got another chance since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ztoq_async.plan import Row
from ztoq_async.resources.session import Session
from ztoq_async.store.transitions import DONE, DOUBT, REFUSED, SENT

ON_THEIR_WAY = (SENT, DOUBT)
_STATES = """
SELECT t.key, (SELECT j.state FROM journal j WHERE j.kind = $1 AND j.key = t.key) AS state
FROM unnest($2::text[]) AS t(key)
"""


class Chains:
    """Goes along chains, some rows after others; what comes after a row may be many groups later (siblings in a tree).

    It remembers the end of a group, and rows that pass something on, which only those do that are in doubt or behind
    one with a second chance: until what comes after them was here, and a group longer, for a transaction that is made
    again.
    """

    def __init__(self) -> None:
        self._passed: dict[str, tuple[str, ...]] = {}
        self._used: set[str] = set()

    async def before(self, session: Session, rows: Sequence[Row]) -> Mapping[str, tuple[str, ...]]:
        """For the key of each row of a kind the names of those that it must wait for."""
        if not any(row.after for row in rows):
            return {row.key: () for row in rows}
        answer = await session.fetch(_STATES, rows[0].kind, [row.key for row in rows])
        states = {row["key"]: row["state"] for row in answer}
        passed, used = dict(self._passed), set[str]()
        found: dict[str, tuple[str, ...]] = {}
        for row in rows:
            name = f"{row.kind}:{row.key}"
            found[row.key] = tuple(other for last in row.after for other in passed.get(last, (last,)))
            used.update(last for last in row.after if last in passed)
            passed.pop(name, None)
            if states[row.key] in (DONE, REFUSED):
                passed[name] = found[row.key]
            elif states[row.key] in ON_THEIR_WAY:
                passed[name] = (*found[row.key], name)
        over, end = self._used - used, f"{rows[-1].kind}:{rows[-1].key}"
        self._passed = {name: passed[name] for name in passed if name not in over and (passed[name] or name == end)}
        self._used = used
        return found
