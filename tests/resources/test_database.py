"""Database sessions: committed or rolled back, nested, apart from each other, and given back clean."""

import asyncio
import time

import anyio
import asyncpg
import pytest
from postgres import insert, items

from ztoq_async.errors import ResourceError, StoreError
from ztoq_async.resources import reaching
from ztoq_async.resources.database import Database


@pytest.fixture
async def database(server, watch):
    """Open, with four connections at most."""
    async with Database(server.dsn, max_size=4, acquire_timeout=5.0) as opened:
        yield opened


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


async def test_a_session_rolls_back_on_a_time_out(database, watch):
    """asyncio.timeout around a block ends the statement and the transaction."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1), database.session() as session:
            await insert(session, 1)
            await session.execute("SELECT pg_sleep(60)")
    assert set((await watch.states()).values()) == {"idle"}
    assert await items(database) == []


async def test_a_statement_has_a_time_out(server, watch):
    """command_timeout ends a statement that nobody waits for any longer."""
    async with Database(server.dsn, command_timeout=0.1) as impatient:
        with pytest.raises(TimeoutError):
            async with impatient.session() as session:
                await session.execute("SELECT pg_sleep(60)")
        assert impatient.statistics().in_use == 0
        assert set((await watch.states()).values()) == {"idle"}


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


async def test_a_nested_session_with_a_swallowed_error_leaves_the_outer_one_usable(database):
    """Its end says that it is not kept, and undoes it."""
    async with database.session() as session:
        await insert(session, 1)
        with pytest.raises(asyncpg.InFailedSQLTransactionError):
            async with database.session() as inner:
                await insert(inner, 2)
                with pytest.raises(asyncpg.UniqueViolationError):
                    await insert(inner, 1)
        await insert(session, 3)
    assert await items(database) == [1, 3]


async def test_a_nested_session_that_cannot_be_undone_is_not_kept_with_the_outer_one(database):
    """Another task's statement is in the way: the session is cut, and its end says that nothing was kept."""
    with pytest.raises(StoreError, match="nothing of the session was kept"):
        async with database.session() as session:
            await insert(session, 1)
            with pytest.raises(KeyError):
                async with database.session() as inner:
                    await insert(inner, 2)
                    other = asyncio.create_task(inner.fetchval("SELECT pg_sleep(0.2)"))
                    await asyncio.sleep(0.05)
                    raise KeyError
            await asyncio.gather(other, return_exceptions=True)
    assert await items(database) == []


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
