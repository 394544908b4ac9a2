"""Database sessions: always ended, always given back, whatever happens to the task or to the server."""

import asyncio
import os
import signal
import time

import anyio
import asyncpg
import pytest

from ztoq_async.errors import ResourceError, StoreError
from ztoq_async.resources import database as module
from ztoq_async.resources import reaching
from ztoq_async.resources.database import Database
from ztoq_async.store.embedded import EmbeddedPostgres


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One server for this module's tests; it holds nothing of an event loop."""
    embedded = EmbeddedPostgres(tmp_path_factory.mktemp("database") / "store")
    asyncio.run(embedded.__aenter__())
    yield embedded
    asyncio.run(embedded.__aexit__(None, None, None))


@pytest.fixture
async def database(server):
    """An open database with the empty table `item`."""
    await server.revive()
    async with Database(server.dsn, max_size=4, acquire_timeout=5.0) as opened:
        async with opened.session() as session:
            await session.execute("DROP TABLE IF EXISTS item; CREATE TABLE item (n int PRIMARY KEY)")
        yield opened


async def items(database):
    async with database.session() as session:
        return [row["n"] for row in await session.fetch("SELECT n FROM item ORDER BY n")]


async def insert(session, n):
    await session.execute("INSERT INTO item VALUES ($1)", n)


async def busy(database):
    """Connections of this program that are not idle, as the server sees them; our own is not counted."""
    query = """SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ztoq_async' AND state <> 'idle'
               AND pid <> pg_backend_pid()"""
    async with database.dedicated() as session:
        return await session.fetchval(query)


async def test_a_session_commits_on_success(database):
    """What a block did is there for the next one."""
    async with database.session() as session:
        await insert(session, 1)
    assert await items(database) == [1]


async def test_a_session_rolls_back_on_an_exception(database):
    """An exception of the block comes out as it is, and nothing of the block stays."""
    with pytest.raises(KeyError):
        async with database.session() as session:
            await insert(session, 1)
            raise KeyError
    assert await items(database) == []
    assert database.statistics().in_use == 0


