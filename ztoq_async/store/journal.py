"""The journal: what is to be made, what was sent, what is there (protocol.md, rules 1, 2, 5, 9, 11, 14).

One writer: every transaction that changes rows runs under one lock of this object, checks the epoch first, and is
committed before its effect counts. Workers hand transitions over; a flush takes all that have gathered since the last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TypeVar

import msgspec
from asyncpg import Record

from ztoq_async.errors import FenceError
from ztoq_async.mapping.kind import Made, Refs
from ztoq_async.plan import Row
from ztoq_async.resources.database import Database
from ztoq_async.resources.session import Session
from ztoq_async.store import moved, planned
from ztoq_async.store.chains import Chains
from ztoq_async.store.statements import BRIDGE, CLAIM, LACKS, READY, REFRESH, UNCLAIM
from ztoq_async.store.statistics import analyse
from ztoq_async.store.tenure import Tenure
from ztoq_async.store.transitions import DONE, REFUSED, Transition
from ztoq_async.store.words import storable

T = TypeVar("T")
REFS_KEPT = 8_000
ANALYSE_FROM, ANALYSE_FACTOR = 500, 4
"""Planned rows until the journal's statistics are made first, and how many times as many until they are made again."""


class Claimed(msgspec.Struct, frozen=True):
    """A row that is marked as sent, with the archived record behind it."""

    id: int
    key: str
    parents: tuple[str, ...]
    attempt: int
    record: bytes
    detail: bytes


