"""Who may write: one engine at a time, by advisory lock, epoch, heartbeat and fence (protocol.md, rules 1 and 3)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec
import psutil

from ztoq_async.errors import FenceError, SettingsError, StoreBusy, StoreError
from ztoq_async.resources.database import Database
from ztoq_async.resources.session import Session

T = TypeVar("T")
LEASE_S = 30.0
BEAT_S = 5.0
MARGIN_S = 5.0
TICK_S = 0.1
_LOCK = 0x7A746F72  # another one than that of schema changes, which wait
_FREE_S = 5.0  # until a session that is ended has let go of its lock
# A session older than the last beat is the silent holder's own; a younger one is of an engine that is just starting.
_END_SILENT = """
SELECT count(pg_terminate_backend(a.pid)) FROM pg_locks l JOIN pg_stat_activity a USING (pid), migration m
WHERE l.locktype = 'advisory' AND l.granted AND l.classid = 0 AND l.objid = $1 AND a.datname = current_database()
    AND a.usename = current_user AND a.backend_start < m.beat_at
    AND m.holder <> '' AND m.beat_at < now() - make_interval(secs => $2)
"""
# What a vanished engine has left in a transaction holds locks that its successor would wait for.
_END_LEFT = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
    AND application_name = current_setting('application_name') AND xact_start IS NOT NULL
"""


class Holder(msgspec.Struct, frozen=True):
    """The process that works on a store; `started` (seconds since 1970) tells two processes with one number apart."""

    host: str
    boot: str
    pid: int
    started: float

    @classmethod
    def here(cls) -> Holder:
        """This process."""
        return cls(socket.gethostname(), _boot_id(), os.getpid(), round(psutil.Process().create_time(), 2))

    def is_dead(self) -> bool:
        """True only if it ran on this machine, in this boot, and is surely gone."""
        if (self.host, self.boot) != (socket.gethostname(), _boot_id()):
            return False
        try:
            return abs(psutil.Process(self.pid).create_time() - self.started) > 1
        except psutil.NoSuchProcess:
            return True


def _boot_id() -> str:
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return str(int(psutil.boot_time()))


def _clock() -> float:
    """Seconds that go on while the machine sleeps, so that a lease cannot outlive a suspended laptop."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Tenure:
    """One engine's right to write: `epoch` goes with every row, `fence` raises where the lease is nearly over."""

    def __init__(self, epoch: int, lease_end: float) -> None:
        self.epoch = epoch
        self._lease_end = lease_end

    @classmethod
    def none(cls) -> Tenure:
        """The right to read only: its epoch is never current."""
        return cls(-1, 0.0)

    def fence(self) -> None:
        """Raises `FenceError` if a request written now might leave after the lease (rule 3)."""
        if _clock() > self._lease_end - MARGIN_S:
            raise FenceError(
                f"this engine (epoch {self.epoch}) could not renew its lease on the store within {LEASE_S:.0f} s: "
                "it sends no more"
            )

    async def beat(self, session: Session) -> None:
        """Renews the lease, counted from before the query."""
        start = _clock()
        current = await session.fetchval(
            "UPDATE migration SET beat_at = now() WHERE epoch = $1 RETURNING epoch", self.epoch, timeout=BEAT_S
        )
        if current is None:
            self._lease_end = 0.0
            raise FenceError(f"another engine has taken over this store after epoch {self.epoch}")
        self._lease_end = start + LEASE_S

    async def write(self, database: Database, work: Callable[[Session], Awaitable[T]]) -> T:
        """A transaction of this epoch; where the server goes away in the middle it is made again, `work` runs twice."""

        async def checked(session: Session) -> T:
            await self._check(session)
            return await work(session)

        return await database.again(checked)

    async def _check(self, session: Session) -> None:
        """Raises `FenceError` unless this epoch is current, and keeps it so until the transaction ends (rule 1)."""
        if await session.fetchval("SELECT epoch FROM migration FOR SHARE") != self.epoch:
            raise FenceError(f"another engine has taken over this store after epoch {self.epoch}")


