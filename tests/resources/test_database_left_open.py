"""Sessions that nobody ends, or somebody else: rolled back, given back, and told about."""

import asyncio
import gc
import logging
import warnings

import pytest
from postgres import insert, items

from ztoq_async.errors import ResourceError
from ztoq_async.resources.database import Database


@pytest.fixture
async def database(server, watch):
    """Open, with two connections at most."""
    async with Database(server.dsn, max_size=2) as opened:
        yield opened


async def settled(database, count=1):
    """Until so many sessions that were left open are rolled back."""
    async with asyncio.timeout(5):
        while database.statistics().left_open < count or database.statistics().in_use:  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def test_a_session_that_its_task_leaves_open_is_rolled_back_and_told(database, watch, caplog):
    """When the task ends: ROLLBACK, the connection given back clean, a ResourceWarning and a log line that name it."""

    async def forget():
        session = await database.session().__aenter__()
        await insert(session, 1)
        await session.fetchval("SELECT pg_advisory_lock(9)")
        return session, await session.fetchval("SELECT pg_backend_pid()")

    with pytest.warns(ResourceWarning, match="task forgetful"), caplog.at_level(logging.WARNING):
        session, pid = await asyncio.create_task(forget(), name="forgetful")
        await settled(database)
    assert "task forgetful was left open" in caplog.text
    assert await watch.states() == {pid: "idle"}
    assert await watch.items() == []
    assert await watch.connection.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
    with pytest.raises(ResourceError, match="is over"):
        await insert(session, 2)
    assert database.statistics().rolled_back == 1


@pytest.mark.parametrize("how", ["fails", "is cancelled"])
async def test_so_is_one_whose_task(database, watch, how):
    """However the task ends."""

    async def forget():
        await insert(await database.session().__aenter__(), 1)
        if how == "fails":
            raise KeyError
        asyncio.current_task().cancel()
        await asyncio.sleep(1)

    with pytest.warns(ResourceWarning, match="left open"):
        await asyncio.gather(asyncio.create_task(forget()), return_exceptions=True)
        await settled(database)
    assert set((await watch.states()).values()) == {"idle"}
    assert await watch.items() == []


async def test_a_block_that_ends_after_its_task_is_a_named_error(database, watch):
    """Too late to commit: ResourceError names the task; with an error of its own, that one comes out."""

    async def forget():
        block = database.session()
        await insert(await block.__aenter__(), 1)
        return block

    with pytest.warns(ResourceWarning, match="left open"):
        block = await asyncio.create_task(forget(), name="early")
        await settled(database)
    with pytest.raises(ResourceError, match="task early was rolled back"):
        await block.__aexit__(None, None, None)
    assert await block.__aexit__(KeyError, KeyError(), None) is None
    assert await watch.items() == []
    assert database.statistics().left_open == 1


async def test_a_block_that_ends_just_after_its_task_is_told_once(database, watch):
    """Its rollback and its late end come at the same moment: one of them does it."""
    block = database.session()

    async def forget():
        await insert(await block.__aenter__(), 1)

    with pytest.warns(ResourceWarning, match="left open") as told, pytest.raises(ResourceError, match="rolled back"):
        await asyncio.create_task(forget())
        await block.__aexit__(None, None, None)
    await settled(database)
    await asyncio.sleep(0)
    assert (len(told), database.statistics().left_open) == (1, 1)
    assert await watch.items() == []


async def test_a_session_belongs_to_the_task_that_began_it(database, watch):
    """Left in another task it is rolled back, with a named error there and for its owner."""
    entered, left = asyncio.Event(), asyncio.Event()
    block = database.session()

    async def own():
        session = await block.__aenter__()
        await insert(session, 1)
        entered.set()
        await left.wait()
        with pytest.raises(ResourceError, match="is over"):
            await insert(session, 2)
        async with database.session() as another:
            await insert(another, 3)

    owner = asyncio.create_task(own(), name="owner")
    await entered.wait()
    with pytest.warns(ResourceWarning, match="task owner"), pytest.raises(ResourceError, match="left in another task"):
        await block.__aexit__(None, None, None)
    left.set()
    await owner
    assert await watch.items() == [3]
    assert database.statistics().left_open == 1


async def test_a_nested_block_that_ends_in_another_task_costs_the_whole_session(database, watch):
    """Its savepoint cannot be undone under the feet of the others: the owner's own end is a named error."""
    inner = database.session()
    with pytest.raises(ResourceError, match="rolled back before its block ended"):
        async with database.session() as session:
            await insert(session, 1)
            await inner.__aenter__()
            with pytest.warns(ResourceWarning, match="left open"), pytest.raises(ResourceError, match="another task"):
                await asyncio.create_task(inner.__aexit__(None, None, None))
    assert await watch.items() == []
    assert database.statistics().in_use == 0


async def test_a_nested_block_that_is_left_open_is_not_committed_with_the_outer_one(database, watch):
    """A part that has not ended may be half done: ResourceError, and nothing of the session is kept."""
    with (
        pytest.warns(ResourceWarning, match="left open"),
        pytest.raises(ResourceError, match="left before the one within"),
    ):
        async with database.session() as session:
            await insert(session, 1)
            await insert(await database.session().__aenter__(), 2)
    assert await watch.items() == []


async def test_an_error_passes_through_a_nested_block_that_is_left_open(database, watch):
    """It undoes that part with its own, and the session goes on; the part's own end comes too late."""
    async with database.session() as session:
        await insert(session, 1)
        with pytest.raises(KeyError):
            async with database.session():
                inmost = database.session()
                await insert(await inmost.__aenter__(), 2)
                raise KeyError
        with pytest.raises(ResourceError, match="rolled back before"):
            await inmost.__aexit__(None, None, None)
        async with database.session() as inner:
            await insert(inner, 3)
    assert await watch.items() == [1, 3]


async def test_an_abandoned_generator_leaves_no_transaction(database, watch):
    """A generator that holds a session and is not read to its end: rolled back as soon as it is thrown away."""

    async def rows():
        async with database.session() as session:
            await insert(session, 1)
            yield 1
            yield 2

    async def read():
        async for _ in rows():
            break
        gc.collect()
        await settled(database)

    with pytest.warns(ResourceWarning, match="left open"):
        await asyncio.create_task(read())
    assert set((await watch.states()).values()) == {"idle"}
    assert await watch.items() == []


async def test_a_generator_that_outlives_its_task_leaves_no_transaction(database, watch):
    """Somebody keeps the generator: its session ends with the task, and the generator can still be closed."""

    async def rows():
        async with database.session() as session:
            await insert(session, 1)
            yield 1

    kept = rows()
    with pytest.warns(ResourceWarning, match="left open"):
        await asyncio.create_task(anext(kept), name="reader")
        await settled(database)
    assert set((await watch.states()).values()) == {"idle"}
    await kept.aclose()
    assert await watch.items() == []


async def test_a_thousand_sessions_left_open_cost_no_connection(database, watch):
    """A pool of two serves on, and tasks keep no callback of a session that ended as it should."""

    async def forget():
        await database.session().__aenter__()

    async def orderly():
        for _ in range(3):
            await items(database)
        return len(asyncio.current_task()._callbacks or ())

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        await asyncio.gather(*(asyncio.create_task(forget()) for _ in range(1000)))
        await settled(database, 1000)
    callbacks = asyncio.create_task(orderly())
    assert await callbacks <= 1  # that of the await here
    assert database.statistics().left_open == 1000
    assert len(await watch.states()) <= 2
