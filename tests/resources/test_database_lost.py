"""Servers and connections that die under a session: nothing is lost that was reported as committed, all goes on."""

import asyncio
import contextlib
import os
import random
import signal
import time

import anyio
import asyncpg
import pytest
from postgres import insert, items, running

from ztoq_async.errors import StoreError
from ztoq_async.resources import connection, transaction
from ztoq_async.resources.database import Database


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One server for this module's tests, which kill it."""
    with running(tmp_path_factory.mktemp("lost")) as server:
        yield server


@pytest.fixture
async def database(server, watch):
    """Open, with four connections at most."""
    async with Database(server.dsn, max_size=4, acquire_timeout=5.0) as opened:
        yield opened


async def test_sessions_work_again_after_a_server_restart(server, database):
    """Idle connections that died with the server are dropped, and nothing is asked of the caller."""
    async with database.session() as session:
        pid = await session.fetchval("SELECT pg_backend_pid()")
        folder = await session.fetchval("SHOW data_directory")
    kill_postmaster(folder)
    await server.revive()
    async with database.session() as session:
        assert await session.fetchval("SELECT pg_backend_pid()") != pid


async def test_a_session_waits_for_a_server_that_is_starting_again(server, database):
    """While nothing answers, session() tries again; it begins when the server is back."""
    async with database.session() as session:
        folder = await session.fetchval("SHOW data_directory")
    kill_postmaster(folder)
    while database.statistics().size:  # noqa: ASYNC110 - until the pool has seen that its connections died
        await asyncio.sleep(0.01)
    waiting = asyncio.create_task(items(database))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    await server.revive()
    assert await waiting == []


async def test_server_killed_in_the_middle_of_a_session_is_a_store_error(server, database):
    """The session says that the server failed, and the next one works."""
    with pytest.raises(StoreError, match="failed in the middle"):
        async with database.session() as session:
            await insert(session, 1)
            kill_postmaster(await session.fetchval("SHOW data_directory"))
            await session.execute("SELECT pg_sleep(10)")
    await server.revive()
    assert await items(database) == []


def kill_postmaster(folder):
    with open(f"{folder}/postmaster.pid") as file:  # noqa: PTH123
        os.kill(int(file.readline()), signal.SIGKILL)


async def test_a_server_that_hangs_holds_a_cancelled_session_for_release_s_only(database, watch, monkeypatch):
    """It neither acknowledges the cancellation nor answers a ROLLBACK: the connection is cut."""
    for module in (connection, transaction):
        monkeypatch.setattr(module, "RELEASE_S", 0.5)
    with anyio.move_on_after(60) as scope:
        async with database.session() as session:
            pid = await session.fetchval("SELECT pg_backend_pid()")
            os.kill(pid, signal.SIGSTOP)
            scope.deadline = anyio.current_time() + 0.1
            started = time.perf_counter()
            await session.fetchval("SELECT 1")
    assert time.perf_counter() - started < 1.5
    assert (database.statistics().rolled_back, database.statistics().size) == (1, 0)
    os.kill(pid, signal.SIGCONT)
    await watch.quiet(0)


async def test_a_server_that_hangs_does_not_hide_the_error_of_a_session(database, watch, monkeypatch):
    """ROLLBACK gets no answer: the block's own error comes out, the connection is cut."""
    for module in (connection, transaction):
        monkeypatch.setattr(module, "RELEASE_S", 0.2)
    with pytest.raises(KeyError):
        async with database.session() as session:
            pid = await session.fetchval("SELECT pg_backend_pid()")
            os.kill(pid, signal.SIGSTOP)
            raise KeyError
    assert (database.statistics().rolled_back, database.statistics().size) == (1, 0)
    os.kill(pid, signal.SIGCONT)
    await watch.quiet(0)


class Storm:
    """Sessions of many tasks, cancelled and cut at moments of chance, and what each was told."""

    def __init__(self, database, dice):
        self.database, self.dice = database, dice
        self.kept, self.unsure, self.tried = set(), set(), 0

    async def one(self, n):
        """Two rows, the second in a savepoint."""
        ended = False
        try:
            async with self.database.session() as session:
                await insert(session, n)
                await session.fetchval("SELECT pg_sleep($1)", self.dice.random() * 0.003)
                async with self.database.session() as inner:
                    await insert(inner, -n)
                ended = True
            self.kept.add(n)
        finally:
            if ended and n not in self.kept:
                self.unsure.add(n)

    async def worker(self, until):
        """One session after the other, some with a time-out."""
        while asyncio.get_running_loop().time() < until:
            self.tried += 1
            limit = self.dice.choice([5.0, 5.0, self.dice.random() * 0.05])
            with contextlib.suppress(StoreError, TimeoutError, asyncpg.PostgresConnectionError):
                if self.dice.random() < 0.5:
                    await asyncio.wait_for(self.one(self.tried), limit)
                else:
                    with anyio.fail_after(limit):
                        await self.one(self.tried)

    async def killer(self, watch):
        """Ends one connection of ours after the other, whatever it does."""
        while True:
            await asyncio.sleep(self.dice.random() * 0.1)
            if pids := list(await watch.states()):
                await watch.connection.execute("SELECT pg_terminate_backend($1)", self.dice.choice(pids))

    async def canceller(self, tasks):
        """Cancels one worker after the other."""
        while tasks:
            await asyncio.sleep(self.dice.random() * 0.1)
            tasks.pop(self.dice.randrange(len(tasks))).cancel()


@pytest.mark.parametrize("seed", [1, 2])
async def test_what_is_reported_as_committed_is_there_whatever_dies(server, watch, seed):
    """Fifty tasks, random cancellations, time-outs and killed connections: rows as reported, and everything idle."""
    async with Database(server.dsn, max_size=8) as database:
        storm = Storm(database, random.Random(seed))
        until = asyncio.get_running_loop().time() + 2
        workers = [asyncio.create_task(storm.worker(until)) for _ in range(50)]
        harm = [asyncio.create_task(storm.killer(watch)), asyncio.create_task(storm.canceller(workers[:25]))]
        ends = await asyncio.gather(*workers, return_exceptions=True)
        for task in harm:
            task.cancel()
        await asyncio.gather(*harm, return_exceptions=True)
        assert not [end for end in ends if end is not None and not isinstance(end, asyncio.CancelledError)]
        await watch.quiet(8)
        rows = set(await watch.items())
        now = database.statistics()
    assert rows == {-n for n in rows}, "half a transaction"
    assert storm.kept <= {n for n in rows if n > 0} <= storm.kept | storm.unsure
    assert now.committed <= len(rows) / 2 <= now.committed + now.unknown
    assert (now.in_use, now.waiting, now.left_open) == (0, 0, 0)
    assert now.opened == now.committed + now.rolled_back + now.unknown
    assert storm.kept
    assert now.rolled_back
    assert asyncio.all_tasks() == {asyncio.current_task()}
    await watch.quiet(0)
