"""Sessions that are cancelled, or run out of time, at every await: all or nothing, and every connection as before."""

import asyncio
import contextlib
import gc
import itertools

import anyio
import asyncpg
import pytest
from postgres import HARMS, insert

from ztoq_async.errors import StoreError
from ztoq_async.resources.connection import Ending, Lease, PooledConnection
from ztoq_async.resources.database import Database


@pytest.fixture
async def database(server, watch):
    """Open, with one connection."""
    async with Database(server.dsn, max_size=1) as opened:
        async with opened.session():
            pass
        yield opened


async def plain(database):
    """One transaction."""
    async with database.session() as session:
        await insert(session, 1)
        await session.fetch("SELECT n FROM item")
        await insert(session, 2)


async def nested(database):
    """A savepoint, two levels deep."""
    async with database.session() as session:
        await insert(session, 1)
        async with database.session() as inner:
            await inner.fetch("SELECT n FROM item")
            async with database.session() as inmost:
                await insert(inmost, 2)


async def failing(database):
    """A statement that fails; within a savepoint first."""
    with contextlib.suppress(asyncpg.UniqueViolationError):
        async with database.session() as session:
            await insert(session, 1)
            with contextlib.suppress(asyncpg.UniqueViolationError):
                async with database.session() as inner:
                    await insert(inner, 1)
            await insert(session, 1)


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("work", [plain, nested, failing])
async def test_a_session_that_is_stopped_at_any_await_leaves_nothing(database, watch, work, harm):
    """All rows or none, as the counts say; no transaction open; the same connection, idle, in the pool."""
    (before,) = await watch.states()
    for n in itertools.count(1):
        old = database.statistics()
        reached = await harm(work(database), n)
        now = database.statistics()
        assert await watch.states() == {before: "idle"}, f"after suspension {n}"
        assert (now.in_use, now.waiting, now.left_open, now.unknown) == (0, 0, 0, 0)
        done = now.committed - old.committed
        assert done + now.rolled_back - old.rolled_back == now.opened - old.opened
        assert await watch.items() == [1, 2] * done, f"the count of commits is wrong after suspension {n}"
        await watch.connection.execute("DELETE FROM item")
        if not reached:
            break
    assert n > 5
    assert done == (work is not failing)


@pytest.mark.parametrize("harm", HARMS[1:])  # those that stop a part of a task
async def test_a_nested_session_that_is_stopped_leaves_the_outer_one_usable(database, watch, harm):
    """At any await of the inner block: its rows are there together or not at all, and the outer ones stay."""

    async def inner():
        async with database.session() as session:
            await insert(session, 2)
            await insert(session, 3)

    for n in itertools.count(1):
        async with database.session() as session:
            await insert(session, 1)
            reached = await harm(inner(), n)
            await insert(session, 4)
        assert await watch.items() in ([1, 4], [1, 2, 3, 4]), f"after suspension {n}"
        await watch.connection.execute("DELETE FROM item")
        if not reached:
            break
    assert n > 4


@pytest.mark.parametrize("harm", HARMS)
async def test_a_database_that_is_stopped_while_it_opens_or_closes_leaves_nothing(server, watch, harm):
    """At any await of entering, of a session whose connection is new, and of leaving: no connection, no task."""

    async def life():
        async with Database(server.dsn, min_size=2, max_size=3) as database:
            await plain(database)
            await asyncio.gather(plain(database), failing(database), return_exceptions=True)

    for n in itertools.count(1):
        reached = await harm(life(), n)
        await watch.quiet(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}, f"after suspension {n}"
        await watch.connection.execute("DELETE FROM item")
        if not reached:
            break
    assert n > 8


@pytest.mark.parametrize("harm", HARMS)
async def test_a_dedicated_connection_that_is_stopped_at_any_await_is_closed(database, watch, harm):
    """Its lock is free, and the connection gone from the server."""

    async def locked():
        async with database.dedicated() as session:
            assert await session.fetchval("SELECT pg_try_advisory_lock(7)")
            await session.fetchval("SELECT 1")

    for n in itertools.count(1):
        reached = await harm(locked(), n)
        assert database.statistics().dedicated == 0
        await watch.quiet(1)
        assert await watch.connection.fetchval("SELECT pg_try_advisory_lock(7)")
        await watch.connection.execute("SELECT pg_advisory_unlock(7)")
        if not reached:
            break
    assert n > 5


@pytest.fixture
async def slow_commit(watch):
    """A COMMIT of rows of `item` takes 0.3 s; of negative ones it fails."""
    await watch.connection.execute(
        """CREATE OR REPLACE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             PERFORM pg_sleep(0.3);
             IF NEW.n < 0 THEN RAISE check_violation; END IF;
             RETURN NULL;
           END $$;
           CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON item DEFERRABLE INITIALLY DEFERRED
           FOR EACH ROW EXECUTE FUNCTION slowly()"""
    )


