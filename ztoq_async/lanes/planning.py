"""Archive to journal: feeds each kind's planner with records and writes the rows that it gives."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from ztoq_async.lanes.extract import Detail, Details
from ztoq_async.lanes.run import Run
from ztoq_async.mapping.kind import Kind
from ztoq_async.plan import Row
from ztoq_async.zephyr.sources import Source

GROUP = 500


class Planning:
    """The planning of one kind; `complete` is set when its last row is in the journal."""

    def __init__(self, run: Run, kind: Kind) -> None:
        self._run = run
        self._kind = kind
        self._planner = kind.plan(run.context)
        self.complete = asyncio.Event()

    async def from_archive(self) -> None:
        """Plans from records that are complete."""
        if self._kind.source:
            rows: list[Row] = []
            async for record in self._run.archive.records(self._kind.source):
                rows += self._rows(record.key, record.record, record.detail, record.fault)
                if len(rows) >= GROUP:
                    await self._run.journal.plan(rows)
                    rows = []
            await self._run.journal.plan(rows)
        await self._end()

    async def while_reading(self, source: Source) -> None:
        """Plans what an earlier start has read, then each record as its details come."""
        run, rows = self._run, list[Row]()
        run.lane("read").begin(f"reading {source.name} details", await run.archive.count(source.name))
        async for record in run.archive.records(source.name, with_detail=True):
            rows += self._rows(record.key, record.record, record.detail, record.fault)
            run.lane("read").done += 1
            if len(rows) >= GROUP:
                await run.journal.plan(rows)
                rows = []
        await run.journal.plan(rows)
        await Details(run, source, self._add).read()
        if not run.stop.is_set():
            await self._end()

    async def _add(self, details: Sequence[Detail]) -> None:
        rows = [
            row for record, detail, fault in details for row in self._rows(record.key, record.record, detail, fault)
        ]
        await self._run.journal.plan(rows)

    def _rows(self, key: str, record: bytes, detail: bytes, fault: str) -> Iterable[Row]:
        if fault:
            return [Row(self._kind.name, key, refusal=fault)]
        return self._planner.add(record, detail)

    async def _end(self) -> None:
        wanted = self._planner.wanted()
        known = await self._run.archive.known(self._kind.source, wanted) if wanted else set()
        await self._run.journal.plan(list(self._planner.end(known)))
        self.complete.set()
        self._run.journal.settled.set()
