"""Records that others name and no list of the project shows: archived, or of another project. They are asked for."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec

from ztoq_async.errors import Forbidden, NotFound
from ztoq_async.lanes.extract import checked
from ztoq_async.lanes.run import Run, one_error
from ztoq_async.resources.batches import batch_processor
from ztoq_async.store.archive import Read, Reading
from ztoq_async.zephyr.sources import SOURCES, Source

GROUP = 200
_BY_NAME = {source.name: source for source in SOURCES}

Missing = dict[tuple[str, str], Read]
"""Source and key of a record that its list lacks, and the newest record that names it."""


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
            await _read_missing(run, missing)
    for name in unlisted:
        await run.archive.add_page(name, [], Reading(complete=True))
    return asked


async def _missing(run: Run, source: Source) -> Missing:
    named: Missing = {}
    assert source.refers is not None
    async for record in run.archive.records(source.name):
        if not record.fault:
            found = msgspec.json.decode(record.record, type=source.shape)
            naming = Read(record.key, record.record, place=source.age(found))
            for reference in source.refers(found):
                named[reference] = max(named.get(reference, naming), naming, key=lambda read: read.place)
    missing: Missing = {}
    for name in {name for name, _ in named}:
        keys = [key for of, key in named if of == name]
        for group in batch_processor(keys, GROUP):
            known = await run.archive.known(name, group)
            missing.update({(name, key): named[name, key] for key in group if key not in known})
    return missing


async def _read_missing(run: Run, missing: Missing) -> None:
    for batch in batch_processor(missing, GROUP):
        run.check()
        with one_error():
            async with asyncio.TaskGroup() as group:
                for name, key in batch:
                    group.create_task(_read_one(run, _BY_NAME[name], key, missing[name, key]))


async def _read_one(run: Run, source: Source, key: str, naming: Read) -> None:
    if source.single is None:
        return
    record = b""  # what an archived test case may be answered with, too (facts.md 1.5)
    with contextlib.suppress(NotFound, Forbidden):
        record = await source.single(run.zephyr, key)
    if record.strip():
        await run.archive.add(source.name, [checked(record, source)])
    elif source.absent and not await run.archive.keep(source.absent, key):
        await run.archive.add(source.absent, [Read(key, naming.record)])