async def test_a_session_rolls_back_on_a_time_out(database):
    """asyncio.timeout around a block ends the statement and the transaction."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1), database.session() as session:
            await insert(session, 1)
            await session.execute("SELECT pg_sleep(60)")
    assert await busy(database) == 0
    assert await items(database) == []


async def test_a_statement_has_a_time_out(server, database):
    """command_timeout ends a statement that nobody waits for any longer."""
    async with Database(server.dsn, command_timeout=0.1) as impatient:
        with pytest.raises(TimeoutError):
            async with impatient.session() as session:
                await session.execute("SELECT pg_sleep(60)")
        assert impatient.statistics().in_use == 0
    assert await busy(database) == 0


async def test_a_failed_statement_that_was_swallowed_is_not_reported_as_committed(database):
    """PostgreSQL turns such a COMMIT into a ROLLBACK; the caller is told."""
    with pytest.raises(StoreError, match="rolled back"):
        async with database.session() as session:
            await insert(session, 1)
            with pytest.raises(asyncpg.UniqueViolationError):
                await insert(session, 1)
    assert await items(database) == []


async def test_a_nested_session_is_a_savepoint(database):
    """The inner block is undone alone, also two levels deep, and the outer one goes on."""
    async with database.session() as session:
        await insert(session, 1)
        with pytest.raises(asyncpg.UniqueViolationError):
            async with database.session() as inner:
                await insert(inner, 2)
                async with database.session() as innermost:
                    await insert(innermost, 1)
        async with database.session() as inner:
            await insert(inner, 3)
        assert database.statistics().in_use == 1
    assert await items(database) == [1, 3]


async def test_a_cancelled_nested_session_leaves_the_outer_one_usable(database):
    """A time-out around the inner block costs only the inner block."""
    async with database.session() as session:
        await insert(session, 1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1), database.session() as inner:
                await insert(inner, 2)
                await inner.execute("SELECT pg_sleep(60)")
        await insert(session, 3)
    assert await items(database) == [1, 3]


async def test_each_task_has_its_own_connection(database):
    """A child task's session is not part of its parent's transaction."""
    async with database.session() as session:
        await insert(session, 1)
        assert await asyncio.create_task(items(database)) == []


async def test_records_are_copied(database):
    """copy_records gives their number, and they are part of the transaction."""
    async with database.session() as session:
        assert await session.copy_records("item", [(n,) for n in range(1000)], ["n"]) == 1000
    assert len(await items(database)) == 1000


async def one_session(database, done):
    async with database.session() as session:
        await insert(session, 1)
        async with database.session() as inner:
            await insert(inner, 2)
        await session.fetch("SELECT n FROM item")
    done.append(True)


class Stepped:
    """Awaits like the coroutine, and calls `at` at its n-th suspension."""

    def __init__(self, work, n, at):
        self.work, self.n, self.at = work, n, at

    def __await__(self):
        step, inner = 0, self.work.__await__()
        while True:
            try:
                waits = next(inner) if step == 0 else inner.send(None)
            except StopIteration as end:
                return end.value
            step += 1
            if step == self.n:
                self.at()
            try:
                yield waits
            except BaseException as error:  # noqa: BLE001 - handed on, whatever it is
                try:
                    waits = inner.throw(error)
                except StopIteration as end:
                    return end.value
                step += 1
                yield waits


async def swept(database, cancelled_at):
    """Cancel a session at its first, second, ... suspension until it ends unharmed; how many there were."""
    for n in range(1, 200):
        done, before = [], database.statistics().committed
        reached = await cancelled_at(n, done)
        assert reached or done
        committed = database.statistics().committed - before
        found = await items(database)
        assert found == [1, 2] * committed, f"the count of commits is wrong after suspension {n}"
        assert found == [1, 2] or not done
        assert await busy(database) == 0, f"a transaction was left open after suspension {n}"
        assert database.statistics().in_use == 0
        assert not database._transactions.open
        async with database.session() as session:
            await session.execute("DELETE FROM item")
        if not reached:
            return n - 1
    raise AssertionError("the session never ends")


async def test_cancellation_at_every_await_leaves_nothing_open(database):
    """asyncio's cancellation, at each suspension: all or nothing, no transaction open, no connection lost."""

    async def cancelled_at(n, done):
        reached = []

        async def run():
            task = asyncio.current_task()

            def cancel():
                reached.append(True)
                asyncio.get_running_loop().call_soon(task.cancel)

            await Stepped(one_session(database, done), n, cancel)

        task = asyncio.create_task(run())
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()
        return bool(reached)

    assert await swept(database, cancelled_at) >= 6


async def test_anyio_cancellation_at_every_await_leaves_nothing_open(database):
    """anyio's cancellation, which comes again at every turn of the loop: the same, and the pool stays alive."""

    async def cancelled_at(n, done):
        reached = []
        with anyio.CancelScope() as scope:

            def cancel():
                reached.append(True)
                asyncio.get_running_loop().call_soon(scope.cancel)

            await Stepped(one_session(database, done), n, cancel)
        return bool(reached)

    assert await swept(database, cancelled_at) >= 6


async def test_cancellation_keeps_the_connection(database):
    """A cancelled statement costs no connection: the same server process serves the next session."""

    async def backend():
        async with database.session() as session:
            return await session.fetchval("SELECT pg_backend_pid()")

    before = await backend()
    for _ in range(3):
        with anyio.move_on_after(0.05):
            async with database.session() as session:
                await session.execute("SELECT pg_sleep(60)")
        assert await backend() == before


async def test_waiting_for_a_connection_has_a_deadline(server):
    """With every connection in use, StoreError says so after acquire_timeout."""
    async with Database(server.dsn, max_size=1, acquire_timeout=0.1) as database, database.session():

        async def second():
            async with database.session():
                pass

        with pytest.raises(StoreError, match=r"0\.1 s \(1 sessions are open, max_size is 1\)"):
            await asyncio.create_task(second())
        assert database.statistics().waiting == 0


async def test_close_does_not_hang_on_a_session_that_is_still_open(server, database, monkeypatch):
    """A session that never ends is cut after CLOSE_S, and its task gets an error."""
    monkeypatch.setattr(module, "CLOSE_S", 0.2)
    entered = asyncio.Event()

    async def leak():
        async with leaky.session() as session:
            entered.set()
            await session.execute("SELECT pg_sleep(60)")

    async with Database(server.dsn) as leaky:
        task = asyncio.create_task(leak())
        await entered.wait()
        started = time.perf_counter()
    assert time.perf_counter() - started < 2
    with pytest.raises((StoreError, asyncpg.InterfaceError)):
        await asyncio.wait_for(task, 5)


