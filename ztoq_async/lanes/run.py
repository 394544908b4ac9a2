"""What the lanes of one run share: the context, the clients, the store, the wish to stop, the progress."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, TypeVar

from ztoq_async.lanes.accounting import Accounting
from ztoq_async.mapping.context import Context
from ztoq_async.mapping.kind import Kind
from ztoq_async.qtest.client import QTestClient
from ztoq_async.resources.database import Database
from ztoq_async.resources.process_pool import ProcessPool
from ztoq_async.resources.work_queue import WorkQueue
from ztoq_async.settings import Settings
from ztoq_async.store.archive import Archive
from ztoq_async.store.changes import Changes
from ztoq_async.store.journal import Journal
from ztoq_async.store.late import Late
from ztoq_async.store.ledger import Ledger
from ztoq_async.store.overview import Known, Overview
from ztoq_async.store.undone import Undone
from ztoq_async.zephyr.client import ZephyrClient
from ztoq_async.zephyr.sources import Query

VERSION = version("ztoq-async")
"""What an earlier version of this program has worked out of a pass is worked out again."""
MOST_NOTES = 100
MOST_CONFLICTS = 1000

Item = TypeVar("Item")


class Stopped(Exception):  # noqa: N818 - a wish, not a fault
    """Somebody asked the run to end."""


@contextlib.contextmanager
def one_error() -> Iterator[None]:
    """The first error of a task group as what it is: the errors that callers are promised are not in groups."""
    try:
        yield
    except BaseExceptionGroup as group:
        first: BaseException = group
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from None


def plural(name: str) -> str:
    """The name of a list or kind for more than one of it."""
    if name.endswith("us"):
        return f"{name}es"
    return f"{name[:-1]}ies" if name.endswith("y") else name if name.endswith("s") else f"{name}s"


@dataclass(slots=True)
class Progress:
    """What is being done now, and how far: `total` 0 means that nobody knows yet."""

    phase: str = "starting"
    done: int = 0
    total: int = 0

    def begin(self, phase: str, total: int = 0) -> None:
        """A new phase."""
        self.phase, self.done, self.total = phase, 0, total


@dataclass(frozen=True, slots=True)
class Surplus:
    """An object that may be a row's late duplicate."""

    kind: Kind
    row: Known
    id: int


@dataclass(slots=True)
class Run:
    """One run of the engine. `chosen` are the filters of source lists; without `writes` the journal stays as it is.

    `queues` are the work queues of the lanes, for the monitor. `conflicts` are records that people have changed in
    qTest: kind, key, what differs; `kept` says how many of them stay as people wish.
    """

    settings: Settings
    database: Database
    zephyr: ZephyrClient
    qtest: QTestClient
    archive: Archive
    journal: Journal
    changes: Changes
    overview: Overview
    ledger: Ledger
    accounting: Accounting
    late: Late
    undone: Undone
    processes: ProcessPool
    stop: asyncio.Event
    progress: dict[str, Progress] = field(default_factory=dict)
    queues: MutableMapping[str, WorkQueue[Any, Any]] = field(default_factory=dict)
    chosen: Mapping[str, Query] = field(default_factory=dict)
    writes: bool = True
    known: Context | None = None
    extra: dict[str, int] = field(default_factory=dict)
    extras: list[str] = field(default_factory=list)
    conflicts: list[tuple[str, str, list[str]]] = field(default_factory=list)
    kept: int = 0
    surplus: dict[tuple[str, int], Surplus] = field(default_factory=dict)
    removed: dict[str, int] = field(default_factory=dict)
    user_id: int | None = None
    verify_calls: int = 0
    notes: list[str] = field(default_factory=list)
    fault: BaseException | None = None

    @property
    def context(self) -> Context:
        """What the rules may know; set when the lists and the target's tables are read."""
        assert self.known is not None
        return self.known

    def qtest_calls(self) -> int:
        """Requests to qTest so far."""
        return sum(self.qtest.gateway.statistics().calls.values())

    @contextlib.contextmanager
    def verifying(self) -> Iterator[None]:
        """Counts the requests of verification apart: nothing else asks qTest meanwhile."""
        before = self.qtest_calls()
        try:
            yield
        finally:
            self.verify_calls += self.qtest_calls() - before

    def check(self) -> None:
        """Raises `Stopped` if the run is to end, or the error that ends it."""
        if self.fault is not None:
            raise self.fault
        if self.stop.is_set():
            raise Stopped

    def note(self, words: str) -> None:
        """Something that the report's reader should know; the first hundred are kept."""
        if len(self.notes) < MOST_NOTES:
            self.notes.append(words)

    def add_extra(self, reported: str, words: str) -> None:
        """An object that is there and should not be; two lists that show it count once."""
        if words not in self.extras:
            self.extras.append(words)
            self.extra[reported] = self.extra.get(reported, 0) + 1

    def conflict(self, kind: str, key: str, names: list[str]) -> None:
        """A record that people have changed in qTest, and that stays so; the first thousand are kept."""
        if len(self.conflicts) < MOST_CONFLICTS:
            self.conflicts.append((kind, key, names))

    def add_removed(self, reported: str, words: str) -> None:
        """An object that was there twice, of which one is deleted."""
        self.removed[reported] = self.removed.get(reported, 0) + 1
        self.note(words)

    def fail(self, error: BaseException | None) -> None:
        """Ends the run with this error: the first one counts."""
        if error is not None:
            self.fault = self.fault or error
            self.stop.set()
            self.journal.settled.set()

    async def wait_for(self, *events: asyncio.Event) -> None:
        """Until one of the events, or until the run is to stop."""
        waits = [asyncio.ensure_future(event.wait()) for event in (*events, self.stop)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def sleep(self, seconds: float) -> None:
        """That long, or until the run is to stop."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stop.wait()

    def queue(
        self, lane: str, worker: Callable[[Item], Awaitable[None]], task_timeout: float, workers: int
    ) -> WorkQueue[Item, None]:
        """The work queue of a lane; what has ended is in the store, so nothing of it is kept in memory."""
        bounds = {"max_queue_size": self.settings.limits.in_flight, "max_completed_items": 0, "cleanup_interval": 1}
        queue = WorkQueue(worker, workers=workers, task_timeout=task_timeout, **bounds)
        self.queues[lane] = queue
        return queue

    def lane(self, name: str) -> Progress:
        """The progress of one lane."""
        return self.progress.setdefault(name, Progress())
