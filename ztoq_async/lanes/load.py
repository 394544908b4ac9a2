"""Lane 2: journal to qTest. Claims rows that wait for nothing, sends each once, settles by looking what is unknown."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec
from msgspec import structs

from ztoq_async.errors import (
    FenceError,
    Forbidden,
    NotSent,
    OutcomeUnknown,
    Paused,
    QuotaExhausted,
    Refused,
    SettingsError,
    SourceError,
    StoreError,
    Unauthorised,
)
from ztoq_async.lanes.items import items_of, refs_of, remember
from ztoq_async.lanes.large import built, differences
from ztoq_async.lanes.run import Run, plural
from ztoq_async.lanes.settle import settle
from ztoq_async.lanes.target import read_fields
from ztoq_async.lanes.verify import FIRST_LOOK, GO_ON, digest
from ztoq_async.mapping.account import Note
from ztoq_async.mapping.kind import Differences, Item, Kind, Made, Refs, Target
from ztoq_async.resources.calls import Call
from ztoq_async.store.journal import Claimed
from ztoq_async.store.transitions import DONE, DOUBT, PENDING, REFUSED, Transition

TASK_S = 3600.0
LAST_FLUSH_S = 5.0  # where an error ends the lane: the store may be what is gone
NOT_APPLIED = (Unauthorised, Forbidden, NotSent, QuotaExhausted, FenceError, SettingsError)
"""Errors that end the run and say that this row was surely not applied."""
OF_ONE = (Unauthorised, Forbidden, NotSent)
"""Those of them that came of one row's call, which they name."""