async def test_cancelled_close_still_closes(server, database):
    """A cancellation while the block ends leaves no connection behind."""

    async def hold():
        async with Database(server.dsn, min_size=3):
            await asyncio.sleep(60)

    task = asyncio.create_task(hold())
    await asyncio.sleep(0.3)
    task.cancel()
    asyncio.get_running_loop().call_soon(task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task
    async with database.dedicated() as session:
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ztoq_async'"
        async with asyncio.timeout(5):  # the server takes a moment to see that a connection was closed
            while await session.fetchval(query) > 1 + database.statistics().size:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_use_while_not_open_is_a_named_error(server):
    """Before, after and twice: ResourceError."""
    database = Database(server.dsn)
    with pytest.raises(ResourceError, match="not open"):
        await database.session().__aenter__()
    async with database:
        with pytest.raises(ResourceError, match="already open"):
            await database.__aenter__()
        async with database.session() as session:
            pass
        with pytest.raises(ResourceError, match="is over"):
            await session.fetch("SELECT 1")
    with pytest.raises(ResourceError, match="not open"):
        await database.dedicated().__aenter__()


async def test_use_from_another_loop_is_a_named_error(database):
    """ResourceError, not a future that belongs to a different loop."""

    async def use():
        async with database.session():
            pass

    with pytest.raises(ResourceError, match="another event loop"):
        await asyncio.to_thread(asyncio.run, use())


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


async def test_dedicated_connection_keeps_an_advisory_lock(database):
    """It is outside the pool and has no transaction; its lock ends with its block."""
    async with database.dedicated() as first:
        assert await first.fetchval("SELECT pg_try_advisory_lock(7)")
        assert database.statistics().dedicated == 1
        async with database.dedicated() as second:
            assert not await second.fetchval("SELECT pg_try_advisory_lock(7)")
    async with database.dedicated() as third:
        assert await third.fetchval("SELECT pg_try_advisory_lock(7)")


async def test_a_connection_is_given_back_clean(server, database):
    """Settings and locks of a session do not reach the next one."""
    async with Database(server.dsn, max_size=1) as single:
        async with single.session() as session:
            await session.execute("SET statement_timeout = 12345")
            await session.fetchval("SELECT pg_advisory_lock(8)")
        async with single.session() as session:
            assert await session.fetchval("SHOW statement_timeout") == "0"
        async with database.session() as session:
            assert await session.fetchval("SELECT pg_try_advisory_xact_lock(8)")


async def test_statistics_count(database):
    """Opened, committed and rolled back add up; size is idle and in use."""
    before = database.statistics()
    async with database.session():
        now = database.statistics()
        assert (now.in_use, now.size) == (1, now.idle + 1)
    with pytest.raises(KeyError):
        async with database.session():
            raise KeyError
    after = database.statistics()
    assert (after.opened, after.committed, after.rolled_back) == (
        before.opened + 2,
        before.committed + 1,
        before.rolled_back + 1,
    )


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hunter2@127.0.0.1:1/db",
        "postgresql://me:hunter2@[::1/db",
        "postgresql://me:hunter2@127.0.0.1:port/db",
        "mysql://me:hunter2@127.0.0.1/db",
        "postgresql://me:hunter2@127.0.0.1:hunter2/db",
        "hunter2",
    ],
)
async def test_a_wrong_url_is_a_clear_error_without_the_password(url, monkeypatch):
    """StoreError names store.url; neither it, nor its causes, nor the repr hold the password."""
    monkeypatch.setattr(reaching, "RETRY_S", 0.2)
    database = Database(url)
    with pytest.raises(StoreError, match=r"store\.url") as caught:
        await database.__aenter__()
    error, texts = caught.value, [repr(database)]
    while error is not None:
        texts.append(repr(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    assert "hunter2" not in "".join(texts)


async def test_a_refused_password_is_a_clear_error(server):
    """A database or user that the server does not know is named at once, without waiting for the retries."""
    started = time.perf_counter()
    with pytest.raises(StoreError, match="nobody_here"):
        await Database(server.dsn.replace("/postgres?", "/nobody_here?", 1)).__aenter__()
    assert time.perf_counter() - started < 5
