"""Records that others name and no list of the project shows: archived, or of another project. They are asked for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Set

import msgspec

from ztoq_async.errors import Forbidden, NotFound
from ztoq_async.lanes.extract import checked
from ztoq_async.lanes.run import Run, one_error
from ztoq_async.resources.batches import batch_processor
from ztoq_async.store.archive import Archived, Read, Reading
from ztoq_async.zephyr.sources import SOURCES, Source

GROUP = 200
_BY_NAME = {source.name: source for source in SOURCES}

REMEMBERED = 5_000
"""Names of records that are there; more are asked for again."""
Name = tuple[str, str]
"""Source and key of a record."""


class Naming(msgspec.Struct, frozen=True):
    """A record that names another; the newest stands for what is missing."""

    age: str
    key: str


Missing = dict[Name, Naming]
"""Names of what is not there."""


async def read_references(run: Run) -> int:
    """Asks for each such record once a pass; what Zephyr has not either is kept as the record that names it.

    Answers how many were asked for.
    """
    unlisted = [source.name for source in SOURCES if source.pages is None]
    if all([(await run.archive.reading(name)).complete for name in unlisted]):
        return 0
    asked = 0
    for source in SOURCES:
        if source.refers is not None:
            missing = await _missing(run, source)
            asked += sum(1 for name, _ in missing if _BY_NAME[name].single)
            await _read_missing(run, source, missing)
    for name in unlisted:
        await run.archive.add_page(name, [], Reading(complete=True))
    return asked


async def _missing(run: Run, source: Source) -> Missing:
    """What the records of a source name that is not there."""
    missing: Missing = {}
    there: set[Name] = set()
    async for batch in batch_processor(run.archive.records(source.name), GROUP):
        named = [found for record in batch if not record.fault for found in _named(source, record)]
        there |= await _known(run, {name for name, _ in named} - there - missing.keys())
        for name, naming in named:
            if name not in there:
                missing[name] = max(missing.get(name, naming), naming, key=lambda one: one.age)
        if len(there) > REMEMBERED:
            there.clear()
    return missing


def _named(source: Source, record: Archived) -> Iterator[tuple[Name, Naming]]:
    assert source.refers is not None
    found = msgspec.json.decode(record.record, type=source.shape)
    naming = Naming(source.age(found), record.key)
    for name in source.refers(found):
        yield name, naming


async def _known(run: Run, names: Set[Name]) -> set[Name]:
    known: set[Name] = set()
    for source in {source for source, _ in names}:
        keys = await run.archive.known(source, [key for of, key in names if of == source])
        known |= {(source, key) for key in keys}
    return known


async def _read_missing(run: Run, source: Source, missing: Missing) -> None:
    for batch in batch_processor(missing, GROUP):
        run.check()
        with one_error():
            async with asyncio.TaskGroup() as group:
                for name in batch:
                    group.create_task(_read_one(run, name, source, missing[name]))


async def _read_one(run: Run, name: Name, of: Source, naming: Naming) -> None:
    source, key = _BY_NAME[name[0]], name[1]
    if source.single is None:
        return
    record = b""  # what an archived test case may be answered with, too (facts.md 1.5)
    with contextlib.suppress(NotFound, Forbidden):
        record = await source.single(run.zephyr, key)
    if record.strip():
        await run.archive.add(source.name, [checked(record, source)])
    elif source.absent and not await run.archive.keep(source.absent, key):
        kept = await run.archive.by_keys(of.name, [naming.key])
        await run.archive.add(source.absent, [Read(key, kept[naming.key])])