class Load:
    """Makes everything of one kind. `complete` is set when no more rows of the kind will come or become ready."""

    def __init__(self, run: Run, kind: Kind, complete: asyncio.Event) -> None:
        self._run = run
        self._kind = kind
        self._complete = complete
        self._working: set[int] = set()
        self._fault: BaseException | None = None
        self._made_any = False
        self._compared = 0
        self._most = run.settings.verify.pause_above
        self._different: list[str] = []

    async def make(self) -> None:
        """Returns when every row of the kind is settled, or when the run is to stop; raises what ends the run."""
        run = self._run
        run.lane("write").begin(f"writing {plural(self._kind.name)}", await run.overview.open_rows(self._kind.name))
        workers = 2 * run.settings.limits.in_flight  # one half maps what is sent next: the gateway counts calls
        async with _last_flush(run), run.queue("write", self._work, TASK_S, workers) as queue:
            while not run.stop.is_set() and self._fault is None:
                run.journal.settled.clear()
                complete = self._complete.is_set()
                rows = await self._claim()
                await run.accounting.keep()
                self._working.update(row.id for row in rows)
                items = await items_of(run, self._kind, rows)
                await remember(run, items.values())
                for row in rows:
                    await queue.put((row, items[row.id]))
                if not rows and not await self._wait(complete):
                    break
            async with _flushing(run):
                await queue.join()
        if self._fault is not None:
            raise self._fault
        if self._kind.changes and self._made_any and not run.stop.is_set():
            await self._read_target(self._kind.changes)

    async def _claim(self) -> list[Claimed]:
        """Group commit without a linger (rule 9): what has gathered since the last one, and rows to send.

        At most twice `in_flight` are marked as sent (rule 2), and a group at a time becomes free.
        """
        in_flight = self._run.settings.limits.in_flight
        if 2 * len(self._working) > 3 * in_flight:
            await self._run.journal.flush()
            if 2 * len(self._working) > 3 * in_flight:
                return []
        return await self._run.journal.claim(self._kind.name, self._kind.source, 2 * in_flight, self._working)

    async def _wait(self, complete: bool) -> bool:
        """Nothing is ready: waits for what may change that. False when nothing can."""
        run, journal = self._run, self._run.journal
        if self._working or journal.has_gathered or not complete:
            await run.wait_for(journal.settled, journal.gathered)
            return True
        doubts = await run.overview.doubts(self._kind.name, self._kind.source)
        if doubts:
            soon = min(doubt.wait_s for doubt in doubts) + 1.0
            group = [doubt for doubt in doubts if doubt.wait_s <= soon]
            await self._settling(len(group), max(0.0, *(doubt.wait_s for doubt in group)))
            if not run.stop.is_set():
                await settle(run, self._kind, group)
                self._made_any = True  # what was found by looking is there now, too
            return True
        if await run.overview.open_rows(self._kind.name):
            raise StoreError(f"the journal has {self._kind.name} rows that wait for a kind that is made later")
        return False

    async def _settling(self, doubts: int, seconds: float) -> None:
        """Waits until rows in doubt may be looked at, and says so: nothing else moves meanwhile."""
        lane = self._run.lane("write")
        phase, lane.phase = lane.phase, f"waiting {seconds:.0f} s, then looking for {doubts} writes without an answer"
        await self._run.sleep(seconds)
        lane.phase = phase

    async def _work(self, work: tuple[Claimed, Item]) -> None:
        row, item = work
        notes: list[Note] = []
        # Whatever goes wrong in an unforeseen way leaves the row in doubt: it is looked for, never simply sent again.
        transition = Transition(row.id, DOUBT, due_s=self._run.settings.qtest.settle_s)
        try:
            transition = await self._made(row, item, notes)
            if transition.state == DONE and self._run.accounting.made(self._kind, item, notes):
                transition = structs.replace(transition, accounted=True)
        except NOT_APPLIED as error:
            transition = Transition(row.id, PENDING)
            self._end(error.concerning(f"{self._kind.name} {row.key}") if isinstance(error, OF_ONE) else error)
        except Exception as error:
            self._end(error)
            raise
        finally:
            self._run.journal.hand_over(transition)
            self._working.discard(row.id)
            self._run.lane("write").done += 1

    def _end(self, error: Exception) -> None:
        self._fault = self._fault or error

    async def _made(self, row: Claimed, item: Item, notes: list[Note]) -> Transition:
        """Sends one row; what becomes of it by protocol rule 4, and of its record by the notes that this adds.

        Raises what ends the run, the row being unsent.
        """
        context = self._run.context
        try:
            refs = await refs_of(self._run, item)
            target, found = await built(self._run, self._kind, item)
            notes += found
            call = self._kind.create(target, context, refs)
        except SourceError as error:
            return Transition(row.id, REFUSED, reason=str(error))
        if isinstance(call, Made):
            return Transition(row.id, DONE, call, "adopted")
        return await self._sent(row, item, call, target, refs)

    async def _sent(self, row: Claimed, item: Item, call: Call, target: Target, refs: Refs) -> Transition:
        settle_s = self._run.settings.qtest.settle_s
        try:
            answer = await self._run.qtest.send(call)
            made, actual = self._kind.made(answer.body, target, self._run.context)
        except NOT_APPLIED:
            raise
        except Refused as error:
            return Transition(row.id, REFUSED, reason=str(error))
        except (OutcomeUnknown, msgspec.DecodeError):  # a 2xx without an id proves nothing either
            return Transition(row.id, DOUBT, due_s=settle_s)
        self._made_any = True
        names: Differences = None
        if actual is not None:
            names = await self._differences(item, target, actual, refs)
            self._compare(row.key, names or [])
        as_made = digest(self._run, self._kind, actual) if names == [] and not self._kind.partly else None
        return Transition(row.id, DONE, made, "created", as_made=as_made)

    async def _differences(self, item: Item, target: Target, actual: object, refs: Refs) -> Differences:
        try:
            return await differences(self._run, self._kind, item, target, actual, refs)
        except SourceError as error:
            return [str(error)]

    def _compare(self, key: str, differences: list[str]) -> None:
        """Rule 16: every create answer is compared; too many that differ after the first 50 pause the run."""
        self._compared += 1
        if differences:
            self._different.append(f"{key}: {', '.join(differences)}")
        if self._compared >= FIRST_LOOK and len(self._different) > self._most * self._compared:
            shown = "; ".join(self._different[:5])
            share = f"{len(self._different)} of the first {self._compared} {plural(self._kind.name)}"
            self._fault = self._fault or Paused(f"{share} came back different: {shown}. {GO_ON}")

    async def _read_target(self, object_type: str) -> None:
        before = self._run.context.target
        fields = {**before.fields, object_type: await read_fields(self._run.qtest, before.project_id, object_type)}
        target = msgspec.structs.replace(before, fields=fields)
        lost = sorted(label for _, label in before.active_fields() - target.active_fields())
        if lost:
            raise Paused(f"activating our fields switched off others in qTest: {', '.join(lost)}: switch them on again")
        self._run.known = msgspec.structs.replace(self._run.context, target=target)


@contextlib.asynccontextmanager
async def _last_flush(run: Run) -> AsyncIterator[None]:
    """Made in every end but a cancellation: also what an overtaken engine still learns is kept (rule 8)."""
    try:
        yield
    except Exception:
        with contextlib.suppress(StoreError, OSError, TimeoutError):  # the first error counts
            async with asyncio.timeout(LAST_FLUSH_S):
                await run.journal.flush()
        raise
    await run.journal.flush()


@contextlib.asynccontextmanager
async def _flushing(run: Run) -> AsyncIterator[None]:
    """Commits what gathers while nothing more is claimed."""

    async def flush() -> None:
        while True:
            await run.journal.gathered.wait()
            await run.journal.flush()

    task = asyncio.create_task(flush(), name="journal writer")
    task.add_done_callback(lambda ended: None if ended.cancelled() else run.fail(ended.exception()))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
