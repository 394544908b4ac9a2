"""One seed: a plan, a store, a service, engines that are started until all is made; and what must hold meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import random
import zlib
from collections import Counter, deque
from unittest import mock

import msgspec
from engine_process import EngineProcess, Fate, run_engine
from memory_store import MemoryStore
from service import Service, Weather
from small_kinds import draw_plan
from store_weather import StoreWeather
from virtual_loop import PROCESS, VirtualLoop

from ztoq_async.errors import FenceError, StoreBusy, ZtoqError
from ztoq_async.lanes.run import Stopped
from ztoq_async.store import tenure as tenures
from ztoq_async.store.transitions import DONE, FROM, PENDING, REFUSED, SENT

LAST_EVENTS = 200
QUIET_S = 500.0
SPARE_STARTS = 8
SCOPES = {"place": "list", "thing": "list", "note": "search"}
ALLOWED = {(before, after) for after, befores in FROM.items() for before in befores}
PLANNED_AGAIN = {(REFUSED, PENDING), (REFUSED, REFUSED), (PENDING, PENDING)}
EXPECTED = (ZtoqError, Stopped, asyncio.CancelledError, TimeoutError)


class World:
    """Everything that one seed decides, and the watch over it: stores and services tell it what happens."""

    def __init__(self, seed):
        self.seed = seed
        self.loop = VirtualLoop(random.Random(f"{seed} order"))
        self.chance = chance = random.Random(f"{seed} world")
        self.plan = draw_plan(chance)
        self.rows = self.plan.all()
        self.in_flight = chance.randrange(1, 5)
        self.settle_s = chance.choice((2.0, 10.0, 60.0))
        self.honest = chance.random() < 0.85
        self.chaos = chance.choice((1, 1, 2, 3, 4))
        self.store = MemoryStore()
        self.store.committed = self.commits
        self.service = Service(random.Random(f"{seed} service"), self.settle_s, self.honest, watch=self)
        self.service.poison = frozenset(name for name in self.rows if chance.random() < 0.04)
        self.processes = []
        self.trace = deque(maxlen=LAST_EVENTS)
        self.digest = 0
        self.progress = 0
        self.failure = None
        self._broken = self.loop.create_future()
        self._journal = {}
        self._sent_at = {}
        self._began = {}
        self._looked = {}
        self._late = set()
        self._may_be_refused = {f"{row.kind}:{row.key}" for row in self.rows.values() if row.refusal}
        self._may_be_refused |= self.plan.spoilt | self.plan.spoilt_details

    # What is told

    def note(self, words, process=None):
        """An event, for the trace and for the digest by which two replays are compared."""
        if self.failure is not None:
            return
        line = f"{self.loop.time():9.3f} {process or PROCESS.get() or '-'}: {words}"
        self.digest = zlib.crc32(line.encode(), self.digest)
        self.trace.append(line)

    def breaks(self, words):
        """A promise is broken: the first one counts, and ends the simulation."""
        if self.failure is None:
            self.note(f"BROKEN: {words}")
            self.failure = words
            self._broken.set_result(None)

    def expect(self, holds, words):
        if not holds:
            self.breaks(words)

    def sends(self, call):
        """A request that makes something passes the fence."""
        body = msgspec.json.decode(call.body)
        name, process, now = f"{body['kind']}:{body['key']}", PROCESS.get(), self.loop.time()
        self.note(f"sends {name} below {body['parent']}")
        row, plan = self._row(name), self.rows[name]
        self.expect((row["state"], row["epoch"]) == (SENT, process.epoch), f"{name} leaves, but is {row['state']}")
        for parent in plan.parents:
            self.expect(self._row(parent)["state"] == DONE, f"{name} leaves before its parent {parent}")
        if name in self._sent_at:
            self._expect_look(name, body["parent"])
        self._sent_at[name] = now
        process.reach("send")

    def _row(self, name):
        kind, _, key = name.partition(":")
        return self.store.tables["journal"][self.store.tables["names"][kind, key]]

    def _before(self, name):
        """All that belong before a row, in their order."""
        found = []
        while after := self.rows[name].after:
            name = after[0]
            found.append(name)
        return found

    def _expect_look(self, name, parent):
        kind = name.partition(":")[0]
        due = self._sent_at[name] + self.settle_s
        for path in (f"/list/{kind}/{parent}", f"/{SCOPES[kind]}/{kind}"):
            looked = self._looked.get(path, -1.0)
            self.expect(looked >= due, f"{name} is sent again without a look at {path} after {due:.3f} s")

    def proves(self, call):
        """The answer proves that nothing was made: it may be sent again without a look."""
        body = msgspec.json.decode(call.body)
        self.note(f"not applied: {body['kind']}:{body['key']}")
        self._sent_at.pop(f"{body['kind']}:{body['key']}", None)

    def answers(self, call, answer):
        """A success comes to who has asked, who is not told of the object in every case."""
        body = msgspec.json.decode(call.body)
        with contextlib.suppress(msgspec.DecodeError, KeyError):
            PROCESS.get().told[f"{body['kind']}:{body['key']}"] = msgspec.json.decode(answer.body)["id"]

    def refuses(self, name):
        """The service refuses this request."""
        self._may_be_refused.add(name)

    def makes(self, made):
        """A request takes effect."""
        self.progress += 1
        self.note(f"{made.kind}:{made.key} is made, id {made.id}", "qtest")
        if self.honest:
            self.expect(not self.service.with_key(made.kind, made.key), f"{made.kind}:{made.key} is made twice")

    def lists(self, process, path, number, began, *, last):
        """A page of a list is read."""
        self.progress += 1
        if number == 1:
            self._began[process, path] = began
        if last:
            self._looked[path] = max(self._looked.get(path, -1.0), self._began[process, path])
            self.note(f"{path} was read to its end", process)

    def commits(self, names):
        """A transaction is committed."""
        if "journal" not in names:
            return
        self.progress += 1
        before, self._journal = self._journal, self.store.tables["journal"]
        sent = {}
        for identifier, row in self._journal.items():
            old = before.get(identifier)
            if row["state"] == SENT:
                sent[row["epoch"]] = sent.get(row["epoch"], 0) + 1
            if old is not row:
                self._changes(old, row)
        for epoch, number in sent.items():
            self.expect(number <= 2 * self.in_flight, f"{number} rows of epoch {epoch} are sent at once")

    def _changes(self, old, row):
        name, state = f"{row['kind']}:{row['key']}", row["state"]
        if old is None or old["state"] != state:
            self.note(f"{name} is committed as {state}", "store")
        if old is not None:
            way = (old["state"], state)
            legal = old["state"] == state or way in ALLOWED | PLANNED_AGAIN
            self.expect(legal, f"{name} goes from {way[0]} to {way[1]}")
            if way == (REFUSED, PENDING):
                self._late.add(name)
        if state == SENT and old["state"] != SENT:
            self._expect_order(name, row["epoch"])
        if state == DONE:
            found = [made for made in self.service.with_key(row["kind"], row["key"]) if made.id == row["target_id"]]
            self.expect(found, f"{name} is done, but there is no object {row['target_id']}")
            same = old is None or old["state"] != DONE or old["target_id"] == row["target_id"]
            self.expect(same, f"{name} is done, and gets another object")

    def _expect_order(self, name, epoch):
        """What belongs before a row is settled when it is claimed.

        Before an engine that goes on has planned a row again, another that was refused may have got its second chance.
        """
        open_ones = [other for other in self._before(name) if self._row(other)["state"] not in (DONE, REFUSED)]
        if not any(name in process.planned for process in self.processes if process.epoch == epoch):
            open_ones = [other for other in open_ones if other not in self._late]
        self.expect(not open_ones, f"{name} is claimed before {open_ones}, which belong before it")

    # What goes on

    async def live(self):
        """Engines are started until one has made everything and all others are gone; one more may follow."""
        number = 0
        while self.failure is None:
            number += 1
            calm = number > self.chaos
            process = self._start(number, calm=calm)
            await process.left
            if process.outcome == "complete" and calm and not self._running() and self.chance.random() < 0.8:
                break  # else the next pass finds that nothing is to be done
            expected = not calm or process.outcome == "complete" or isinstance(process.outcome, StoreBusy)
            self.expect(expected, f"{process} should have made everything, and ended with {process.outcome!r}")
            self.expect(number < self.chaos + SPARE_STARTS, "no engine comes to an end")
            await asyncio.sleep(self.chance.choice((0.0, 1.0, 20.0)))
            if calm and (running := self._running()):
                await asyncio.wait(running)
        await asyncio.sleep(self.service.last_at - self.loop.time())

    def _running(self):
        return [process.task for process in self.processes if not process.killed and not process.task.done()]

    def _start(self, number, *, calm):
        chance = random.Random(f"{self.seed} engine {number}")
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
        if not process.disturbed and not process.faults.any:
            rows = [row["key"] for row in self._journal.values() if is_sent(row, process.epoch)]
            self.expect(not rows, f"{process} ended in order, and leaves {rows} as sent")
        if not process.faults.any:
            self._expect_orphans(process)
        process.leave()

    def _expect_orphans(self, process):
        """What an engine was told and did not commit, being overtaken, is kept under its id."""
        orphans = {(f"{row['kind']}:{row['key']}", row["target_id"]) for row in self.store.tables["orphan"]}
        if isinstance(process.outcome, FenceError):
            for name, identifier in process.told.items():
                row = self._row(name)
                kept = (row["state"], row["target_id"]) == (DONE, identifier) or (name, identifier) in orphans
                self.expect(kept, f"{process} was told of {name}, id {identifier}, and nobody knows it any more")

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
        await asyncio.wait([life, watch, self._broken], return_when=asyncio.FIRST_COMPLETED)
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
        rows, tables = self._journal.values(), self.store.tables
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

    # What must hold in the end

    def judge(self):
        """Every row is settled; each object belongs to one done row, or the duplicate is visible."""
        for name, planned in self.rows.items():
            if (planned.kind, planned.key) not in self.store.tables["names"]:
                self.breaks(f"{name} is not in the journal")
                continue
            row = self._row(name)
            objects = self.service.with_key(row["kind"], row["key"])
            self.expect(row["state"] in (DONE, REFUSED), f"{name} is {row['state']} in the end")
            if row["state"] == DONE:
                self.expect(row["target_id"] in [made.id for made in objects], f"{name} is done and lost")
            else:
                self.expect(self._is_refused_rightly(name), f"{name} is refused: {row['reason']}")
            visible = row["resent"] and not self.honest
            surplus = len(objects) - (row["state"] == DONE)
            self.expect(surplus == 0 or visible, f"{name} is {row['state']} and has {len(objects)} objects")
        if self.honest:
            self._judge_orphans()
            self._judge_order()

    def _judge_order(self):
        """What belongs before others was made before them, unless it was refused first and got another chance."""
        made_at = {f"{made.kind}:{made.key}": made.id for made in self.service.objects}
        for name, identifier in made_at.items():
            late = [other for other in self._before(name) if made_at.get(other, 0) > identifier]
            self.expect(self._late.issuperset(late), f"{name} was made before {late}, which belong before it")

    def _judge_orphans(self):
        for orphan in self.store.tables["orphan"]:
            row = self._row(f"{orphan['kind']}:{orphan['key']}")
            self.expect(row["target_id"] == orphan["target_id"], f"the orphan {orphan} is not what the journal has")

    def _is_refused_rightly(self, name):
        row = self.rows[name]
        return name in self._may_be_refused or any(self._is_refused_rightly(parent) for parent in row.parents)


def how_it_ended(outcome):
    """In words, without those of an error."""
    return f"ended by {type(outcome).__name__}" if isinstance(outcome, BaseException) else str(outcome)


def is_sent(row, epoch):
    """Whether a row is marked as sent by that epoch."""
    return (row["state"], row["epoch"]) == (SENT, epoch)


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
        loop.run_until_complete(world.bury())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
    return world
