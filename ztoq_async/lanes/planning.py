"""Archive to journal: feeds each kind's planner with records and writes the rows that it gives."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from ztoq_async.lanes.extract import Detail, Details
from ztoq_async.lanes.run import Run, plural
from ztoq_async.mapping.kind import Kind
from ztoq_async.plan import Row
from ztoq_async.store import passes
from ztoq_async.zephyr.sources import Source

GROUP = 500


class Planning:
    """The planning of one kind: `complete` when its last row is in the journal, `ready` when none lacks details."""

    def __init__(self, run: Run, kind: Kind, basis: bytes) -> None:
        self._run = run
        self._kind = kind
        self._basis = basis
        self._planner = kind.plan(run.context)
        self._rows: list[Row] = []
        self._late = 0
        self.earlier = False
        self.complete = asyncio.Event()
        self.ready = asyncio.Event()

    def already(self, late: int) -> None:
        """An earlier start of this pass has written all rows."""
        self._late = late
        self.earlier = True
        self._complete()

    async def from_list(self) -> None:
        """Plans from the records of a list alone; rows that need details wait for them in the journal."""
        source = self._kind.reads or self._kind.source
        if source:
            async for record in self._run.archive.records(source):
                refused = bool(record.fault) and not self._kind.waits and not self._kind.reads
                fault = record.fault if refused else ""
                await self._add(self._planned(record.key, record.record, b"", fault))
        await self._end()

    async def from_details(self, source: Source) -> None:
        """Plans what an earlier start has read, then each record as its details come."""
        run = self._run
        run.lane("read").begin(f"reading {source.name} details", await run.archive.count(source.name))
        async for record in run.archive.records(source.name, with_detail=True):
            await self._add(self._planned(record.key, record.record, record.detail, record.fault))
            run.lane("read").done += 1
        await self._write()
        await Details(run, source, self._as_they_come).read()
        if not run.stop.is_set():
            await self._end()

    async def _as_they_come(self, details: Sequence[Detail]) -> None:
        for record, detail, fault in details:
            self._rows += self._planned(record.key, record.record, detail, fault)
        await self._write()

    def _planned(self, key: str, record: bytes, detail: bytes, fault: str) -> Iterable[Row]:
        if fault:
            return [Row(self._kind.name, key, refusal=fault)]
        return self._planner.add(key, record, detail)

    async def _add(self, rows: Iterable[Row]) -> None:
        self._rows += rows
        if len(self._rows) >= GROUP:
            await self._write()

    async def _write(self) -> None:
        rows, self._rows = self._rows, []
        self._late += await self._run.journal.plan(rows, self._kind.source if self._kind.waits else "")

    async def _end(self) -> None:
        wanted = self._planner.wanted()
        known = await self._run.archive.known(self._kind.source, wanted) if wanted else set()
        for row in self._planner.end(known):
            await self._add([row])
        await self._write()
        name, number = self._kind.name, self._run.archive.number
        await self._run.journal.write(lambda session: passes.add_plan(session, number, name, self._basis, self._late))
        self._complete()

    def _complete(self) -> None:
        if self._late:
            self._run.note(
                f"{self._late} {plural(self._kind.name)} were made before others that belong before them: "
                "qTest shows these last"
            )
        self.complete.set()
        if not self._kind.waits:
            self.have_details()

    def have_details(self) -> None:
        """No row of the kind waits for details any more."""
        self.ready.set()
        self._run.journal.settled.set()


async def tell_of_details(run: Run, kind: Kind) -> None:
    """Rows that an earlier start has planned may wait for details that it has read, and has not told them of."""
    while keys := await run.overview.not_told(kind.name, kind.source, GROUP):
        await run.journal.ready(kind.name, [(key, "") for key in keys])


async def read_details(run: Run, source: Source, kinds: Sequence[Kind]) -> None:
    """Reads the details that rows of these kinds wait for."""
    run.lane("read").begin(f"reading {source.name} details", await run.archive.count(source.name))

    async def ready(details: Sequence[Detail]) -> None:
        for kind in kinds:
            await run.journal.ready(kind.name, [(record.key, fault) for record, _, fault in details])

    await Details(run, source, ready).read()