@pytest.mark.usefixtures("slow_commit")
@pytest.mark.parametrize("often", [1, 3])
async def test_a_cancellation_during_commit_is_raised_after_it(database, watch, often):
    """The commit is done, counted, and its connection given back when the cancelled task ends."""

    async def one():
        async with database.session() as session:
            await insert(session, 1)

    before = database.statistics().committed
    task = asyncio.create_task(one())
    await asyncio.sleep(0.1)
    for _ in range(often):
        task.cancel()
        await asyncio.sleep(0.02)
    with pytest.raises(asyncio.CancelledError):
        await task
    now = database.statistics()
    assert (await watch.items(), now.committed - before, now.in_use, now.unknown) == ([1], 1, 0, 0)


async def test_a_connection_remembers_nothing_of_the_cancelled_sessions_that_it_served(database):
    """It serves for days: what waited for its return goes with the session."""
    for _ in range(3):
        with anyio.move_on_after(0.02):
            async with database.session() as session:
                await session.execute("SELECT pg_sleep(60)")
    gc.collect()
    assert not [thing for thing in gc.get_objects() if isinstance(thing, Ending)]


@pytest.mark.usefixtures("slow_commit")
async def test_a_commit_that_the_server_refuses_comes_out_as_it_is(database, watch):
    """A deferred constraint fails at COMMIT: its error, nothing kept, and the same connection goes on."""
    before = await watch.states()
    with pytest.raises(asyncpg.CheckViolationError):
        async with database.session() as session:
            await insert(session, -1)
    now = database.statistics()
    assert (await watch.items(), now.rolled_back, now.unknown) == ([], 1, 0)
    assert await watch.states() == before


@pytest.mark.usefixtures("slow_commit")
async def test_a_commit_without_an_answer_in_time_is_said_to_be_unknown(server, watch):
    """`command_timeout` bounds COMMIT too: StoreError, counted as unknown."""
    async with Database(server.dsn, command_timeout=0.1) as impatient:
        with pytest.raises(StoreError, match="COMMIT got no answer"):
            async with impatient.session() as session:
                await insert(session, 1)
        assert impatient.statistics().unknown == 1
        assert impatient.statistics().in_use == 0
    await watch.quiet(0)


@pytest.mark.usefixtures("slow_commit")
async def test_a_connection_that_dies_during_commit_is_said_to_be_unknown(database, watch):
    """StoreError names the server and says that it was committing."""

    async def one():
        async with database.session() as session:
            await insert(session, 1)

    task = asyncio.create_task(one())
    await asyncio.sleep(0.1)
    (pid,) = await watch.states()
    await watch.connection.execute("SELECT pg_terminate_backend($1)", pid)
    with pytest.raises(StoreError, match="COMMIT got no answer"):
        await task
    assert database.statistics().unknown == 1


async def test_a_connection_that_dies_before_commit_is_a_store_error(database, watch):
    """Nothing was kept, which the error says and the counts too."""
    (pid,) = await watch.states()
    with pytest.raises(StoreError, match="nothing of the session was kept"):
        async with database.session() as session:
            await insert(session, 1)
            await watch.connection.execute("SELECT pg_terminate_backend($1)", pid)
            await asyncio.sleep(0.05)
    now = database.statistics()
    assert (await watch.items(), now.unknown, now.rolled_back) == ([], 0, 1)


async def test_a_connection_that_is_still_in_its_transaction_is_not_given_to_the_next(server, watch):
    """An ending that ended nothing: the connection is cut, and its rows are not the next session's."""
    async with asyncpg.create_pool(server.dsn, min_size=0, max_size=1, connection_class=PooledConnection) as pool:
        lease = Lease(pool, await pool.acquire())
        await lease.connection.execute("BEGIN; INSERT INTO item VALUES (1)")
        await lease.give_back(Ending("SELECT 1", timeout=5))
        assert pool.get_size() == 0
        assert await pool.fetchval("SELECT count(*) FROM item") == 0


async def test_a_connection_that_has_served_long_enough_commits_before_it_is_closed(server, watch):
    """asyncpg closes it instead of cleaning it, after so many queries: the transaction is not lost with it."""
    options = {"min_size": 0, "max_size": 1, "max_queries": 2, "connection_class": PooledConnection}
    async with asyncpg.create_pool(server.dsn, **options) as pool:
        lease = Lease(pool, await pool.acquire())
        await lease.connection.execute("BEGIN")
        await lease.connection.execute("INSERT INTO item VALUES (1)")
        ending = Ending("COMMIT", timeout=5)
        await lease.give_back(ending)
        assert (ending.tag, pool.get_size()) == ("COMMIT", 0)
    assert await watch.items() == [1]
