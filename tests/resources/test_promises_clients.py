"""What the clients promise, against a site that one can look at: pages, closing, and whose connections they are."""

import asyncio
import gc
import inspect

import pytest
from peers import Peer, connections, eventually, stalls
from yarl import URL

from ztoq_async import (
    CircuitBreaker,
    ConnectionPool,
    QTestClient,
    ResourceError,
    ZephyrClient,
    ZtoqError,
    batch_processor,
    close_connection_pools,
    load_settings,
)
from ztoq_async.sandbox import Generator, Profile, Sandbox


@pytest.fixture
async def sandbox():
    """Both services with a hundred test cases; Zephyr gives pages of ten."""
    async with Sandbox(Generator(100, executions=20), profile=Profile.of({"zephyr": {"page_cap": 10}})) as both:
        yield both


@pytest.fixture
def settings(sandbox):
    """What `ztoq.toml` would say."""
    zephyr, qtest = sandbox.zephyr, sandbox.qtest
    return load_settings(
        None,
        zephyr={"base_url": zephyr.base_url, "token": zephyr.token, "project": zephyr.project},
        qtest={"base_url": qtest.base_url, "token": qtest.token, "project": qtest.project},
    )


@pytest.fixture
def port(settings):
    """Where Zephyr listens."""
    return URL(str(settings.zephyr.base_url)).port


def test_every_list_is_an_async_iterator():
    """Each public `get_…` that names several gives an async iterator at once: nothing has to be awaited first."""
    for client in (ZephyrClient, QTestClient):
        lists = [name for name in dir(client) if name.startswith("get_") and name.endswith("s")]
        assert {"get_projects", "get_test_cases", "get_test_cycles"} <= set(lists)
        for name in set(lists) - {"get_results"}:
            assert inspect.isasyncgenfunction(getattr(client, name)), name


@pytest.mark.parametrize("way", ["cleanup", "aclose", "async with", "error", "cancelled"])
async def test_however_one_leaves_no_connection_stays(settings, port, way):
    """The chapter's `finally: cleanup()`, today's names, an error and a cancellation in the midst of a list."""

    async def use():
        client = ZephyrClient(settings.zephyr)
        if way in ("cleanup", "aclose"):
            assert [project.key async for project in client.get_projects()]
            await getattr(client, way)()
            await getattr(client, way)()
            return
        async with client:
            async for _ in client.get_test_cases(settings.zephyr.project):
                if way == "error":
                    raise ZeroDivisionError
                if way == "cancelled":
                    asyncio.current_task().cancel()
                    await asyncio.sleep(5)

    outcome = (await asyncio.gather(asyncio.create_task(use()), return_exceptions=True))[0]
    assert type(outcome) is {"error": ZeroDivisionError, "cancelled": asyncio.CancelledError}.get(way, type(None))
    assert await eventually(lambda: connections(port) == [])
    assert len(asyncio.all_tasks()) < 20


async def test_a_hundred_clients_leave_nothing(settings, port):
    """Made, used and cleaned up in a row and side by side: neither sockets nor tasks pile up."""

    async def one():
        client = QTestClient(settings.qtest)
        try:
            return [project["id"] async for project in client.get_projects()]
        finally:
            await client.cleanup()

    await one()
    tasks = len(asyncio.all_tasks())
    for _ in range(10):
        assert await asyncio.gather(*(one() for _ in range(10))) == [[settings.qtest.project]] * 10
    assert await eventually(lambda: connections(URL(str(settings.qtest.base_url)).port) == [])
    assert await eventually(lambda: len(asyncio.all_tasks()) <= tasks)


async def test_a_client_in_the_midst_of_a_list_is_closed_by_its_owner_in_time(settings):
    """`cleanup()` while another task waits for an answer that never comes: both end, by a named error."""
    async with Peer(stalls) as silent:
        client = ZephyrClient(settings.zephyr.model_copy(update={"base_url": silent.url}))

        async def read():
            return [case async for case in client.get_test_cases("ABC")]

        reading = asyncio.create_task(read())
        assert await eventually(lambda: connections(silent.port))
        async with asyncio.timeout(6):
            await client.cleanup()
            with pytest.raises(ZtoqError):
                await reading
        assert await eventually(lambda: connections(silent.port) == [])


async def test_a_cleanup_closes_nobody_elses_pool(settings):
    """Neither a pool that was given, nor the own pool of another client."""
    async with ConnectionPool() as pool:
        given, other = ZephyrClient(settings.zephyr, pool=pool), ZephyrClient(settings.zephyr)
        for client in (given, other):
            assert [one.key async for one in client.get_projects()]
        await given.cleanup()
        assert pool.statistics().idle == 1
        assert [one.key async for one in other.get_projects()]
        await other.cleanup()
        async with QTestClient(settings.qtest, pool=pool) as target:
            assert [one["id"] async for one in target.get_projects()]


async def test_closing_all_pools_closes_those_of_clients_too(settings, port):
    """`close_connection_pools()` is the last line: a client whose pool went says so by name."""
    client = ZephyrClient(settings.zephyr)
    assert [one.key async for one in client.get_projects()]
    await close_connection_pools()
    assert await eventually(lambda: connections(port) == [])
    with pytest.raises(ZtoqError):
        await anext(client.get_projects())
    await client.cleanup()


async def test_a_closed_client_says_so(settings):
    """Every list, before its first record."""
    async with ZephyrClient(settings.zephyr) as client:
        pass
    for read in (client.get_projects(), client.get_test_cases("ABC"), client.get_folders("ABC")):
        with pytest.raises(ResourceError, match="closed"):
            await anext(read)


@pytest.mark.slow
async def test_a_list_of_any_length_passes_in_the_memory_of_a_page(settings):
    """In batches, one page and one batch of records are alive at a time, however many there are."""
    async with ZephyrClient(settings.zephyr) as client:
        kind = type(await anext(client.get_test_cases(settings.zephyr.project)))
        seen, most = set(), 0
        async for batch in batch_processor(client.get_test_cases(settings.zephyr.project), batch_size=5):
            seen |= {case.key for case in batch}
            del batch
            gc.collect()
            most = max(most, sum(isinstance(thing, kind) for thing in gc.get_objects()))
    assert len(seen) == 100
    assert 1 <= most <= 10 + 5 + 1


async def test_two_may_read_the_same_list_at_once(settings):
    """Iterators of one client do not disturb each other, and one that is left does not end the other."""
    async with ZephyrClient(settings.zephyr) as client:

        async def read(most):
            keys = []
            async for case in client.get_test_cases(settings.zephyr.project):
                keys.append(case.key)
                if len(keys) == most:
                    break
            return keys

        whole, part, again = await asyncio.gather(read(1000), read(13), read(1000))
    assert (len(set(whole)), whole, part) == (100, again, whole[:13])


async def test_idle_circuits_of_a_client_can_be_forgotten(settings):
    """The chapter's synchronous call removes them, once; the client goes on with new ones."""
    async with ZephyrClient(settings.zephyr) as client:
        assert [one.key async for one in client.get_projects()]
        assert CircuitBreaker.cleanup_idle_circuits(idle=3600.0) == 0
        assert CircuitBreaker.cleanup_idle_circuits(idle=0.0) >= 1
        assert CircuitBreaker.cleanup_idle_circuits(idle=0.0) == 0
        assert [one.key async for one in client.get_projects()]