@contextlib.asynccontextmanager
async def tenure(database: Database, zephyr: str, qtest: str, settle_s: float) -> AsyncIterator[Tenure]:
    """Takes the store for this engine and keeps it; raises `StoreBusy` naming the engine that has it."""
    async with database.dedicated() as session:
        if not (await _locked(session) or await _overtaken(session, settle_s)):
            raise StoreBusy(
                f"another engine works on this store, {await _who(session)}: wait for it to end, or stop it"
            )
        await _enter(session, zephyr, qtest)
        epoch, start = await _succeed(session, settle_s)
        held = Tenure(epoch, start + LEASE_S)
        beating = asyncio.create_task(_keep(held, database), name="heartbeat")
        try:
            yield held
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)
            with contextlib.suppress(StoreError, OSError, TimeoutError):
                async with database.session() as free:  # the one that holds the lock may be lost
                    await free.execute("UPDATE migration SET holder = '' WHERE epoch = $1", epoch, timeout=BEAT_S)


async def _locked(session: Session) -> bool:
    return bool(await session.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK))


async def _overtaken(session: Session, settle_s: float) -> bool:
    """Takes the lock from an engine that was silent for lease and settling time (rule 1).

    It stands still, or its machine is gone and the server has not noticed, which takes hours: its session is ended.
    """
    if not await session.fetchval(_END_SILENT, _LOCK, LEASE_S + settle_s):
        return False
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_FREE_S):
            while not await _locked(session):  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(_FREE_S / 100)
            return True
    return False


async def _enter(session: Session, zephyr: str, qtest: str) -> None:
    """The row of this move. It is read first: an INSERT waits for a vanished engine's uncommitted heartbeat."""
    row = await session.fetchrow("SELECT zephyr, qtest FROM migration")
    if row is None:
        insert = "INSERT INTO migration (zephyr, qtest) VALUES ($1, $2) RETURNING zephyr, qtest"
        row = await session.fetchrow(insert, zephyr, qtest)
    assert row is not None
    if (row["zephyr"], row["qtest"]) != (zephyr, qtest):
        raise SettingsError(
            f"this store holds the move {row['zephyr']} to {row['qtest']}, the settings ask for {zephyr} to {qtest}: "
            'give each move a store of its own, [store] path = "other-folder"'
        )


async def _succeed(session: Session, settle_s: float) -> tuple[int, float]:
    """The next epoch, and when it was asked for.

    An engine that stood still may go on just now: where it has renewed its lease since the look, it is looked at again.
    """
    here = msgspec.json.encode(Holder.here()).decode()
    epoch = None
    while epoch is None:
        seen = await _outlive(session, settle_s)
        start = _clock()
        epoch = await session.fetchval(
            "UPDATE migration SET epoch = epoch + 1, holder = $1, beat_at = now() WHERE beat_at = $2 RETURNING epoch",
            here,
            seen,
        )
    return epoch, start


async def _outlive(session: Session, settle_s: float) -> datetime:
    """Waits until an engine that vanished without saying so can send no more: lease and settling time (rule 1).

    Answers its last heartbeat. Raises `StoreBusy` where it has not vanished: an engine that lost the lock still shows
    itself by its heartbeat.
    """
    seen = None
    while True:
        holder, beat_at, age = await _holder(session)
        if holder is None:
            return beat_at
        if holder.is_dead() or age >= LEASE_S + settle_s:
            break
        if seen not in (None, beat_at):
            raise StoreBusy(
                f"another engine works on this store, {await _who(session)}: wait for it to end, or stop it"
            )
        seen = beat_at
        await asyncio.sleep(max(TICK_S, LEASE_S + settle_s - age))  # by a clock that may be faster than the store's
    await session.fetchval(_END_LEFT)
    return beat_at


async def _holder(session: Session) -> tuple[Holder | None, datetime, float]:
    """The engine that last worked on the store, None if it said goodbye; its last heartbeat, and the seconds since."""
    row = await session.fetchrow(
        "SELECT holder, beat_at, extract(epoch FROM now() - beat_at)::float8 AS age FROM migration"
    )
    assert row is not None
    holder = msgspec.json.decode(row["holder"], type=Holder) if row["holder"] else None
    return holder, row["beat_at"], row["age"]


async def _keep(held: Tenure, database: Database) -> None:
    """The heartbeat. Where it fails, the fence stops the engine when the lease ends; until then it tries again."""
    while True:
        await asyncio.sleep(BEAT_S)
        with contextlib.suppress(StoreError, OSError, TimeoutError):
            async with database.session() as session:
                await held.beat(session)


async def _who(session: Session) -> str:
    holder = await session.fetchval("SELECT holder FROM migration")
    if not holder:
        return "it is just starting or stopping"
    found = msgspec.json.decode(holder, type=Holder)
    return f"process {found.pid} on {found.host}"
