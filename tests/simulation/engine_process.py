"""An engine as a process of the simulation: the real lanes on a store and a service of the simulation; and its fate."""

from __future__ import annotations

import asyncio
import contextvars
import math

import msgspec
from memory_store import MemoryDatabase
from service import SimulatedClient
from small_kinds import SMALL_KINDS, SPOILT
from virtual_loop import OUTSIDE, PROCESS, Process

from ztoq_async.lanes.accounting import Accounting
from ztoq_async.lanes.flow import _or_fail
from ztoq_async.lanes.load import Load
from ztoq_async.lanes.run import Run
from ztoq_async.settings import load
from ztoq_async.store import passes
from ztoq_async.store.archive import Archive, Read, Reading
from ztoq_async.store.journal import Journal
from ztoq_async.store.overview import Overview
from ztoq_async.store.tenure import LEASE_S, tenure

SETTINGS = load(
    None,
    zephyr={"base_url": "https://zephyr.invalid/v2", "token": "z", "project": "MM"},
    qtest={"base_url": "https://qtest.invalid", "token": "q", "project": 1},
)
LATEST_STEP = 2000


class Fate(msgspec.Struct):
    """What becomes of an engine when it has come so often to a point.

    `what` is killed, paused, stopped, cancelled or unlocked; `point` is "step", "send" (a request has just left) or
    "commit" (a COMMIT is about to).
    """

    what: str
    point: str
    number: int

    @classmethod
    def draw(cls, chance):
        """None for two in nine; steps near the beginning are as likely as late ones."""
        what = chance.choice(("killed", "killed", "paused", "paused", "stopped", "cancelled", "unlocked", "", ""))
        point = chance.choice(("step", "step", "send", "commit"))
        number = int(math.exp(chance.random() * math.log(LATEST_STEP))) if point == "step" else chance.randrange(1, 20)
        return cls(what, point, number) if what else None


class EngineProcess(Process):
    """`left` is done when a successor may be started; once its fate `is_met`, it may end in disorder (`disturbed`)."""

    def __init__(self, world, number, chance, fate):
        super().__init__(f"engine {number}", lambda step: self.reach("step"))
        self.world = world
        self.number = number
        self.chance = chance
        self.fate = fate
        self.reached = dict.fromkeys(("step", "send", "commit"), 0)
        self.epoch = -1
        self.outcome = None
        self.killed = self.disturbed = self.is_met = False
        self.near = chance.random() < 0.5  # its successor runs on the same machine, and sees that it is gone
        self.planned = set()
        self.told = {}
        self.stop = asyncio.Event()

    @property
    def is_known_dead(self):
        """Whether others see that it is gone."""
        return self.near and (self.killed or (self.outcome is not None and self.task.done()))

    def begin(self, work):
        """Runs in a context of its own."""
        context = contextvars.Context()
        context.run(PROCESS.set, self)
        self.task = self.world.loop.create_task(work(self.world, self), name=self.name, context=context)
        self.task.add_done_callback(self._over, context=OUTSIDE)

    def _over(self, task):
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        self.world.ended(self, error or "complete")

    def leave(self):
        """Somebody else may be started."""
        if not self.left.done():
            self.left.set_result(None)

    def reach(self, point):
        """It comes to such a point, where its fate may meet it."""
        self.reached[point] += 1
        fate, lives = self.fate, self.outcome is None and self.world.failure is None
        if fate is not None and (fate.point, fate.number) == (point, self.reached[point]) and lives:
            self.world.note(f"is {fate.what} at {point} {fate.number}", self)
            self.is_met = True
            self.disturbed = fate.what != "stopped"
            getattr(self, f"_{fate.what}")()

    def _killed(self):
        self.killed = self.stands_still = True
        self.world.loop.outside(self.chance.random(), self.world.store.cut, self)
        self.leave()

    def _paused(self):
        self.stands_still = True
        seconds = self.chance.choice((1.0, LEASE_S / 2, LEASE_S - 6, LEASE_S, 3 * LEASE_S, 10 * LEASE_S))
        loop = self.world.loop
        loop.outside(seconds, self._resumed)
        if seconds > LEASE_S / 2:
            loop.outside(self.chance.random() * 20, self._lost)
            loop.outside(self.chance.random() * 20, self.leave)

    def _lost(self):
        """The server has waited long enough for the one who stands still."""
        if self.stands_still:
            self.world.store.cut(self)

    def _resumed(self):
        if not self.killed:
            self.world.note("goes on", self)
            self.world.loop.resume(self)

    def _stopped(self):
        self.stop.set()

    def _cancelled(self):
        self.task.cancel()

    def _unlocked(self):
        """Its connection with the lock is lost, and it does not know."""
        lock = self.world.store.advisory
        if lock is not None and lock.process is self:
            lock.cut()
        if self.chance.random() < 0.5:
            self.leave()


