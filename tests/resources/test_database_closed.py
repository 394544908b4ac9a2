"""Databases that are closed, thrown away, or used elsewhere: nothing hangs, nothing stays, and the misuse is named."""

import asyncio
import gc
import logging
import os
import signal
import time

import pytest
from postgres import insert, items

from ztoq_async.errors import ResourceError, StoreError
from ztoq_async.resources import database as module
from ztoq_async.resources.database import Database


@pytest.fixture
async def database(server, watch):
    """Open, with two connections at most."""
    async with Database(server.dsn, max_size=2) as opened:
        yield opened


async def test_closing_does_not_wait_for_a_session_of_its_own_task(server, watch):
    """It could never end: it is rolled back at once, and told."""
    started = time.perf_counter()
    with pytest.warns(ResourceWarning, match="left open"):
        async with Database(server.dsn) as database:
            await insert(await database.session().__aenter__(), 1)
    assert time.perf_counter() - started < 2
    await watch.quiet(0)
    assert await watch.items() == []


async def test_closing_ends_everything_also_where_warnings_are_errors(server, watch):
    """The ResourceWarning comes out of the block, and no connection stays."""
    with pytest.raises(ResourceWarning, match="left open"):
        async with Database(server.dsn) as database:
            await insert(await database.session().__aenter__(), 1)
    await watch.quiet(0)
    assert await watch.items() == []


async def test_closing_cuts_a_rollback_that_hangs(server, watch, monkeypatch):
    """A server that does not answer holds neither the closing nor a task."""
    monkeypatch.setattr(module, "CLOSE_S", 0.2)

    async def forget():
        session = await database.session().__aenter__()
        pid = await session.fetchval("SELECT pg_backend_pid()")
        os.kill(pid, signal.SIGSTOP)
        return pid

    with pytest.warns(ResourceWarning, match="left open"):
        async with Database(server.dsn) as database:
            pid = await asyncio.create_task(forget())
            started = time.perf_counter()
    assert time.perf_counter() - started < 2
    assert asyncio.all_tasks() == {asyncio.current_task()}
    os.kill(pid, signal.SIGCONT)
    await watch.quiet(0)


async def test_closing_waits_for_the_sessions_that_are_being_rolled_back(server, watch):
    """Also for one whose task ended a moment ago; no task stays behind."""

    async def forget():
        await insert(await database.session().__aenter__(), 1)

    with pytest.warns(ResourceWarning, match="left open"):
        async with Database(server.dsn) as database:
            await asyncio.create_task(forget())
    assert asyncio.all_tasks() == {asyncio.current_task()}
    await watch.quiet(0)


async def test_closing_cuts_what_does_not_end(server, watch, monkeypatch, caplog):
    """After CLOSE_S a session in a statement, one that sleeps and a dedicated connection are cut, and logged."""
    monkeypatch.setattr(module, "CLOSE_S", 0.2)
    entered = asyncio.Barrier(4)

    async def leak(block, query):
        async with block as session:
            await entered.wait()
            await (session.execute(query) if query else asyncio.sleep(60))

    with caplog.at_level(logging.WARNING):
        async with Database(server.dsn) as database:
            blocks = [(database.session(), "SELECT pg_sleep(60)"), (database.session(), ""), (database.dedicated(), "")]
            tasks = [asyncio.create_task(leak(*block), name="leak") for block in blocks]
            await entered.wait()
            started = time.perf_counter()
    assert time.perf_counter() - started < 2
    assert "session of task leak did not end within 0.2 s" in caplog.text
    await watch.quiet(0)
    with pytest.raises(StoreError, match="in the middle of a session"):
        await asyncio.wait_for(tasks[0], 5)
    for task in tasks[1:]:
        task.cancel()
    assert all(
        isinstance(error, asyncio.CancelledError) for error in await asyncio.gather(*tasks[1:], return_exceptions=True)
    )


async def test_a_database_that_is_thrown_away_open_warns_and_is_closed(server, watch):
    """ResourceWarning, without the URL; its connections leave the server."""
    database = Database(server.dsn)
    await database.__aenter__()
    await items(database)
    with pytest.warns(ResourceWarning, match="this Database was left open"):
        del database
        gc.collect()
    await watch.quiet(0)


def test_a_database_whose_loop_is_closed_warns_too(server):
    """There is nothing left to close then, and no second error."""

    async def forget():
        database = Database(server.dsn, idle_timeout=0.01)
        await database.__aenter__()
        while database.statistics().size:  # noqa: ASYNC110 - a socket of a closed loop would warn as well
            await asyncio.sleep(0.01)
        return database

    database = asyncio.run(forget())
    with pytest.warns(ResourceWarning, match="this Database was left open"):
        del database
        gc.collect()


async def test_a_database_opens_again_after_it_was_closed_or_could_not_be_opened(server, watch):
    """The same object; while it is open, or opens, a second time is a named error."""
    database = Database(server.dsn)
    for _ in range(2):
        async with database:
            with pytest.raises(ResourceError, match="already open"):
                await database.__aenter__()
            assert await items(database) == []
    opening = asyncio.create_task(database.__aenter__())
    await asyncio.sleep(0)
    with pytest.raises(ResourceError, match="already open"):
        await database.__aenter__()
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    async with database:
        assert await items(database) == []


async def test_use_in_another_loop_or_thread_is_a_named_error(database):
    """Of every public method, with and without a loop in that thread."""

    async def each():
        for block in (database.session(), database.dedicated()):
            with pytest.raises(ResourceError, match="another event loop or thread"):
                await block.__aenter__()
        for use in (database.__aenter__, database.statistics, lambda: database.__aexit__(None, None, None)):
            with pytest.raises(ResourceError, match=r"another event loop or thread|already open"):
                answer = use()
                await answer

    await asyncio.to_thread(asyncio.run, each())
    with pytest.raises(ResourceError, match="another event loop or thread"):
        await asyncio.to_thread(database.statistics)
    assert await items(database) == []


async def test_statistics_of_a_database_that_is_not_open_are_a_named_error(server):
    """Before and after."""
    database = Database(server.dsn)
    with pytest.raises(ResourceError, match="not open"):
        database.statistics()
    async with database:
        assert database.statistics().opened == 0
    with pytest.raises(ResourceError, match="not open"):
        database.statistics()
