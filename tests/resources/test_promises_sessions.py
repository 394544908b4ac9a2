"""What database sessions promise, seen from an independent connection to the same server."""

import asyncio
import contextlib
import random
import warnings

import anyio
import asyncpg
import pytest
from onlooker import Onlooker, entered, insert

from ztoq_async import Database, ResourceError, StoreError
from ztoq_async.store.embedded import EmbeddedPostgres


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the server of this module keeps its data: made once."""
    return tmp_path_factory.mktemp("promised")


@pytest.fixture
async def dsn(folder):
    """A running server with an empty table `note`."""
    async with EmbeddedPostgres(folder) as server:
        onlooker = await asyncpg.connect(server.dsn)
        await onlooker.execute("DROP TABLE IF EXISTS note; CREATE TABLE note (id int PRIMARY KEY)")
        await onlooker.close()
        yield server.dsn


@pytest.fixture
async def onlooker(dsn):
    """The independent connection."""
    connection = await asyncpg.connect(dsn)
    yield Onlooker(connection)
    await connection.close()


async def test_a_block_that_ends_is_committed_and_one_that_fails_is_not(dsn, onlooker):
    """Whatever leaves the block, an Exception or not, undoes all of it; the error comes out as it was."""

    async with Database(dsn, max_size=1) as database:
        async with database.session() as session:
            await insert(session, 1)
        errors = [
            ValueError(),
            BaseException(),
            GeneratorExit(),
            StopAsyncIteration(),
            ExceptionGroup("x", [OSError()]),
        ]
        for number, error in enumerate(errors):
            with pytest.raises(BaseException) as caught:
                async with database.session() as session:
                    await insert(session, 10 + number)
                    raise error
            assert caught.value is error
        assert (await onlooker.notes(), await onlooker.calm()) == ([1], True)
        assert database.statistics().in_use == 0


@pytest.mark.parametrize("scope", [asyncio.timeout, anyio.fail_after, anyio.move_on_after])
async def test_a_time_out_around_a_session_rolls_it_back(dsn, onlooker, scope):
    """asyncio's or anyio's, in the midst of a statement: nothing is kept, and the connection works on."""
    async with Database(dsn, max_size=1) as database:
        with contextlib.suppress(TimeoutError):
            async with entered(scope(0.1)), database.session() as session:
                await insert(session, 5)
                await session.fetchval("SELECT pg_sleep(20)")
        assert (await onlooker.calm(), await onlooker.notes()) == (True, [])
        async with asyncio.timeout(2), database.session() as session:
            assert await session.fetchval("SELECT 1") == 1


async def test_a_time_out_within_a_session_never_commits_a_part(dsn, onlooker):
    """An error within rolls back; one that was caught broke the transaction, and a plain end says so."""
    async with Database(dsn, max_size=1) as database:
        with pytest.raises(TimeoutError):
            async with database.session() as session:
                await insert(session, 5)
                async with asyncio.timeout(0.05):
                    await session.fetchval("SELECT pg_sleep(20)")
        with pytest.raises(StoreError, match="rolled back"):
            async with database.session() as session:
                await insert(session, 6)
                with anyio.move_on_after(0.05):
                    await session.fetchval("SELECT pg_sleep(20)")
        assert (await onlooker.calm(), await onlooker.notes()) == (True, [])


async def harmed(database, number, depth):
    """A transaction with several awaits; nested where `depth` says so."""
    async with database.session() as session:
        await insert(session, number)
        await session.fetchval("SELECT pg_sleep(0.001)")
        if depth:
            with contextlib.suppress(LookupError):
                async with database.session() as inner:
                    await insert(inner, number + 100_000)
                    raise LookupError
        await insert(session, number + 200_000)


@pytest.mark.parametrize("library", ["asyncio", "anyio"])
async def test_cancelled_at_any_moment_a_session_is_all_or_nothing(dsn, onlooker, library):
    """Three hundred cancellations at moments of chance: both rows or none, and the connections as clean as new."""
    dice = random.Random(5)
    finished = set()

    async def one(number):
        if library == "anyio":
            with anyio.move_on_after(dice.random() * 0.012):
                await harmed(database, number, number % 2)
                finished.add(number)
            return
        task = asyncio.create_task(harmed(database, number, number % 2))
        await asyncio.sleep(dice.random() * 0.012)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
            finished.add(number)

    async with Database(dsn, max_size=4) as database:
        for first in range(0, 300, 4):
            await asyncio.gather(*(one(first + more) for more in range(4)))
        assert await onlooker.calm()
        assert database.statistics().in_use == 0
        for _ in range(4):
            async with asyncio.timeout(3), database.session() as session:
                assert await session.fetchval("SELECT txid_current_if_assigned() IS NULL")
    kept = await onlooker.notes()
    begun = {number for number in kept if number < 100_000}
    assert begun == {number - 200_000 for number in kept if number >= 200_000}
    assert begun >= finished
    assert not [number for number in kept if 100_000 <= number < 200_000]
    assert 20 < len(begun) < 280


async def test_an_inner_session_is_a_savepoint_and_another_task_is_not(dsn, onlooker):
    """What fails inside is undone alone; a task begun inside has a connection and a transaction of its own."""
    async with Database(dsn, max_size=3) as database:
        async with database.session() as outer:
            await insert(outer, 1)
            with pytest.raises(asyncpg.UniqueViolationError):
                async with database.session() as inner:
                    await insert(inner, 2)
                    await insert(inner, 1)
            async with database.session() as inner:
                await insert(inner, 3)

            async def other():
                async with database.session() as session:
                    await insert(session, 4)
                    return await session.fetchval("SELECT count(*) FROM note")

            assert await asyncio.create_task(other()) == 1
            assert await onlooker.notes() == [4]
        assert await onlooker.notes() == [1, 3, 4]


async def test_the_connection_comes_back_clean(dsn):
    """Settings, temporary tables, locks, listeners of one session are not the next one's."""
    async with Database(dsn, max_size=1) as database:
        async with database.session() as session:
            pid = await session.fetchval("SELECT pg_backend_pid()")
            await session.execute("SET search_path TO nowhere")
            await session.execute("SET statement_timeout TO 1")
            await session.execute("SELECT pg_advisory_lock(4711)")
        async with database.session() as session:
            same = await session.fetchval("SELECT pg_backend_pid()") == pid
            assert "nowhere" not in await session.fetchval("SHOW search_path")
            assert await session.fetchval("SHOW statement_timeout") == "0" or not same
            assert await session.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0


