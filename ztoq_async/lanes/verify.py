"""Reads back what is in qTest and compares it with the archive (protocol.md, rules 16 and 17)."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from ztoq_async.errors import NotFound, Paused, SourceError
from ztoq_async.lanes.items import items_as_made, refs_of, remember
from ztoq_async.lanes.large import built, differences
from ztoq_async.lanes.late import find_surplus
from ztoq_async.lanes.run import Run, one_error, plural
from ztoq_async.mapping.kind import Found, Item, Kind, Made
from ztoq_async.qtest.listing import Listing
from ztoq_async.resources.batches import batch_processor
from ztoq_async.store.overview import Known, Seen
from ztoq_async.store.transitions import DONE, DOUBT, SENT

BATCH, BREATH = 250, 25
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
            await read_by_id(run, kind)
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
            for some in batch_processor(kind.recognise(page, run.context), BATCH):
                await _compare(run, kind, some, sure=sure)
                run.check()
        run.lane("verify").done += len(page)
        del page  # one is held at a time


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
    known = await run.overview.by_keys(kind.name, kind.source, [key for key, _, _ in found], made_by=run.journal.epoch)
    as_made = {
        row.id
        for key, made, actual in found
        if (row := known.get(key)) is not None and _is_as_made(run, kind, row, made, actual)
    }
    items = await _items(run, kind, known, as_made)
    marks: list[Seen] = []
    shown: list[tuple[Known, Made]] = []
    for place, (key, made, actual) in enumerate(found):
        if place % BREATH == 0:
            await asyncio.sleep(0)  # the other lane goes on meanwhile
        row = known.get(key)
        if row is not None and row.state in (SENT, DOUBT):
            continue  # it may be what was sent: who settles that knows
        if row is None or row.target_id != made.id:
            await find_surplus(run, kind, key, row, made)
        elif row.state == DONE:
            shown.append((row, made))
            if row.id in as_made:
                marks.append(Seen(row.id, [], row.as_made))
                continue
            names = await differing(run, kind, items[row.id], actual)
            if names is not None and (sure or not names):
                marks.append(_seen(run, kind, row, names, actual))
    if marks:
        await run.overview.mark(marks)
    await _refresh(run, shown)


def _is_as_made(run: Run, kind: Kind, row: Known, made: Made, actual: object) -> bool:
    """Whether an object that this engine made, and compared with its record then, shows the same as it did."""
    if row.as_made is None or (row.epoch, row.target_id) != (run.journal.epoch, made.id):
        return False
    return row.state == DONE and digest(run, kind, actual) == row.as_made


async def _items(run: Run, kind: Kind, known: dict[str, Known], as_made: set[int]) -> dict[int, Item]:
    """The items of those that are to be compared, which came without their records where one of this run is changed."""
    ours = [row for row in known.values() if row.as_made and row.epoch == run.journal.epoch]
    if changed := [row.key for row in ours if row.id not in as_made]:
        known |= await run.overview.by_keys(kind.name, kind.source, changed)
    items = await items_as_made(run, kind, [row for row in known.values() if row.id not in as_made])
    await remember(run, items.values())
    return items


async def differing(run: Run, kind: Kind, item: Item, actual: object) -> list[str] | None:
    """What differs between an object and its source; None where it is not shown whole."""
    try:
        target, _ = await built(run, kind, item)
        return await differences(run, kind, item, target, actual, await refs_of(run, item))
    except SourceError as error:
        return [str(error)]


async def read_by_id(run: Run, kind: Kind) -> None:
    """A record that no list showed, or not whole, is asked for by its id before it is called missing."""
    if kind.one is None:
        return
    async for rows in run.overview.rows(kind.name, kind.source, unseen=True):
        items = await items_as_made(run, kind, rows)
        found = await look_at(run, kind, [(row, items[row.id]) for row in rows])
        await run.overview.mark([_seen(run, kind, row, look.differences, look.actual) for row, look in found])
        await _refresh(run, [(row, look.made) for row, look in found if look.made is not None])
        run.check()


async def look_again(run: Run, kind: Kind) -> None:
    """Reads back those of a kind that verification has not seen yet: by a list or one by one, whichever needs less."""
    unseen, rows = await run.overview.unseen(kind.name)
    most = kind.read_back(run.context).most if kind.read_back and kind.within is None else 0
    if kind.partly or kind.one is None or (most and unseen > rows / most + 1):
        await verify_kinds(run, [kind])
    else:
        await read_by_id(run, kind)


async def look_at(run: Run, kind: Kind, rows: Sequence[tuple[Known, Item]]) -> list[tuple[Known, Look]]:
    """Asks for each by its id; those that are there."""
    with one_error():
        async with asyncio.TaskGroup() as group:
            looks = [(row, group.create_task(_one(run, kind, row, item))) for row, item in rows]
    return [(row, look) for row, task in looks if (look := task.result()) is not None]


def _seen(run: Run, kind: Kind, row: Known, names: list[str], actual: object) -> Seen:
    found = digest(run, kind, actual)
    return Seen(row.id, names, found, touched=bool(names) and found != row.shown)


def digest(run: Run, kind: Kind, actual: object) -> bytes | None:
    """A digest of what is compared of an object, as qTest shows it: it changes when people change that."""
    shown = None if actual is None else kind.canonical(actual, run.context)
    return None if shown is None else blake2b(msgspec.json.encode(shown), digest_size=16).digest()


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


class Look(msgspec.Struct, frozen=True):
    """What qTest shows of one object: what differs, what children need, the object."""

    differences: list[str]
    made: Made | None = None
    actual: Any = None


async def _one(run: Run, kind: Kind, row: Known, item: Item) -> Look | None:
    assert kind.one is not None and row.target_id is not None
    try:
        refs = await refs_of(run, item)
        answer = await run.qtest.send(kind.one(row.target_id, run.context, refs))
    except NotFound:
        return None
    except SourceError as error:
        return Look([str(error)])
    made, actual = kind.made(answer.body, None, run.context)
    names = await differing(run, kind, item, actual)
    return Look(["it is not shown whole"] if names is None else names, made, actual)
