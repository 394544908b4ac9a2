"""The engine: opens everything, runs the lanes, closes everything in order.

`async with Engine(settings) as engine: report = await engine.run()`, on any event loop. It sets no signal handlers and
no logging; `engine.stop()` ends a run after what is in flight.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import TracebackType
from typing import Any
from weakref import WeakValueDictionary

import msgspec

from ztoq_async.errors import ResourceError, SettingsError
from ztoq_async.lanes.accounting import Accounting
from ztoq_async.lanes.estimate import estimate
from ztoq_async.lanes.move import move, read, repair, verify
from ztoq_async.lanes.parts import parts
from ztoq_async.lanes.run import Progress, Run
from ztoq_async.lanes.undo import undo
from ztoq_async.lanes.watching import how_far, register, shown
from ztoq_async.mapping.propose import propose
from ztoq_async.qtest.client import QTestClient
from ztoq_async.report import build
from ztoq_async.report.tables import write_tables
from ztoq_async.report.write import write
from ztoq_async.resources.calls import Attempt
from ztoq_async.resources.connector import ConnectionPool
from ztoq_async.resources.database import Database
from ztoq_async.resources.metrics import Metrics
from ztoq_async.resources.monitor import ResourceMonitor
from ztoq_async.resources.ownership import check_loop, warn_left_open
from ztoq_async.resources.pools import WorkerPools
from ztoq_async.resources.process_pool import ProcessPool
from ztoq_async.resources.work_queue import WorkQueue
from ztoq_async.settings import Settings
from ztoq_async.store import passes
from ztoq_async.store.archive import Archive
from ztoq_async.store.changes import Changes
from ztoq_async.store.embedded import EmbeddedPostgres
from ztoq_async.store.journal import Journal
from ztoq_async.store.late import Late
from ztoq_async.store.ledger import Ledger
from ztoq_async.store.overview import Overview
from ztoq_async.store.samples import last_sample
from ztoq_async.store.schema import upgrade
from ztoq_async.store.tenure import Tenure, tenure
from ztoq_async.store.undone import Undone
from ztoq_async.zephyr.client import ZephyrClient
from ztoq_async.zephyr.sources import SOURCES, chosen

Report = dict[str, Any]
FILES, MAPPERS = 2, 2


class Engine:
    """Moves one Zephyr project into one qTest project. An async context manager; one use, one event loop."""

    def __init__(self, settings: Settings, *, on_attempt: Callable[[Attempt], None] | None = None) -> None:
        self.settings = settings
        self.progress: dict[str, Progress] = {}
        self._queues: WeakValueDictionary[str, WorkQueue[Any, Any]] = WeakValueDictionary()
        self._on_attempt = on_attempt
        self._stack = contextlib.AsyncExitStack()
        self._stop = asyncio.Event()
        self._tenure: Tenure | None = None
        self._entered = False
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Engine:
        if self._entered:
            raise ResourceError("this Engine was already entered; make a new one")
        self._entered = True
        async with contextlib.AsyncExitStack() as stack:
            watch = self.settings.monitor
            monitor = ResourceMonitor(interval=watch.sample_s, thresholds=watch.thresholds)
            self._monitor = await stack.enter_async_context(monitor)
            self._threads = await stack.enter_async_context(WorkerPools(files=FILES))
            self._processes = await stack.enter_async_context(ProcessPool(MAPPERS))
            self._database = await self._open_store(stack)
            await self._open_clients(stack)
            pools = self._pool, self._database, self._threads, self._processes
            register(self._monitor, *pools, self._queues)
            gateways = self._zephyr.gateway, self._qtest.gateway
            self._metrics = Metrics(self._monitor, gateways, {"lane": how_far(self.progress)})
            self._stack = stack.pop_all()
            self._loop = asyncio.get_running_loop()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop = None
        await self._stack.__aexit__(kind, error, trace)

    def __del__(self) -> None:
        if getattr(self, "_loop", None):
            warn_left_open("Engine", self)

    async def _open_store(self, stack: contextlib.AsyncExitStack) -> Database:
        dsn, on_lost = self.settings.store.url.get_secret_value(), None
        if not dsn:
            server = await stack.enter_async_context(EmbeddedPostgres(self.settings.store_path))
            dsn, on_lost = server.dsn, server.revive
        database = await stack.enter_async_context(Database(dsn, on_lost=on_lost))
        await upgrade(database)
        return database

    async def _open_clients(self, stack: contextlib.AsyncExitStack) -> None:
        """Both clients on one pool, which outlives them."""
        settings, limits, watch = self.settings, self.settings.limits, self._on_attempt
        self._pool = await stack.enter_async_context(ConnectionPool(limit=2 * limits.in_flight + 8))
        zephyr = ZephyrClient(settings.zephyr, limits, pool=self._pool, on_attempt=watch)
        self._zephyr = await stack.enter_async_context(zephyr)
        qtest = QTestClient(settings.qtest, limits, pool=self._pool, fence=self._fence, on_attempt=watch)
        self._qtest = await stack.enter_async_context(qtest)

    def _fence(self) -> None:
        if self._tenure is not None:
            self._tenure.fence()

    def stop(self) -> None:
        """Asks the run to end: no new work, what is in flight is finished; `run` then reports `interrupted`."""
        self._stop.set()

    def metrics(self) -> bytes:
        """What Prometheus reads, in its text format: for an application that has a server of its own."""
        check_loop(self._loop, "Engine")
        return self._metrics.exposition()

    async def run(self, *, adopt: bool = False, executions: str = "all") -> Report:
        """Reads, writes, reads back, accounts; goes on where an earlier run stopped.

        `executions`: `all`, `last` (the newest of each test case in its cycle and environment) or `since:DATE`.

        Raises `SettingsError`, `AlreadyMoved`, `StoreBusy` before the first write; `ServiceError` and `StoreError`
        where a service or the store gives up: the same call then goes on later.
        """
        async with self._opened_run(executions) as run:
            return await move(run, self._monitor, adopt=adopt)

    async def plan(self, *, executions: str = "all") -> Report:
        """What `run` would make and ask, and what cannot be carried; writes nothing to qTest.

        Reads Zephyr's lists and qTest's settings, no details of single records. Raises as `run` does, but for what
        would stop a run before its first write: that is named under `stops`.
        """
        async with self._opened_run(executions) as run:
            forecast = await estimate(run)
            await passes.close_proposal(self._database, run.archive.number)
            return {**forecast, "executions": executions, "not_read": build.not_read(run.known)}

    async def propose_mapping(self) -> str:
        """Reads Zephyr and qTest's settings, writes nothing to qTest: the text of a complete mapping file."""
        async with self._opened_run() as run:
            await read(run)
            await passes.close_proposal(self._database, run.archive.number)
            return propose(run.context)

    async def verify(self) -> Report:
        """Reads qTest and compares it with the archive of the last run; writes nothing to qTest.

        `interrupted` where that run is not finished. Raises `StoreBusy` while another engine works on the store.
        """
        number = await self._last_read()
        async with self._held():  # it marks what it sees in the rows that a run would mark, too
            run = self._run(Tenure.none(), number)
            run.writes = False
            async with self._shown(run):
                report = await verify(run, self._monitor)
        if await passes.report_of(self._database, number) is None:
            report["outcome"] = "interrupted"
        return report

    async def repair(self) -> Report:
        """Makes qTest equal to the archive of the last run again: what people have changed or deleted is as it was.

        What the API cannot mend is named. Raises `SettingsError` where the last run is not finished.
        """
        number = await passes.last_read_pass(self._database, len(SOURCES))
        if number == 0 or await passes.report_of(self._database, number) is None:
            raise SettingsError("the last run is not finished: run first, and repair what people change afterwards")
        async with self._held() as held:
            self._tenure = held
            try:
                run = self._run(held, number)
                await run.journal.take_over(self.settings.qtest.settle_s)
                async with self._shown(run):
                    return await repair(run, self._monitor)
            finally:
                self._tenure = None

    async def undo(self, *, dry_run: bool = False, include_adopted: bool = False, fields: bool = False) -> Report:
        """Deletes from qTest what runs with this store made, children first; goes on where an earlier one stopped.

        It spares what people changed since or hung something on, and, without `include_adopted`, what was there
        before; custom fields stay without `fields`. With `dry_run` it only says what it would delete and spare.

        `degraded` where something was spared or could not be deleted. Raises as `verify` and `run` do.
        """
        number = await self._last_read()
        async with self._held() as held:
            self._tenure = held
            run = self._run(held, number)
            run.writes = not dry_run
            try:
                if run.writes:
                    await run.journal.take_over(self.settings.qtest.settle_s)
                async with self._shown(run):
                    run.archive = Archive(self._database, held, 1)  # what any pass has read, any pass may have made
                    return await undo(run, include_adopted=include_adopted, fields=fields)
            finally:
                self._tenure = None

    async def _last_read(self) -> int:
        number = await passes.last_read_pass(self._database, len(SOURCES))
        if number == 0:
            raise SettingsError(f"nothing was moved from the store {self.settings.store_path} yet: run first")
        return number

    async def write_tables(self, report: Report, folder: Path, redact: Callable[[str], str] = str) -> Report:
        """Writes all losses and refusals, and what became of each suite, into CSV files of `folder`.

        Gives the report of `run` or `verify` with their paths, `ledger_csv` and `parts_csv`.
        """
        found = await parts(self._database, report["pass"], verified=report["read_back"])
        return {**report, **await write_tables(self._threads, Ledger(self._database), found, folder, redact)}

    async def write_report(self, report: Report, folder: Path, redact: Callable[[str], str] = str) -> Report:
        """Writes `report.html` and `report.json` into `folder`; gives the report with `report`, the page's path."""
        return await self._threads.run("files", write, report, folder, redact)

    async def status(self) -> Report:
        """What the store says, also while another engine runs; asks no service.

        `outcome` is the last finished run's, `interrupted` while one is unfinished or none was begun; `undone` counts
        the records that `undo` has deleted from qTest since.
        """
        number = await passes.last_pass(self._database)
        counts = await Overview(self._database, number).counts()
        kinds = build.kind_counts(counts, {}, {}, verified=False)
        rows = sum(counter[state] for counter in counts.values() for state in ("pending", "sent", "doubt"))
        finished = await passes.report_of(self._database, number)
        outcome = "interrupted" if finished is None else msgspec.json.decode(finished)["outcome"]
        resources = await last_sample(self._database, number)
        undone = sum(counter["gone"] for counter in counts.values())
        return {
            "outcome": outcome,
            "pass": number,
            "open": rows,
            "undone": undone,
            "kinds": kinds,
            "resources": resources,
        }

    @contextlib.asynccontextmanager
    async def _opened_run(self, executions: str = "all") -> AsyncIterator[Run]:
        filters = chosen(executions)
        async with self._held() as held:
            self._tenure = held
            run = self._run(held, await passes.open_pass(self._database, executions))
            run.chosen = filters
            await run.journal.take_over(self.settings.qtest.settle_s)
            try:
                async with self._shown(run):
                    yield run
            finally:
                self._tenure = None

    def _shown(self, run: Run) -> contextlib.AbstractAsyncContextManager[None]:
        """The run's resources, for others to see."""
        return shown(self._monitor, self._metrics, self._database, run.archive.number, self.settings.monitor)

    def _held(self) -> contextlib.AbstractAsyncContextManager[Tenure]:
        """The store for this engine alone."""
        zephyr, qtest = self.settings.zephyr, self.settings.qtest
        names = f"{zephyr.base_url} {zephyr.project}", f"{qtest.base_url} {qtest.project}"
        return tenure(self._database, *names, qtest.settle_s)

    def _run(self, held: Tenure, number: int) -> Run:
        journal = Journal(self._database, held, number)
        ledger = Ledger(self._database)
        return Run(
            settings=self.settings,
            database=self._database,
            zephyr=self._zephyr,
            qtest=self._qtest,
            archive=Archive(self._database, held, number),
            journal=journal,
            changes=Changes(self._database, journal, number),
            overview=Overview(self._database, number),
            ledger=ledger,
            accounting=Accounting(ledger),
            late=Late(self._database, journal),
            undone=Undone(self._database, journal),
            processes=self._processes,
            stop=self._stop,
            progress=self.progress,
            queues=self._queues,
        )