async def test_a_session_left_open_by_a_finished_task_is_undone_and_told(dsn, onlooker):
    """Its rows do not stay, its connection is free again, and somebody hears of it."""

    async def forgets():
        block = database.session()
        await insert(await block.__aenter__(), 9)

    async with Database(dsn, max_size=1) as database:
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            await asyncio.create_task(forgets(), name="forgetful")
            async with asyncio.timeout(3), database.session() as session:
                assert await session.fetchval("SELECT count(*) FROM note") == 0
        told = [str(one.message) for one in heard if issubclass(one.category, ResourceWarning)]
        assert [words for words in told if "forgetful" in words]
        assert (await onlooker.calm(), await onlooker.notes()) == (True, [])
        assert database.statistics().left_open == 1


@pytest.mark.slow
async def test_closing_does_not_wait_for_a_connection_that_somebody_keeps(dsn, onlooker):
    """A task that never leaves its session does not keep the database from closing, nor its transaction open."""
    inside = asyncio.Event()

    async def keeps():
        async with database.session() as session:
            await insert(session, 7)
            inside.set()
            await asyncio.sleep(3600)

    async with asyncio.timeout(15):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            async with Database(dsn, max_size=2) as database:
                keeper = asyncio.create_task(keeps())
                await inside.wait()
    keeper.cancel()
    await asyncio.gather(keeper, return_exceptions=True)
    assert (await onlooker.calm(), await onlooker.notes(), await onlooker.others()) == (True, [], [])


async def test_no_free_connection_is_a_named_error_in_time(dsn):
    """Who waits longer than `acquire_timeout` is told; the others are not harmed, and the place is not lost."""
    async with Database(dsn, max_size=1, acquire_timeout=0.2) as database:
        async with database.session() as session:

            async def other():
                async with database.session():
                    pass

            async with asyncio.timeout(2):
                with pytest.raises((StoreError, ResourceError, TimeoutError)):
                    await asyncio.create_task(other())
            assert await session.fetchval("SELECT 1") == 1
        async with asyncio.timeout(1), database.session() as session:
            assert await session.fetchval("SELECT 2") == 2


async def test_a_connection_that_the_server_ends_costs_its_own_session_alone(dsn, onlooker):
    """Killed in the midst: nothing of it is kept, its error comes out, and the database works on."""
    async with Database(dsn, max_size=2) as database:
        with pytest.raises((StoreError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            async with database.session() as session:
                await insert(session, 8)
                pid = await session.fetchval("SELECT pg_backend_pid()")
                await onlooker.connection.execute("SELECT pg_terminate_backend($1)", pid)
                await session.fetchval("SELECT pg_sleep(5)")
        async with asyncio.timeout(5):
            for number in range(4):
                async with database.session() as session:
                    await insert(session, number)
        assert (await onlooker.calm(), await onlooker.notes()) == (True, [0, 1, 2, 3])
        assert database.statistics().in_use == 0
