"""What must hold whatever happens: the promises of docs/exactly-once.md, checked at every event."""

from __future__ import annotations

import contextlib
import zlib
from collections import deque

import msgspec
from virtual_loop import PROCESS

from ztoq_async.errors import FenceError
from ztoq_async.store.transitions import DONE, DOUBT, FROM, PENDING, REFUSED, SENT

LAST_EVENTS = 200
SCOPES = {"place": "list", "thing": "list", "note": "search"}
ALLOWED = {(before, after) for after, befores in FROM.items() for before in befores}
PLANNED_AGAIN = {(REFUSED, PENDING), (REFUSED, DOUBT)}


class Promises:
    """Stores, services and engines tell it what they do; the first promise that is broken is its `failure`.

    `rows` are the planned rows by name, `may_be_refused` those that a rule or the source refuses. `broken` is a future
    that is done when a promise is broken.
    """

    def __init__(self, loop, rows, may_be_refused, *, in_flight, settle_s, honest):
        self.loop = loop
        self.rows = rows
        self.in_flight = in_flight
        self.settle_s = settle_s
        self.honest = honest
        self.processes = []
        self.store = self.service = None
        self.trace = deque(maxlen=LAST_EVENTS)
        self.digest = 0
        self.progress = 0
        self.failure = None
        self.broken = loop.create_future()
        self.journal = {}
        self._may_be_refused = set(may_be_refused)
        self._sent_at = {}
        self._began = {}
        self._looked = {}
        self._late = set()

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
            self.broken.set_result(None)

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
        before, self.journal = self.journal, self.store.tables["journal"]
        sent = {}
        for identifier, row in self.journal.items():
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
            self.expect(
                old["state"] == state or way in ALLOWED | PLANNED_AGAIN, f"{name} goes from {way[0]} to {way[1]}"
            )
            if way in PLANNED_AGAIN:
                self.expect((state == DOUBT) == row["resent"], f"{name} may be there, and is planned to be sent again")
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

    def ends(self, process):
        """An engine has come to its end. One that was not disturbed leaves nothing as sent.

        What one that was overtaken was told and could not commit is kept under its id.
        """
        if not process.disturbed:
            rows = [
                row["key"] for row in self.journal.values() if (row["state"], row["epoch"]) == (SENT, process.epoch)
            ]
            self.expect(not rows, f"{process} ended in order, and leaves {rows} as sent")
        if isinstance(process.outcome, FenceError):
            orphans = {(f"{row['kind']}:{row['key']}", row["target_id"]) for row in self.store.tables["orphan"]}
            for name, identifier in process.told.items():
                row = self._row(name)
                kept = (row["state"], row["target_id"]) == (DONE, identifier) or (name, identifier) in orphans
                self.expect(kept, f"{process} was told of {name}, id {identifier}, and nobody knows it any more")

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