class Journal:
    """The rows of one migration, as the engine of one epoch sees them."""

    def __init__(self, database: Database, tenure: Tenure, number: int) -> None:
        self._database = database
        self._tenure = tenure
        self._pass = number
        self._lock = asyncio.Lock()
        self._gathered: list[Transition] = []
        self._refs: dict[str, Made] = {}
        self._chains = Chains()
        self._planned, self._analyse_next = 0, ANALYSE_FROM
        self.settled = asyncio.Event()
        self.gathered = asyncio.Event()
        self._claiming = False

    @property
    def has_gathered(self) -> bool:
        """True while transitions wait for a flush."""
        return bool(self._gathered) or self._lock.locked()

    @property
    def epoch(self) -> int:
        """The epoch of this engine."""
        return self._tenure.epoch

    async def write(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """A transaction of this epoch beside no other of this journal."""
        async with self._lock:
            return await self._tenure.write(self._database, work)

    def forget_refs(self) -> None:
        """What rows keep for their children has changed."""
        self._refs.clear()

    async def take_over(self, settle_s: float) -> None:
        """Rows that an older epoch sent are in doubt, to be looked at when what it sent last has settled (rule 5)."""

        async def write(session: Session) -> None:
            await session.execute(
                "UPDATE journal SET state = 'doubt', due_at = now() + make_interval(secs => $2) "
                "WHERE state = 'sent' AND epoch < $1",
                self._tenure.epoch,
                settle_s,
            )

        await self.write(write)

    async def plan(self, rows: Sequence[Row], waiting_for: str = "") -> int:
        """Writes rows that are new, with their edges; rows that are known belong to this pass again.

        Refused ones get another chance, and done ones that are planned `again`. Rows wait for the details of the
        records `waiting_for`, a source of the archive, where this pass has not read them yet. Answers how many rows
        that are done already should have come after one that is still to be made.
        """
        if not rows:
            return 0

        async def write(session: Session) -> tuple[int, int]:
            every, ids = await planned.insert(session, rows, self._pass)
            if waiting_for:
                await session.execute(LACKS, list(ids.values()), waiting_for, self._pass)
            await planned.connect(session, rows, ids, self._chains)
            await moved.refuse_children(session, every)
            return len(every), await planned.late(session, rows, ids)

        written, late = await self.write(write)
        self.settled.set()
        self._planned += written
        if self._planned >= self._analyse_next:
            self._analyse_next = ANALYSE_FACTOR * self._planned
            await analyse(self._database, "journal, journal_edge")
        return late

    async def ready(self, kind: str, details: Sequence[tuple[str, str]]) -> None:
        """The details of these records (key, fault) are there: their rows can be made, those with a fault cannot."""

        async def write(session: Session) -> None:
            rows = await session.fetch(
                READY, kind, [key for key, _ in details], [storable(text) for _, text in details]
            )
            refused = [row["id"] for row in rows if row["state"] == REFUSED]
            if refused:
                await session.execute(BRIDGE, refused)
                await moved.recount(session, refused)
                await moved.refuse_children(session, refused)

        await self.write(write)
        self.settled.set()

    async def refresh(self, found: Sequence[tuple[int, Made]]) -> None:
        """What done rows keep for their children, as the target shows it now: versions and steps change."""

        async def write(session: Session) -> None:
            await session.execute(
                REFRESH,
                [row for row, _ in found],
                [made.version_id for _, made in found],
                [",".join(map(str, made.step_ids)) for _, made in found],
            )

        await self.write(write)
        self.forget_refs()

    async def adopt(self, kind: str, found: Sequence[tuple[str, Made]]) -> None:
        """Rule 10: pending rows whose key the project holds are done; what they hold is compared by `verify`."""
        rows = await self._database.fetch(
            "SELECT id, key FROM journal WHERE kind = $1 AND state = 'pending' AND key = ANY($2)",
            kind,
            [key for key, _ in found],
        )
        made = dict(found)
        for row in rows:
            self.hand_over(Transition(row["id"], DONE, made[row["key"]], "adopted"))
        await self.flush()

    async def claim(self, kind: str, source: str, most: int, working: Collection[int] = ()) -> list[Claimed]:
        """Marks rows that wait for nothing as sent, committed before this returns, until `most` are (rule 2).

        What has gathered is written with them: one commit for both. `working` are the rows in the callers' hands: they
        count, and so do those that gather meanwhile. Any other that this epoch marked as sent was lost with the
        connection that should have told so: nothing of it has left, and it is claimed again.
        """

        async def write(session: Session, batch: Sequence[Transition]) -> list[Record]:
            if batch:
                await self._write(session, batch)
            held = {*working, *(row.id for row in self._gathered[len(batch) :])} - {row.id for row in batch}
            if self._claiming:
                await session.execute(UNCLAIM, kind, self._tenure.epoch, list(held))
            self._claiming = True
            free = max(0, most - len(held))
            return await session.fetch(CLAIM, kind, source, free, self._tenure.epoch, self._pass)

        async with self._lock:
            rows = await self._keep(write)
            self._claiming = False
        return [
            Claimed(
                row["id"],
                row["key"],
                tuple(row["parents"]),
                row["attempt"],
                row["record"] or b"",
                row["detail"] or b"",
            )
            for row in rows
        ]

    async def refs(self, names: Collection[str]) -> Refs:
        """What the named done rows keep for their children; the newest are remembered."""
        found = {name: self._refs[name] for name in names if name in self._refs}  # others may push these out meanwhile
        missing = [name for name in names if name not in found]
        if missing:
            rows = await self._database.fetch(
                "SELECT j.kind || ':' || j.key AS name, target_id, version_id, step_ids "
                "FROM unnest($1::text[], $2::text[]) AS t(kind, key) JOIN journal j USING (kind, key) "
                "WHERE j.state = 'done'",
                [name.partition(":")[0] for name in missing],
                [name.partition(":")[2] for name in missing],
            )
            while len(self._refs) > REFS_KEPT:
                self._refs.pop(next(iter(self._refs)))
            fresh = {row["name"]: Made(row["target_id"], row["version_id"], tuple(row["step_ids"])) for row in rows}
            self._refs.update(fresh)
            found.update(fresh)
        return {name: found[name] for name in names if name in found}

    def hand_over(self, transition: Transition) -> None:
        """Gives a transition to the writer; it counts when a flush has committed it."""
        self._gathered.append(transition)
        self.gathered.set()

    async def flush(self) -> int:
        """Commits what has gathered; how many rows that were. What was not kept is there for the next flush."""
        async with self._lock:
            number = len(self._gathered)
            if number:
                await self._keep(self._write)
            else:
                self.gathered.clear()
        return number

    async def _keep(self, write: Callable[[Session, Sequence[Transition]], Awaitable[T]]) -> T:
        """What a transaction gives that writes all that has gathered so far."""
        batch = list(self._gathered)
        self.gathered.clear()
        try:
            found = await self._tenure.write(self._database, lambda session: write(session, batch))
        except FenceError:
            await self._note_orphans(batch)
            del self._gathered[: len(batch)]
            raise
        del self._gathered[: len(batch)]
        if batch:
            self.settled.set()
        return found

    async def _write(self, session: Session, batch: Sequence[Transition]) -> None:
        await moved.write(session, batch, self._pass, self.epoch)

    async def _note_orphans(self, batch: Sequence[Transition]) -> None:
        """Rule 8: what this engine made after it was overtaken is kept under its id, for rule 7 to settle."""
        made = [row for row in batch if row.state == DONE and row.made.id]
        async with self._database.session() as session:
            await session.execute(
                "INSERT INTO orphan (kind, key, target_id, epoch) SELECT kind, key, t.target, $3 "
                "FROM unnest($1::bigint[], $2::bigint[]) AS t(id, target) JOIN journal USING (id)",
                [row.id for row in made],
                [row.made.id for row in made],
                self._tenure.epoch,
            )
