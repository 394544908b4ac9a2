"""One seed: a plan, a store, a service, and engines that are started until all is made."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from unittest import mock

from engine_process import EngineProcess, Fate, run_engine
from memory_store import MemoryStore
from promises import Promises
from service import Service, Weather
from small_kinds import draw_plan
from store_weather import StoreWeather
from virtual_loop import PROCESS, VirtualLoop

from ztoq_async.errors import StoreBusy, ZtoqError
from ztoq_async.lanes.run import Stopped
from ztoq_async.store import tenure as tenures

QUIET_S = 500.0
SPARE_STARTS, BUSY_S = 8, 20.0
EXPECTED = (ZtoqError, Stopped, asyncio.CancelledError, TimeoutError)


class World(Promises):
    """Everything that one seed decides, and what goes on."""

    def __init__(self, seed):
        self.seed = seed
        self.chance = chance = random.Random(f"{seed} world")
        self.plan = draw_plan(chance)
        super().__init__(
            VirtualLoop(random.Random(f"{seed} order")),
            self.plan.all(),
            self.plan.refused(),
            in_flight=chance.randrange(1, 5),
            settle_s=chance.choice((2.0, 10.0, 60.0)),
            honest=chance.random() < 0.85,
        )
        self.chaos = chance.choice((1, 1, 2, 3, 4))
        self.store = MemoryStore()
        self.store.committed = self.commits
        self.service = Service(random.Random(f"{seed} service"), self.settle_s, self.honest, watch=self)
        self.service.poison = frozenset(name for name in self.rows if chance.random() < 0.04)
        self.one_more = chance.random() < 0.2
        self.mended_at = chance.randrange(1, 6)

    async def live(self):
        """Engines are started until one has made everything and all others are gone; one more may follow."""
        number = 0
        while self.failure is None:
            number += 1
            calm = number > self.chaos
            process = self._start(number, calm=calm)
            await process.left
            if process.outcome == "complete" and calm and not self._running():
                if not self.one_more:
                    break
                self.one_more = False  # the next pass finds that nothing is to be done
            expected = not calm or process.outcome == "complete" or isinstance(process.outcome, StoreBusy)
            self.expect(expected, f"{process} should have made everything, and ended with {process.outcome!r}")
            self.expect(number < self.chaos + SPARE_STARTS, "no engine comes to an end")
            patience = BUSY_S if isinstance(process.outcome, StoreBusy) else 0.0
            await asyncio.sleep(self.chance.choice((0.0, 1.0, 20.0)) + patience)
            if calm and (running := self._running()):
                await asyncio.wait(running)
        await asyncio.sleep(self.service.last_at - self.loop.time())

    def _running(self):
        return [process.task for process in self.processes if not process.killed and not process.task.done()]

    def _start(self, number, *, calm):
        chance = random.Random(f"{self.seed} engine {number}")
        if number == self.mended_at:
            self.plan.mend()
        self.service.weather = Weather() if calm else draw_weather(chance)
        process = EngineProcess(self, number, chance, None if calm else Fate.draw(chance))
        process.faults = StoreWeather() if calm else StoreWeather.draw(chance)
        self.processes.append(process)
        self.note(f"starts{' in calm weather' if calm else ''}", process)
        process.left = self.loop.create_future()
        process.begin(run_engine)
        return process

    def ended(self, process, outcome):
        """An engine has come to its end by itself."""
        if self.failure is not None:
            return
        process.outcome = outcome
        self.note(f"ended: {outcome!r}", process)
        if isinstance(outcome, BaseException) and not isinstance(outcome, EXPECTED):
            self.breaks(f"{process} ended with {outcome!r}")
        if not process.faults.any:
            self.ends(process)
        process.leave()

    async def watch(self):
        """Nothing may stand still while somebody should work."""
        seen = -1
        while self.progress > seen or any(process.stands_still and not process.killed for process in self.processes):
            seen = self.progress
            await asyncio.sleep(QUIET_S)
        self.breaks(f"a hang: nothing has happened for {QUIET_S:.0f} s")

    async def main(self):
        """The whole life, and its judgement."""
        life = asyncio.create_task(self.live(), name="world")
        watch = asyncio.create_task(self.watch(), name="watch")
        await asyncio.wait([life, watch, self.broken], return_when=asyncio.FIRST_COMPLETED)
        if life.done():
            life.result()
            self.judge()

    async def bury(self):
        """What stands still for ever is unwound, so that nothing is left of it; nobody looks at what it does then."""
        self.failure = self.failure or ""
        for process in self.processes:
            process.killed = True
            self.store.cut(process)
            self.loop.resume(process)
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in sorted(others, key=lambda task: task.number):
            task.cancel()
        if others:
            await asyncio.wait(others)

    def met(self):
        """What has happened here, for those who ask whether the seeds meet what they are made for."""
        rows, tables = self.journal.values(), self.store.tables
        keys = {(made.kind, made.key) for made in self.service.objects}
        return Counter(
            [
                *(f"engine {process.fate.what}" for process in self.processes if process.is_met),
                *(how_it_ended(process.outcome) for process in self.processes),
                *(f"row {row['origin'] or row['state']}" for row in rows),
                *("row resent" for row in rows if row["resent"]),
                *("orphan" for _ in tables["orphan"]),
                *("second pass" for number in tables["pass"] if number > 1),
                *("duplicate" for _ in range(len(self.service.objects) - len(keys))),
            ]
        )


def how_it_ended(outcome):
    """In words, without those of an error."""
    return f"ended by {type(outcome).__name__}" if isinstance(outcome, BaseException) else str(outcome)


def draw_weather(chance):
    """A few things go wrong in this engine's time, some of them often."""
    rates = {name: chance.choice((0.02, 0.1, 0.4)) for name in Weather.__annotations__ if chance.random() < 0.25}
    for name in {"ends", "unreachable", "quota", "list_fails"} & rates.keys():
        rates[name] = 0.03
    rates["slow_s"] = chance.choice((0.0, 0.0, 0.5, 5.0, 40.0))
    return Weather(**rates)


@contextlib.contextmanager
def virtual_surroundings():
    """The program's clock and its knowledge of processes are those of the simulation."""

    def here():
        process = PROCESS.get()
        return tenures.Holder("here", "boot", process.number, 0.0)

    def is_dead(holder):
        world = PROCESS.get().world
        return world.processes[holder.pid - 1].is_known_dead

    with (
        mock.patch.object(tenures, "_clock", lambda: asyncio.get_running_loop().time()),
        mock.patch.object(tenures.Holder, "here", here),
        mock.patch.object(tenures.Holder, "is_dead", is_dead),
    ):
        yield


def simulate(seed):
    """Lives through one seed; the world after it: `failure` is "" or what was broken."""
    world = World(seed)
    loop = world.loop
    loop.set_exception_handler(lambda _, context: None)  # tasks that were cut short complain; outcomes are judged
    try:
        loop.run_until_complete(world.main())
    except Exception as error:  # noqa: BLE001 - whatever it is, the seed has found it
        world.breaks(f"{type(error).__name__}: {error}")
    finally:
        loop.steps = 0
        try:
            loop.run_until_complete(world.bury())
        except AssertionError as error:
            world.failure = world.failure or f"what stood still cannot be unwound: {error}"
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
    return world
