"""`undo`: deletes what the journal says was made, and says what it spares (protocol.md, rule 19)."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from ztoq_async.errors import QuotaExhausted
from ztoq_async.kinds import KINDS
from ztoq_async.lanes.judging import GONE, SPARED
from ztoq_async.lanes.late import settle_late
from ztoq_async.lanes.move import recall
from ztoq_async.lanes.run import Run, Stopped, plural
from ztoq_async.lanes.settle import settle
from ztoq_async.lanes.undoing import Undoing, settle_undoing
from ztoq_async.store import passes

Report = dict[str, Any]


async def undo(run: Run, *, include_adopted: bool, fields: bool) -> Report:
    """Children first. Where the run writes nothing, it only looks: what it would delete, spare, and call."""
    start, ended = time.monotonic(), False
    undoing = Undoing(run, include_adopted=include_adopted)
    with contextlib.suppress(Stopped, QuotaExhausted):
        await recall(run)
        await (_settle(run) if run.writes else _note_doubts(run))
        for name, number in (await run.undone.gone()).items():
            _add_gone(undoing, name, number)
        if run.writes:
            await run.journal.write(lambda session: passes.keep_plans(session, ()))
        before = run.qtest_calls()
        for kind in reversed(KINDS):
            if kind.delete is not None and (fields or not kind.changes):
                await undoing.undo(kind)
            elif kind.delete is not None and (number := await run.undone.made(kind.name)):
                run.note(f"{number} {plural(kind.reported)} of {kind.changes} that were made stay, with their values")
        looks = run.qtest_calls() - before - (undoing.deletes if run.writes else 0)
        undoing_calls = {"looks": looks, "deletes": undoing.deletes}
        ended = True
    spared = sum(row[SPARED] for row in undoing.counts.values())
    return {
        "outcome": "degraded" if ended and spared else "complete" if ended else "interrupted",
        "project": {"zephyr": run.settings.zephyr.project, "qtest": run.settings.qtest.project},
        "dry_run": not run.writes,
        "kinds": undoing.counts,
        "spared": undoing.reasons,
        "calls": {"qtest": run.qtest_calls(), **(undoing_calls if ended else {})},
        "notes": run.notes,
        "seconds": round(time.monotonic() - start, 3),
    }


def _add_gone(undoing: Undoing, name: str, number: int) -> None:
    """What an earlier undoing has deleted is gone already."""
    for kind in KINDS:
        if kind.name == name and kind.reported:
            undoing.counts[kind.reported][GONE] += number


async def _settle(run: Run) -> None:
    """What was sent and has no known outcome may be there: it is looked for before anything is deleted.

    What a list does not show yet would pass for moved by people, and be spared.
    """
    await settle_undoing(run, settle_s=0.0)
    for kind in KINDS:
        doubts = await run.overview.doubts(kind.name, kind.source)
        if doubts:
            await run.sleep(max(0.0, *(doubt.wait_s for doubt in doubts)))
            run.check()
            await settle(run, kind, doubts)
    if wait_s := await run.undone.settling(run.settings.qtest.settle_s):
        run.lane("write").begin(f"waiting {wait_s:.0f} s, until lists show what was made last")
        await run.sleep(wait_s)
        run.check()
    await settle_late(run, KINDS)


async def _note_doubts(run: Run) -> None:
    for kind in KINDS:
        number = await run.undone.unanswered(kind.name)
        if number:
            run.note(f"{number} {plural(kind.name)} were sent without an answer: undo looks for them first")
