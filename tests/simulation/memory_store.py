"""The store in memory: sessions, commits and locks as PostgreSQL has them; `memory_statements.py` knows the statements.

The program's own Journal, Overview, Archive, Tenure and passes work on it as on a `Database`. A transaction sees what
is committed and its own changes; only its COMMIT shows them to others. The one lock that is waited for is that of the
migration's row, which keeps an epoch current while a transaction of it runs.
"""

from __future__ import annotations

import asyncio
import contextlib

from memory_statements import answer_of, copy_records, lock_of
from virtual_loop import PROCESS

from ztoq_async.errors import StoreLost
from ztoq_async.resources.again import Repeating

COMMAND_S = 60.0


class Faultless:
    """What may happen to a session: seconds for each step, and at which of them its connection is lost.

    `point` is "begin", "statement" or "commit"; `lost` answers "", "before" or, at a commit, "after".
    """

    def seconds(self, point):
        return 0.0

    def lost(self, point):
        return ""


class MemoryStore:
    """The server: what is committed, who waits for the row of the migration, whose connections are open.

    `committed` are called, when a transaction has changed tables, with the names of these.
    """

    def __init__(self):
        self.tables = {
            "journal": {},
            "names": {},
            "edges": {},
            "archive": {},
            "reading": {},
            "pass": {},
            "migration": {},
            "orphan": [],
        }
        self.sequence = 0
        self.advisory = None
        self.sharing, self.owning = set(), None
        self.waiting = []
        self.sessions = {}
        self.committed = lambda names: None

    def next_id(self):
        """As a sequence gives them: never twice, also after a rollback."""
        self.sequence += 1
        return self.sequence

    def cut(self, process):
        """All connections of a process are gone: what was not committed is rolled back, its locks are free."""
        for session in [session for session in self.sessions if session.process is process]:
            session.cut()

    def release(self, session):
        """The session has no locks any more."""
        self.sharing.discard(session)
        if self.owning is session:
            self.owning = None
        waiting, self.waiting = self.waiting, []
        for turn in waiting:
            if not turn.done():
                turn.set_result(None)

    def free_for(self, session, lock):
        """Whether the row's lock can be had."""
        if self.owning not in (None, session):
            return False
        return lock == "share" or not self.sharing - {session}


class MemoryDatabase(Repeating):
    """`Database` as the store's modules use it."""

    place = "the store in memory"

    def __init__(self, store=None, faults=None):
        self.store = store or MemoryStore()
        self.faults = faults or Faultless()

    @contextlib.asynccontextmanager
    async def session(self):
        """A transaction: committed at the block's end, rolled back by an exception."""
        session = MemorySession(self)
        try:
            await session.step("begin")
            yield session
            await session.commit()
        finally:
            session.end()

    @contextlib.asynccontextmanager
    async def dedicated(self):
        """A connection that commits each statement by itself, and keeps an advisory lock."""
        session = MemorySession(self, autocommit=True)
        try:
            yield session
        finally:
            session.end()


class MemorySession:
    """One connection in one transaction, or in one for each statement."""

    def __init__(self, database, *, autocommit=False):
        self._store = database.store
        self._faults = database.faults
        self._autocommit = autocommit
        self._own = {}
        self._seen = {}
        self.process = PROCESS.get()
        self.over = self.is_cut = False
        self._store.sessions[self] = None

    async def fetch(self, query, *args, timeout=COMMAND_S):
        """The rows that the statement answers."""
        self._check()
        assert not self.over, "a statement after the session's end"
        await self.step("statement")
        if lock := lock_of(query):
            await self._locked(lock, timeout)
        rows = answer_of(query, self, args)
        if self._autocommit:
            self._publish()
            self._store.release(self)
        return rows

    async def fetchrow(self, query, *args, timeout=COMMAND_S):
        """The first row, or None."""
        rows = await self.fetch(query, *args, timeout=timeout)
        return rows[0] if rows else None

    async def fetchval(self, query, *args, timeout=COMMAND_S):
        """The first column of the first row, or None."""
        row = await self.fetchrow(query, *args, timeout=timeout)
        return next(iter(row.values())) if row else None

    async def execute(self, query, *args, timeout=COMMAND_S):
        """A statement whose answer nobody reads."""
        await self.fetch(query, *args, timeout=timeout)

    async def copy_records(self, table, records, columns, *, timeout=COMMAND_S):
        """COPY; how many there were."""
        self._check()
        assert not self.over, "a statement after the session's end"
        await self.step("statement")
        copy_records(self, table, records, columns)
        return len(records)

    def __getitem__(self, name):
        """A table as this transaction sees it."""
        return self._own.get(name, self._store.tables[name])

    def own(self, name):
        """The same to be changed; rows are replaced, never changed themselves."""
        if name not in self._own:
            self._seen[name] = self._store.tables[name]
            self._own[name] = self._seen[name].copy()
        return self._own[name]

    def next_id(self):
        """The next of the store's numbers."""
        return self._store.next_id()

    def now(self):
        """Seconds."""
        return asyncio.get_running_loop().time()

    def try_lock(self):
        """The advisory lock of the connection."""
        if self._store.advisory in (None, self):
            self._store.advisory = self
        return self._store.advisory is self

    async def step(self, point):
        """The way to the server and back; the connection may be lost on it."""
        seconds = self._faults.seconds(point)
        if seconds or point == "begin":
            await asyncio.sleep(seconds)
        if self._faults.lost(point):
            self.cut()
        self._check()

    async def commit(self):
        """COMMIT: once it is on its way it takes place or not, whatever becomes of who waits for it."""
        self._check()
        lost = self._faults.lost("commit")
        if lost == "before":
            self.cut()
            self._check()
        if seconds := self._faults.seconds("commit"):
            await self._commit_within(seconds)
        else:
            self._take_place()
        self._check()
        if lost == "after":
            raise StoreLost("COMMIT got no answer: look whether the work was kept")

    async def _commit_within(self, seconds):
        loop = asyncio.get_running_loop()
        done = loop.create_future()

        def take_place():
            try:
                self._take_place()
            except AssertionError as error:
                done.set_exception(error)
            else:
                done.set_result(None)

        loop.outside(seconds, take_place)
        cancelled = None
        while not done.done():
            try:
                await asyncio.shield(done)
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled

    def _take_place(self):
        if not self.is_cut:
            self._publish()
        self.end()

    def cut(self):
        """The connection is lost."""
        self.is_cut = True
        self.end()

    def end(self):
        """Rolled back unless committed; nothing is locked by it any more."""
        if not self.over:
            self.over = True
            self._own.clear()
            self._store.sessions.pop(self, None)
            if self._store.advisory is self:
                self._store.advisory = None
            self._store.release(self)

    def _publish(self):
        store = self._store
        for name, table in self._own.items():
            assert store.tables[name] is self._seen[name], f"two transactions wrote {name} at the same time"
            store.tables[name] = table
        names = list(self._own)
        self._own.clear()
        if names:
            store.committed(names)

    async def _locked(self, lock, timeout):
        store = self._store
        if not store.free_for(self, lock):
            async with asyncio.timeout(timeout):
                while not store.free_for(self, lock):
                    turn = asyncio.get_running_loop().create_future()
                    store.waiting.append(turn)
                    await turn
                    self._check()
        if lock == "share":
            store.sharing.add(self)
        else:
            store.owning = self

    def _check(self):
        if self.is_cut:
            raise StoreLost("the connection to the store was lost")
