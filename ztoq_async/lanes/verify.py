"""Reads back what is in qTest and compares it with the archive (protocol.md, rules 16 and 17)."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Sequence

from ztoq_async.errors import NotFound, Paused, SourceError
from ztoq_async.lanes.items import items_of, refs_of
from ztoq_async.lanes.large import built, differences
from ztoq_async.lanes.late import find_surplus
from ztoq_async.lanes.run import Run, one_error, plural
from ztoq_async.mapping.kind import Found, Item, Kind, Made
from ztoq_async.qtest.listing import Listing
from ztoq_async.resources.batches import batch_processor
from ztoq_async.store.overview import Known

BREATH = 50
FIRST_LOOK = 50
GO_ON = "Where you accept that, allow a larger share:  [verify] pause_above = 1.0"


async def verify_kinds(run: Run, kinds: Sequence[Kind]) -> None:
    """Marks every row of the kinds as verified or different; counts what is there that should not be.

    Kinds that one list shows are read back together.
    """
    groups: dict[Listing, list[Kind]] = defaultdict(list)
    for kind in kinds:
        if kind.reported and kind.read_back and await run.overview.has_rows(kind.name):
            groups[kind.read_back(run.context)].append(kind)
    for listing, group in groups.items():
        run.lane("verify").begin(f"verifying {plural(group[0].name)}")
        if group[0].within is None or (group[0].index and run.settings.verify.logs == "search"):
            await _read_list(run, group, listing, sure=group[0].within is None)
        for kind in group:
            if kind.within is not None:
                await _read_within(run, kind)
            await _read_by_id(run, kind)
            run.check()


async def verify_before(run: Run, kinds: Sequence[Kind]) -> None:
    """Rule 16: these are verified before others begin; too many that differ pause the run."""
    await verify_kinds(run, kinds)
    for kind in kinds:
        seen, different = await run.overview.seen(kind.name)
        if seen >= FIRST_LOOK and different > run.settings.verify.pause_above * seen:
            raise Paused(f"{different} of {seen} {plural(kind.name)} differ in qTest; verify says which. {GO_ON}")


async def _read_list(run: Run, kinds: Sequence[Kind], listing: Listing, *, sure: bool) -> None:
    """Reads a list to its end; what an index, which is not `sure`, lacks or shows otherwise stays to be asked for."""
    async for page in run.qtest.pages(listing):
        for kind in kinds:
            found = list(kind.recognise(page, run.context))
            for some in batch_processor(found, BREATH):
                await _compare(run, kind, some, sure=sure)
                run.check()
        run.lane("verify").done += len(page)


async def _read_within(run: Run, kind: Kind) -> None:
    """Lists what stands below each parent of rows that no list has shown equal."""
    assert kind.within is not None
    async for rows in run.overview.rows(kind.name, kind.source, unseen=True):
        listings: dict[Listing, None] = {}
        for row in rows:
            with contextlib.suppress(SourceError):  # its parent is not in qTest any more: it is asked for by its id
                listings[kind.within(run.context, await run.journal.refs(row.parents))] = None
        with one_error():
            async with asyncio.TaskGroup() as group:
                for listing in listings:
                    group.create_task(_read_below(run, kind, listing))
        run.check()


async def _read_below(run: Run, kind: Kind, listing: Listing) -> None:
    """A parent that people have deleted has nothing below it."""
    with contextlib.suppress(NotFound):
        await _read_list(run, [kind], listing, sure=True)


async def _compare(run: Run, kind: Kind, found: Sequence[Found], *, sure: bool) -> None:
    """Marks rows; what differs is marked only where the list is `sure`: an index may lag behind."""
    known = await run.overview.by_keys(kind.name, kind.source, [key for key, _, _ in found])
    items = await items_of(run, kind, list(known.values()))
    marks: list[tuple[int, list[str]]] = []
    shown: list[tuple[Known, Made]] = []
    for key, made, actual in found:
        row = known.get(key)
        if row is None or row.target_id != made.id:
            await find_surplus(run, kind, key, row, made)
        elif row.state == "done":
            names = await _differences(run, kind, items[row.id], actual)
            if names is not None and (sure or not names):
                marks.append((row.id, names))
            shown.append((row, made))
    if marks:
        await run.overview.mark(marks)
    await _refresh(run, shown)


async def _differences(run: Run, kind: Kind, item: Item, actual: object) -> list[str] | None:
    try:
        target, _ = await built(run, kind, item)
        return await differences(run, kind, item, target, actual, await refs_of(run, item))
    except SourceError as error:
        return [str(error)]


async def _read_by_id(run: Run, kind: Kind) -> None:
    """A record that no list showed, or not whole, is asked for by its id before it is called missing."""
    if kind.one is None:
        return
    async for rows in run.overview.rows(kind.name, kind.source, unseen=True):
        items = await items_of(run, kind, rows)
        with one_error():
            async with asyncio.TaskGroup() as group:
                answers = [(row, group.create_task(_one(run, kind, row, items[row.id]))) for row in rows]
        found = [(row, *answer) for row, task in answers if (answer := task.result()) is not None]
        await run.overview.mark([(row.id, names) for row, names, _ in found])
        await _refresh(run, [(row, made) for row, _, made in found if made is not None])
        run.check()


async def _refresh(run: Run, found: Sequence[tuple[Known, Made]]) -> None:
    """Keeps versions and steps as qTest has them now: approving changes both."""
    fresh = [
        (row.id, made)
        for row, made in found
        if made.version_id is not None
        and (made.version_id, made.step_ids) != (row.version_id, row.step_ids)
        and (not row.step_ids or len(made.step_ids) == len(row.step_ids))  # else results would be another step's
    ]
    if fresh and run.writes:
        await run.journal.refresh(fresh)


async def _one(run: Run, kind: Kind, row: Known, item: Item) -> tuple[list[str], Made | None] | None:
    assert kind.one is not None and row.target_id is not None
    try:
        refs = await refs_of(run, item)
        answer = await run.qtest.send(kind.one(row.target_id, run.context, refs))
    except NotFound:
        return None
    except SourceError as error:
        return [str(error)], None
    made, actual = kind.made(answer.body, None, run.context)
    names = await _differences(run, kind, item, actual)
    return ["it is not shown whole"] if names is None else names, made