async def run_engine(world, process):
    """What `Engine.run` does of it: takes the store, takes over, plans and writes at once."""
    database = MemoryDatabase(world.store, process.faults)
    async with tenure(database, "zephyr", "qtest", world.settle_s) as held:
        process.epoch = held.epoch
        number = await passes.open_pass(database, "all")
        run = _run(world, process, database, held, number)
        await run.journal.take_over(world.settle_s)
        complete = {kind.name: asyncio.Event() for kind in SMALL_KINDS}
        async with asyncio.TaskGroup() as group:
            group.create_task(_lane(run, _plan, world, process, run, complete))
            group.create_task(_lane(run, _write, run, complete))
        run.check()
        await passes.close_pass(database, number, b"{}")


async def _lane(run, work, *args):
    await _or_fail(run, work(*args))


def _run(world, process, database, held, number):
    limits = SETTINGS.limits.model_copy(update={"in_flight": world.in_flight})
    qtest = SETTINGS.qtest.model_copy(update={"settle_s": world.settle_s})
    run = Run(
        settings=SETTINGS.model_copy(update={"limits": limits, "qtest": qtest}),
        database=database,
        zephyr=None,
        qtest=SimulatedClient(world.service, held.fence, world),
        archive=Archive(database, held, number),
        journal=Journal(database, held, number),
        changes=None,
        overview=Overview(database, number),
        ledger=None,
        accounting=Accounting(None),
        late=None,
        undone=None,
        processes=None,
        stop=process.stop,
    )
    run.known = SETTINGS  # kinds of the simulation look at no context
    return run


async def _write(run, complete):
    for kind in SMALL_KINDS:
        if not run.stop.is_set():
            await Load(run, kind, complete[kind.name]).make()


async def _plan(world, process, run, complete):
    for kind in SMALL_KINDS:
        rows = world.plan.rows[kind.name]
        names = {row.key: f"{kind.name}:{row.key}" for row in rows}
        records = [Read(key, SPOILT if name in world.plan.spoilt else b"record") for key, name in names.items()]
        await run.archive.add_page(kind.source, records, Reading("", complete=True))
        for some in _groups(process.chance, rows):
            await run.sleep(process.chance.choice((0.0, 0.0, 0.1, 3.0)))
            if run.stop.is_set():
                return
            await run.journal.plan(some, kind.source if kind.waits else "")
            process.planned.update(names[row.key] for row in some)
        if not kind.waits:
            _have_all(run, complete[kind.name])
    for kind in SMALL_KINDS:
        if kind.waits:
            await _read_details(world, process, run, kind)
            _have_all(run, complete[kind.name])


async def _read_details(world, process, run, kind):
    table = world.store.tables["archive"]
    lacking = [
        row.key
        for row in world.plan.rows[kind.name]
        if table[kind.source, row.key]["detail_pass"] < run.archive.number or table[kind.source, row.key]["fault"]
    ]
    process.chance.shuffle(lacking)
    for some in _groups(process.chance, lacking):
        await run.sleep(process.chance.choice((0.0, 0.1, 3.0)))
        if run.stop.is_set():
            return
        faults = {key: "gone" if f"{kind.name}:{key}" in world.plan.spoilt_details else "" for key in some}
        await run.archive.add_details(kind.source, [(key, b"detail", fault) for key, fault in faults.items()])
        await run.journal.ready(kind.name, list(faults.items()))


def _have_all(run, complete):
    complete.set()
    run.journal.settled.set()


def _groups(chance, items):
    start = 0
    while start < len(items):
        size = chance.randrange(1, 9)
        yield items[start : start + size]
        start += size
