"""Reads back what is in qTest and compares it with the archive (protocol.md, rules 16 and 17)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ztoq_async.errors import NotFound, SourceError
from ztoq_async.lanes.run import Run, one_error, plural
from ztoq_async.mapping.kind import Found, Item, Kind
from ztoq_async.store.overview import Known

BREATH = 50


async def verify_kind(run: Run, kind: Kind) -> None:
    """Marks every row of the kind as verified or different; counts what is there that should not be."""
    lane = run.lane("verify")
    lane.begin(f"verifying {plural(kind.name)}")
    async for page in run.qtest.pages(kind.read_back(run.context)):
        found = list(kind.recognise(page, run.context))
        for start in range(0, len(found), BREATH):
            await _compare(run, kind, found[start : start + BREATH])
            lane.done += len(found[start : start + BREATH])
            run.check()
    async for rows in run.overview.rows(kind.name, kind.source, unseen=True):
        await _ask_by_id(run, kind, rows)


async def _compare(run: Run, kind: Kind, found: Sequence[Found]) -> None:
    known = await run.overview.by_keys(kind.name, kind.source, [key for key, _, _ in found])
    marks: list[tuple[int, list[str]]] = []
    for key, made, actual in found:
        row = known.get(key)
        if row is None or row.target_id != made.id:
            if row is not None or kind.is_ours(key, run.context):
                run.extras.append(f"{kind.name} {key}: id {made.id}")
                run.extra[kind.reported] = run.extra.get(kind.reported, 0) + 1
        elif row.state == "done":
            marks.append((row.id, await _differences(run, kind, row, actual)))
    if marks:
        await run.overview.mark(marks)


async def _differences(run: Run, kind: Kind, row: Known, actual: object) -> list[str]:
    refs = await run.journal.refs(row.parents)
    try:
        target, _ = kind.build(Item(row.key, row.parents, row.record, row.detail), run.context)
        return kind.differences(target, actual, run.context, refs)
    except SourceError as error:
        return [str(error)]


async def _ask_by_id(run: Run, kind: Kind, rows: Sequence[Known]) -> None:
    """A record that no list showed is asked for by its id before it is called missing."""
    if kind.one is None:
        return
    with one_error():
        async with asyncio.TaskGroup() as group:
            answers = [(row, group.create_task(_one(run, kind, row))) for row in rows]
    marks = [(row.id, task.result()) for row, task in answers]
    await run.overview.mark([(identifier, words) for identifier, words in marks if words is not None])


async def _one(run: Run, kind: Kind, row: Known) -> list[str] | None:
    assert kind.one is not None and row.target_id is not None
    try:
        answer = await run.qtest.send(kind.one(row.target_id, run.context))
    except NotFound:
        return None
    _, actual = kind.made(answer.body, None, run.context)
    return ["test_steps: not shown"] if actual is None else await _differences(run, kind, row, actual)
