"""Takes back what was made (protocol.md, rule 19): the calls that delete, each committed before it leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from ztoq_async.errors import FenceError, NotSent, QuotaExhausted, Refused, SettingsError, Unauthorised
from ztoq_async.kinds import KINDS, REPORTED
from ztoq_async.lanes.deleting import deleted, shown
from ztoq_async.lanes.judging import DELETED, GONE, SPARED, Judge, Verdict, along
from ztoq_async.lanes.run import Run, plural
from ztoq_async.mapping.kind import Kind
from ztoq_async.resources.batches import batch_processor
from ztoq_async.store.overview import Known

MOST_REASONS = 100
NOT_DELETED = (Unauthorised, NotSent, QuotaExhausted, FenceError, SettingsError)
"""Errors that end the undoing and say that the call took no effect."""


class Undoing:
    """One undoing, kind after kind; nothing is written where the run writes nothing.

    `counts` and `reasons` say what became of each object, `deletes` is the number of calls for it.
    """

    def __init__(self, run: Run, *, include_adopted: bool) -> None:
        self._run = run
        self._judge = Judge(run, include_adopted=include_adopted)
        self.counts = {name: dict.fromkeys((DELETED, SPARED, GONE), 0) for name in REPORTED}
        self.reasons: list[dict[str, Any]] = []
        self.deletes = 0

    async def undo(self, kind: Kind) -> None:
        """Deletes the objects of a kind, those that stand below others or use them first."""
        run, groups = self._run, await self._run.undone.order(kind.name)
        if not groups:
            return
        run.lane("write").begin(f"undoing {plural(kind.name)}", sum(map(len, groups)))
        for ids in groups:
            for batch in batch_processor(ids, 2 * run.settings.limits.in_flight):
                run.check()
                await self._batch(kind, await run.undone.rows(kind.name, kind.source, batch))
                run.lane("write").done += len(batch)

    async def _batch(self, kind: Kind, rows: Sequence[Known]) -> None:
        below = await self._run.undone.below([row.id for row in rows], [other.name for other in along(kind)])
        verdicts = await self._judge.judge(kind, rows)
        going = [row for row in rows if verdicts[row.id].word == DELETED]
        self.deletes += len(going)
        if self._run.writes:
            verdicts |= await self._delete(kind, going)
            await self._goes(kind, [row.id for row in rows if verdicts[row.id].word == GONE])
        for row in rows:
            self._count(kind, row, verdicts[row.id], below.get(row.id, {}))

    def _count(self, kind: Kind, row: Known, verdict: Verdict, below: dict[str, int]) -> None:
        self.counts[kind.reported][verdict.word] += 1
        for other in along(kind):
            if other.reported and other.name in below:
                self.counts[other.reported][verdict.word] += below[other.name]
        if verdict.word == SPARED:
            self._judge.stays(kind, row)
            if len(self.reasons) < MOST_REASONS:
                reason = {"kind": kind.reported, "key": row.key, "id": row.target_id, "reason": verdict.why}
                self.reasons.append(reason)

    async def _delete(self, kind: Kind, rows: Sequence[Known]) -> dict[int, Verdict]:
        """Deletes them at once; the verdicts of those that stay. What has ended is kept, whatever ends the others."""
        await self._run.undone.undoes([row.id for row in rows])
        ended = await asyncio.gather(*(self._delete_one(kind, row) for row in rows))
        outcomes = {row.id: outcome for row, outcome in zip(rows, ended, strict=True)}
        stay = {identifier: outcome for identifier, outcome in outcomes.items() if isinstance(outcome, str)}
        unsent = [identifier for identifier, outcome in outcomes.items() if isinstance(outcome, NOT_DELETED)]
        await self._run.undone.stays([*stay, *unsent])
        await self._goes(kind, [identifier for identifier, outcome in outcomes.items() if outcome is None])
        for outcome in ended:
            if isinstance(outcome, Exception):
                raise outcome
        return {identifier: Verdict(SPARED, f"it could not be deleted: {why}") for identifier, why in stay.items()}

    async def _delete_one(self, kind: Kind, row: Known) -> str | Exception | None:
        """None if it is gone, why it stays, or the error that ends the undoing."""
        assert row.target_id is not None
        try:
            refs = await self._run.journal.refs(row.parents)
            gone = await deleted(self._run, kind, row.target_id, refs)
        except NOT_DELETED as error:
            return error
        except Refused as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - raised when the others have ended; the row says `undoing`
            return error
        return None if gone else "qTest gave no usable answer"

    async def _goes(self, kind: Kind, rows: Sequence[int]) -> None:
        await self._run.undone.goes(rows, [other.name for other in along(kind)], kind.source)


async def settle_undoing(run: Run, *, settle_s: float) -> None:
    """Calls to delete that an earlier engine left without a known outcome are settled by looking: 404 is gone.

    Who makes things waits until they have settled; who deletes what is still there need not.
    """
    for kind in reversed(KINDS):
        if kind.delete is None:
            continue
        rows, wait_s = await run.undone.undoing(kind.name, kind.source, settle_s)
        if rows:
            run.lane("write").begin(f"waiting {wait_s:.0f} s, then looking for {plural(kind.name)}", len(rows))
            await run.sleep(wait_s)
        for row in rows:
            run.check()
            assert row.target_id is not None
            if await shown(run, kind, row.target_id, await run.journal.refs(row.parents)) is None:
                await run.undone.goes([row.id], [other.name for other in along(kind)], kind.source)
            else:
                await run.undone.stays([row.id])
